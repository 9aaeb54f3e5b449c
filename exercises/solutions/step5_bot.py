"""A solution of exercise 5."""

from random import Random

from bots import AnswerBot


class DiceBot(AnswerBot):
    random = Random()

    def answer(self, message):
        command, *rest = message['contents'].split() or ['']
        sides = rest[0] if rest else '6'
        if command != '!dice' or not sides.isdecimal() or int(sides) < 1:
            return None
        return f'you rolled a {self.random.randint(1, int(sides))}'
