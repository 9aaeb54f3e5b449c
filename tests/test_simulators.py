"""Things that talk: what they say is in the log, as often as they say it is."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import simulators
from errors import MessageError
from schemas import decode
from simulators import (
    CrowdSimulator,
    MsgChoiceSimulator,
    MsgSimulator,
    NonsenseSimulator,
    SpamSimulator,
)
from tests.support.logread import records, values

ROOT = Path(__file__).parents[1]


def said(simulator: MsgSimulator, count: int = 30) -> list[Any]:
    """What a simulator would say, without Kafka."""
    return [simulator.get_value() for _ in range(count)]


MAKERS: dict[str, Callable[[int | None], MsgSimulator]] = {
    'nonsense': lambda seed: NonsenseSimulator('any', seed=seed),
    'choice': lambda seed: MsgChoiceSimulator(msg_choices=['a', 'b', 'c'], seed=seed),
    'spam': lambda seed: SpamSimulator('any', seed=seed),
    'crowd': lambda seed: CrowdSimulator('any', seed=seed),
}


@pytest.mark.parametrize('make', MAKERS.values(), ids=MAKERS)
def test_a_seed_repeats_the_run(make: Callable[[int | None], MsgSimulator]) -> None:
    """The same seed says the same, another seed or none something else."""
    assert said(make(5)) == said(make(5))
    assert said(make(5)) != said(make(6))
    assert said(make(None)) != said(make(None))


def test_a_simulator_leaves_the_global_randomness_alone() -> None:
    """Chance is each simulator's own: the module `random` is neither read nor seeded."""
    import random

    random.seed(1)
    expected = random.Random(1).random()
    said(CrowdSimulator('any', seed=3))
    said(NonsenseSimulator('any', seed=3))
    assert random.random() == expected


def test_the_walkthrough_call_says_what_is_in_the_log(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """NonsenseSimulator(topic, key, delay) sends {'sender', 'contents'} under its key.

    It prints each message.
    """
    assert NonsenseSimulator(topic=topic, key='green', delay=0).simulate(count=3) == 3
    log = records(topic)
    assert [record.key for record in log] == [b'green'] * 3
    shown = [
        f'{value["sender"]} said: {value["contents"]}'
        for value in map(decode, (record.value for record in log))
    ]
    assert capsys.readouterr().out.splitlines() == shown
    assert all(re.fullmatch(r'green said: the \w+ \w+ \w+ a \w+ \w+', line) for line in shown)


def test_nonsense_is_good_english() -> None:
    """Every adjective and noun takes the article "a", and every noun's plural ends in a mere s."""
    words = simulators.ADJECTIVES + simulators.NOUNS
    assert len(words) == len(set(words)) == 32
    assert [word for word in words if word[0] in 'aeiou'] == []
    assert [
        word for word in simulators.NOUNS if word.endswith(('s', 'x', 'z', 'ch', 'sh', 'oose'))
    ] == []


def test_a_bot_of_three_lines_speaks(topic: str) -> None:
    """Overriding get_message is enough; what is said goes through."""

    class EchoBot(MsgSimulator):
        def get_message(self) -> str:
            return 'all is well'

    EchoBot(topic, key='watchman', delay=0).simulate(count=2)
    assert values(topic) == [{'sender': 'watchman', 'contents': 'all is well'}] * 2


def test_get_sender_is_honoured_and_keys_the_record(topic: str) -> None:
    """Without a key each message is keyed by the sender that get_sender names."""

    class Two(MsgSimulator):
        def get_sender(self) -> str:
            return 'even' if self.tally.sent % 2 == 0 else 'odd'

    Two(topic, delay=0).simulate(count=4, print_msg=False)
    assert [(record.key, decode(record.value)['sender']) for record in records(topic)] == [
        (b'even', 'even'),
        (b'odd', 'odd'),
    ] * 2


def test_get_value_is_honoured_and_none_ends_the_run(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any JSON value may be said; None means that there is no more to say."""

    class Countdown(MsgSimulator):
        def get_value(self) -> Any:
            return {'left': 3 - self.tally.sent} if self.tally.sent < 3 else None

    assert Countdown(topic, key='clock', delay=0).simulate() == 3
    assert values(topic) == [{'left': 3}, {'left': 2}, {'left': 1}]
    assert capsys.readouterr().out == "{'left': 3}\n{'left': 2}\n{'left': 1}\n"


def test_get_delay_is_honoured_between_messages_only(topic: str) -> None:
    """A delay stands between two messages.

    None before the first, none after the last, none for 0.
    """
    waits: list[float] = []
    pauses = iter([0.25, 0, 4.0])

    class Moody(MsgSimulator):
        def get_delay(self) -> float:
            return next(pauses)

    Moody(topic, sleep=waits.append).simulate(count=4, print_msg=False)
    assert waits == [0.25, 4.0]
    MsgSimulator(topic, delay=0.5, sleep=waits.append).simulate(count=2, print_msg=False)
    assert waits == [0.25, 4.0, 0.5]


def test_a_sender_is_given_or_the_key_or_made_up() -> None:
    """sender= wins, then the key; without both there is a made-up name, which the seed repeats."""
    assert MsgSimulator('any', key='red', sender='Rita').get_value()['sender'] == 'Rita'
    assert MsgSimulator('any', key='red').get_value()['sender'] == 'red'
    assert re.fullmatch(r'[a-z]+-[a-z]+', MsgSimulator('any', seed=1).sender)
    assert MsgSimulator('any', seed=1).sender == MsgSimulator('any', seed=1).sender


def test_what_is_printed_cannot_drive_the_terminal(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences and newlines are shown, not obeyed; the log has them as they were said."""
    MsgChoiceSimulator(
        msg_choices=['\x1b[2J\nroot said: hi'], topic=topic, key='eve', delay=0
    ).simulate(count=1)
    assert capsys.readouterr().out == 'eve said: \\x1b[2J\\nroot said: hi\n'
    assert values(topic)[0]['contents'] == '\x1b[2J\nroot said: hi'


def test_a_count_of_nothing_sends_nothing(topic: str) -> None:
    """count=0 returns 0; the topic stays empty."""
    assert MsgSimulator(topic).simulate(count=0) == 0
    assert records(topic) == []


def test_what_is_no_message_is_refused_before_the_wire(topic: str) -> None:
    """No text from get_message, no JSON from get_value: an error shows the value.

    What was said before is kept.
    """

    class Forgetful(MsgSimulator):
        def get_message(self) -> str:
            return 'hello' if self.tally.sent < 2 else None  # type: ignore[return-value]

    class Strange(MsgSimulator):
        def get_value(self) -> Any:
            return {'sender': 'x', 'contents': {1, 2}}

    with pytest.raises(MessageError, match=r'None.*`str`.*contents'):
        Forgetful(topic, delay=0).simulate(count=5, print_msg=False)
    with pytest.raises(MessageError, match='set'):
        Strange(topic).simulate(count=1)
    import producer

    producer.flush()
    assert len(records(topic)) == 2


@pytest.mark.parametrize('choices', [[], 'hello', ()])
def test_there_must_be_something_to_choose_from(choices: Any) -> None:
    """No choices, or one text in place of a list, is an error that says what to give."""
    with pytest.raises(MessageError, match='msg_choices='):
        MsgChoiceSimulator(choices)


def test_all_choices_are_made_and_no_other(topic: str) -> None:
    """MsgChoiceSimulator says each of its texts sooner or later, and nothing else."""
    MsgChoiceSimulator(msg_choices=['yes', 'no'], topic=topic, delay=0, seed=1).simulate(
        count=40, print_msg=False
    )
    assert {value['contents'] for value in values(topic)} == {'yes', 'no'}


def test_a_crowd_has_many_senders_each_on_one_partition(make_topic: Callable[..., str]) -> None:
    """Each of the crowd's senders has a key of its own and stays on one partition.

    Together they use them all.
    """
    topic = make_topic(partitions=3)
    assert (
        CrowdSimulator(topic, senders=20, delay=0, seed=1).simulate(count=400, print_msg=False)
        == 400
    )
    log = records(topic)
    assert len(log) == 400
    assert all(record.key.decode() == decode(record.value)['sender'] for record in log)
    places = {(record.key, record.partition) for record in log}
    assert (len(places), len({key for key, _ in places}), {number for _, number in places}) == (
        20,
        20,
        {0, 1, 2},
    )


def test_a_big_crowd_has_no_double() -> None:
    """So many senders are so many names; a crowd of nobody is refused."""
    assert len(set(CrowdSimulator('any', senders=5000, seed=1).senders)) == 5000
    with pytest.raises(MessageError, match='senders is 0'):
        CrowdSimulator('any', senders=0)


def test_importing_simulators_does_not_import_faker() -> None:
    """Only who makes a crowd waits for Faker."""
    code = """
import simulators, sys
print('faker' in sys.modules)
simulators.CrowdSimulator('any')
print('faker' in sys.modules)
"""
    run = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (run.stdout.split(), run.stderr) == (['False', 'True'], '')


def test_a_spammer_is_over_the_limit_of_the_throttle(topic: str) -> None:
    """One sender, more than 100 messages within 60 seconds of record time."""
    assert SpamSimulator(topic).simulate(count=101, print_msg=False) == 101
    log = records(topic)
    assert {decode(record.value)['sender'] for record in log} == {'spammer'}
    assert len(log) == 101
    assert log[-1].timestamp - log[0].timestamp < 60_000


def test_a_simulator_runs_in_a_thread(topic: str) -> None:
    """Outside the main thread, where no signal handler may be set, simulate works as well."""
    counts: list[int] = []
    thread = threading.Thread(
        target=lambda: counts.append(
            MsgSimulator(topic, delay=0).simulate(count=5, print_msg=False)
        )
    )
    thread.start()
    thread.join(timeout=30)
    assert counts == [5]
