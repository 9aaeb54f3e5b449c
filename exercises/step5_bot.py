"""Write a chatbot that rolls dice.

Finish ``DiceBot``. To ``!dice`` it answers ``you rolled a 4``, with a number from 1 to 6 that
``self.random`` picks, and to ``!dice 20`` with a number from 1 to 20. To anything else it says
nothing. ``answer`` is given a message, ``{'sender': 'red', 'contents': '!dice'}``, and returns what
to say, or None.
"""

from random import Random

from bots import AnswerBot


class DiceBot(AnswerBot):
    random = Random()

    def answer(self, message):
        return None  # your turn


# --- the check: leave it as it is ---


def test_dice(topic, say, hear):
    bot = DiceBot(topic, sender='dice')
    answers = [bot.answer({'sender': 'red', 'contents': '!dice'}) for _ in range(200)]
    assert answers[0] is not None, (
        "answer() returned None for '!dice'. Look at message['contents'], and return a text."
    )
    expected = {f'you rolled a {number}' for number in range(1, 7)}
    assert set(answers) == expected, (
        f'200 rolls should give all of {sorted(expected)}, and nothing else.'
    )
    large = {bot.answer({'sender': 'red', 'contents': '!dice 20'}) for _ in range(2000)}
    assert large == {f'you rolled a {number}' for number in range(1, 21)}, (
        "2000 rolls of '!dice 20' should give all numbers from 1 to 20."
    )
    for contents in ('hello', 'dice', '!dices', '!dice many', '!dice 0'):
        answer = bot.answer({'sender': 'red', 'contents': contents})
        assert answer is None, f'To {contents!r} it should say nothing, and says {answer!r}.'
    with bot:
        say('red', '!dice')
        bot.run(count=1)
    assert hear()[-1]['sender'] == 'dice', 'answer() is right, but nothing was sent to Kafka.'
