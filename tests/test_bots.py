"""Bots answer people, and neither themselves nor each other; one talks as the room has talked."""

import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

import markovify
import pytest

from bots import AnswerBot, RoomTalker, is_from_bot
from processing.replay import read_back
from producer import flush, send_msg
from schemas import decode
from testing import record
from tests.support.logread import records
from tests.support.reallog import COUNT, needs_chatlogs, replay, said

Say = Callable[..., None]
Hear = Callable[..., list[Any]]
MakeTopic = Callable[..., str]


class Echo(AnswerBot):
    """Answers everything: two of them would never end."""

    def answer(self, message: Any) -> str:
        return f'you said {message["contents"]}'


def test_a_bot_answers(
    topic: str, say: Say, hear: Hear, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who says what the bot knows gets its answer; what it does not know it leaves alone.

    The bot prints what it says.
    """
    with AnswerBot(topic, answers={'!ping': 'pong'}, sender='ponger') as bot:
        say('red', 'hello')
        say('red', ' !PING ')
        assert bot.run(count=2) == 2
    assert hear()[2:] == [{'sender': 'ponger', 'contents': 'pong'}]
    assert capsys.readouterr().out == 'ponger said: pong\n'


def test_what_to_answer_is_decided_without_kafka() -> None:
    """The decision can be tested by itself, and needs no Kafka."""
    bot = AnswerBot('human-messages', answers={'!ping': 'pong'})
    assert bot.answer({'sender': 'red', 'contents': '!ping'}) == 'pong'
    assert bot.answer({'sender': 'red', 'contents': 'ping'}) is None
    assert is_from_bot(record('red', 'hello', headers=[('bot', b'red')]))
    assert not is_from_bot(record('red', 'hello', headers=[('mood', b'bot')]))


def test_two_bots_stay_quiet_towards_each_other(topic: str, say: Say, hear: Hear) -> None:
    """Two bots that answer everything.

    Each answers each person's message once, and after that there is silence.
    """
    bots = [Echo(topic, sender='one'), Echo(topic, sender='two'), Echo(topic, sender='two')]
    threads = [threading.Thread(target=bot.run, daemon=True) for bot in bots]
    for bot in bots:
        bot.open()
    for thread in threads:
        thread.start()
    people = [f'message {number}' for number in range(5)]
    for text in people:
        say('red', text)
    heard = hear(len(people) * 4)
    deadline = time.monotonic() + 30
    while any(
        sum(bot._next.values()) < len(people) * 4 for bot in bots
    ):  # each bot has read all answers
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for bot, thread in zip(bots, threads, strict=True):
        bot.stop()
        thread.join(10)
        bot.close()
    assert hear() == []
    expected = [('red', text) for text in people] + [
        (name, f'you said {text}') for text in people for name in ('one', 'two', 'two')
    ]
    assert sorted((each['sender'], each['contents']) for each in heard) == sorted(expected)


def test_an_unsigned_bot_would_not_be_quiet(topic: str, say: Say, hear: Hear) -> None:
    """The signature is what keeps them quiet.

    A message without it is a person's, even if a bot's words are in it.
    """
    with Echo(topic, sender='one') as bot:
        say('two', 'you said hello')
        say('two', 'you said hello', headers=[('bot', b'two')])
        say('one', 'my own name, unsigned')
        assert bot.run(count=4) == 4
    assert hear()[3:] == [{'sender': 'one', 'contents': 'you said you said hello'}]


def test_a_durable_bot_answers_once(topic: str, say: Say, hear: Hear) -> None:
    """What was asked while it was away it answers later.

    If Kafka lost the commit, its own answers say what it did.
    """
    for number in range(3):
        say('red', str(number))
    Echo(topic, sender='echo', group_id='first', offset='earliest').run(count=2)
    assert len(hear()) == 5
    Echo(topic, sender='echo', group_id='second', offset='earliest').run(timeout=0.3)
    assert hear() == [{'sender': 'echo', 'contents': 'you said 2'}]
    say('red', '3')
    Echo(topic, sender='echo', group_id='second', offset='earliest').run(timeout=0.3)
    assert hear() == [
        {'sender': 'red', 'contents': '3'},
        {'sender': 'echo', 'contents': 'you said 3'},
    ]


def test_a_durable_bot_answers_once_however_long_ago(topic: str, say: Say, hear: Hear) -> None:
    """Its answers are remembered although its commit is lost and much was said since."""
    say('red', 'first')
    Echo(topic, sender='echo', group_id='first', offset='earliest').run(count=1)
    for number in range(20_500):
        send_msg(topic, {'sender': 'bot', 'contents': str(number)}, headers=[('bot', b'other')])
    say('red', 'last')
    Echo(topic, sender='echo', group_id='second', offset='earliest').run(timeout=0.3)
    answers = [each['contents'] for each in hear() if each['sender'] == 'echo']
    assert answers == ['you said first', 'you said last']


def test_durable_bots_do_not_take_the_answers_of_others_for_theirs(
    topic: str, say: Say, hear: Hear
) -> None:
    """A bot that comes late answers what another one has answered."""
    say('red', 'hello')
    for name in ('one', 'two', 'one'):
        Echo(topic, sender=name, group_id=f'{name}-group', offset='earliest').run(timeout=0.3)
    assert [each['sender'] for each in hear()] == ['red', 'one', 'two']


@pytest.mark.parametrize('partitions', [1, 3])
def test_a_durable_bot_reads_back_what_can_matter(make_topic: MakeTopic, partitions: int) -> None:
    """On one partition, answers are behind their questions, and those behind the commit.

    On several, an answer may be anywhere. Either way a commit that was lost doubles nothing.
    """
    topic = make_topic(partitions=partitions)
    options: dict[str, Any] = {'sender': 'echo', 'group_id': f'{topic}-group', 'offset': 'earliest'}

    def ask(*texts: str) -> None:
        for text in texts:
            send_msg(topic, {'sender': f'person {text}', 'contents': text}, block=True)

    def answers() -> list[str]:
        said = [decode(each.value) for each in records(topic)]
        return sorted(each['contents'] for each in said if each['sender'] == 'echo')

    ask('1', '2', '3')
    Echo(topic, **options).run(timeout=0.3)
    ask('4', '5', '6')
    lost = Echo(topic, **options)
    lost._try_commit = lambda consumer: None  # type: ignore[method-assign]
    lost.run(timeout=0.3)
    again = Echo(topic, **options)
    again.run(timeout=0.3)
    assert len(set(again._answered)) == (3 if partitions == 1 else 6)
    assert answers() == [f'you said {number}' for number in range(1, 7)]


@needs_chatlogs
def test_a_talker_knows_the_room(topic: str, say: Say, hear: Hear) -> None:
    """It learns each of two real days' messages once, and none of a bot's.

    It learns as markovify itself does from the files.
    """
    replay(topic)
    send_msg(topic, {'sender': 'other', 'contents': 'words of a bot'}, headers=[('bot', b'other')])
    flush()
    texts = [contents for _, contents in said()]
    with RoomTalker(topic, every=2, seed=5) as talker:
        say('red', 'live unheard-of words')
        assert talker.run(count=1) == 1
        assert talker.learned == COUNT + 1
        say('red', 'and more')
        assert talker.run(count=1) == 1
    chain = markovify.Chain(
        [text.split() for text in [*texts, 'live unheard-of words', 'and more']], 2
    )
    assert talker._follows == chain.model
    spoken = [each for each in records(topic) if dict(each.headers).get('bot') == b'parrot']
    assert len(spoken) == 1
    words = hear()[-1]['contents'].split()
    begin = markovify.chain.BEGIN
    states = list(
        zip([begin, begin, *words], [begin, *words], [*words, markovify.chain.END], strict=False)
    )
    assert all(follow in chain.model[before, last] for before, last, follow in states)


def test_a_seed_repeats_the_talk() -> None:
    """The same seed and the same log give the same words; chance elsewhere does not matter."""
    talkers = [
        RoomTalker('human-messages', seed=3),
        RoomTalker('human-messages', seed=3),
        RoomTalker('human-messages', seed=4),
    ]
    chance = Random(1)
    texts = [' '.join(chance.choices(['cat', 'sat', 'mat', 'hat'], k=6)) for _ in range(50)]
    for talker in talkers:
        for text in texts:
            talker.learn(text)
    first, second, third = [[talker.sentence() for _ in range(10)] for talker in talkers]
    assert first == second != third


@pytest.mark.parametrize('texts', [[], [''], ['   ']])
def test_a_talker_with_nothing_to_say_is_quiet(texts: list[str]) -> None:
    """Who has learned nothing says nothing."""
    talker = RoomTalker('human-messages', every=1)
    for text in texts:
        talker.learn(text)
    assert talker.sentence() == ''
    assert talker.answer({'sender': 'red', 'contents': 'hello'}) is None


def test_a_durable_talker_reacts_once_and_knows_all(topic: str, say: Say, hear: Hear) -> None:
    """The group remembers what it reacted to, the log what was said.

    After a restart it speaks for new messages only, from all it heard.
    """
    for text in ['the cat sat', 'the dog ran']:
        say('red', text)
    RoomTalker(topic, every=1, group_id='talker', offset='earliest').run(timeout=0.3)
    assert len(hear()) == 4
    say('red', 'a bird flew')
    talker = RoomTalker(topic, every=1, group_id='talker', offset='earliest')
    talker.run(timeout=0.3)
    assert talker.learned == 3
    assert [each['sender'] for each in hear()] == ['red', 'parrot']
    assert sum(1 for each in read_back(topic) if is_from_bot(each)) == 3
