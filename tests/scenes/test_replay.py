"""A chat log that is replayed is the log again: its messages, its order, its time."""

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from errors import MessageError
from schemas import decode
from simulators import ReplaySimulator
from tests.support.chatlogs import CSV, IRC, IRC_SAID, JSONL, TABLE_SAID, write
from tests.support.logread import records

CHATLOGS = Path(os.environ.get('CHATLOGS') or Path(__file__).parents[3] / 'shared' / 'chatlogs')
FAST = float('inf')
DAY = 86400.0


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 6))
        self.now += seconds


@pytest.mark.parametrize(
    ('name', 'text', 'said', 'skipped'),
    [('a.txt', IRC, IRC_SAID, 4), ('a.jsonl', JSONL, TABLE_SAID, 7), ('a.csv', CSV, TABLE_SAID, 2)],
    ids=['irc', 'jsonl', 'csv'],
)
def test_a_log_is_replayed_message_by_message(
    topic: str,
    tmp_path: Path,
    name: str,
    text: str,
    said: list[tuple[float, str, str]],
    skipped: int,
) -> None:
    """All messages of the log are on the topic, in order, keyed by sender, with their times.

    Other lines are skipped and counted.
    """
    replay = ReplaySimulator(write(tmp_path, name, text), speed=FAST, topic=topic)
    assert replay.simulate(print_msg=False) == len(said)
    assert replay.skipped == skipped
    log = records(topic)
    first = log[0].timestamp
    found = [
        ((record.timestamp - first) / 1000, record.key.decode(), decode(record.value))
        for record in log
    ]
    assert [(key, value) for _, key, value in found] == [
        (sender, {'sender': sender, 'contents': contents}) for _, sender, contents in said
    ]
    assert [seconds for seconds, _, _ in found] == pytest.approx(
        [seconds for seconds, _, _ in said], abs=0.002
    )


def test_a_replay_keeps_the_logs_pace(topic: str, tmp_path: Path) -> None:
    """The speed divides the pauses of the log.

    They are kept from the start: a late message does not delay the next one.
    """
    path = write(tmp_path, 'a.csv', 'sender,contents,timestamp\na,1,0\na,2,60\na,3,60\na,4,180\n')
    clock = Clock()
    ReplaySimulator(path, topic=topic, speed=60, clock=clock, sleep=clock.sleep).simulate(
        print_msg=False
    )
    assert clock.sleeps == [1.0, 2.0]

    class Slow(ReplaySimulator):
        def send(self, value: Any) -> Any:
            clock.now += 1.5
            return super().send(value)

    clock.sleeps.clear()
    Slow(path, topic=topic, speed=60, clock=clock, sleep=clock.sleep).simulate(print_msg=False)
    assert clock.sleeps == []
    ReplaySimulator(path, topic=topic, speed=FAST, clock=clock, sleep=clock.sleep).simulate(
        print_msg=False
    )
    assert clock.sleeps == []


@pytest.mark.parametrize('speed', [0.5, 1.0, 60.0, 3600.0, FAST])
def test_no_timestamp_is_in_the_future_and_the_last_is_now(
    topic: str, tmp_path: Path, speed: float
) -> None:
    """Timestamps are as far apart as in the log, and none is in the future.

    At the log's own pace or faster, the last one is the time of sending.
    """
    path = write(tmp_path, 'a.txt', IRC)
    clock = Clock()
    clock.now = time.time() - 10 * DAY
    ReplaySimulator(path, topic=topic, speed=speed, clock=clock, sleep=clock.sleep).simulate(
        print_msg=False
    )
    stamps = [record.timestamp / 1000 for record in records(topic)]
    assert [stamp - stamps[0] for stamp in stamps] == pytest.approx(
        [elapsed for elapsed, _, _ in IRC_SAID], abs=0.002
    )
    if speed >= 1:
        assert stamps[-1] == pytest.approx(clock.now, abs=0.002)
    else:
        assert stamps[-1] < clock.now


def test_time_need_not_be_kept(topic: str, tmp_path: Path) -> None:
    """keep_time=False stamps each record with the time of its sending."""
    begun = time.time()
    ReplaySimulator(
        write(tmp_path, 'a.txt', IRC), speed=FAST, topic=topic, keep_time=False
    ).simulate(print_msg=False)
    assert all(begun - 0.01 <= record.timestamp / 1000 <= time.time() for record in records(topic))


def test_a_replay_starts_anew_each_time_and_stops_at_count(
    topic: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A count ends a replay early; the next simulate() begins with the first message.

    So does ``skipped``, with 0.
    """
    replay = ReplaySimulator(write(tmp_path, 'a.txt', IRC), speed=FAST, topic=topic)
    assert (replay.simulate(count=2), capsys.readouterr().out) == (
        2,
        'ann said: hello\nbob said: [00:01] <ann> is not me\n',
    )
    assert (replay.simulate(print_msg=False), replay.skipped) == (8, 4)
    assert [decode(record.value)['contents'] for record in records(topic)] == [
        said[2] for said in IRC_SAID[:2] + IRC_SAID
    ]


def test_a_replay_can_be_overridden(topic: str, tmp_path: Path) -> None:
    """A child of ReplaySimulator may override get_message and get_sender.

    ``super()`` gives the log's own.
    """

    class Shout(ReplaySimulator):
        def get_message(self) -> str:
            return super().get_message().upper()

        def get_sender(self) -> str:
            return f'big {super().get_sender()}'

    Shout(write(tmp_path, 'a.jsonl', JSONL), speed=FAST, topic=topic).simulate(
        count=1, print_msg=False
    )
    assert [(record.key, decode(record.value)['contents']) for record in records(topic)] == [
        (b'big ann', 'HELLO')
    ]


def test_an_empty_log_is_no_error(topic: str, tmp_path: Path) -> None:
    """A log without a line sends nothing."""
    assert ReplaySimulator(write(tmp_path, 'a.txt', ''), topic=topic).simulate() == 0


def test_what_cannot_be_replayed_is_said_at_once(tmp_path: Path) -> None:
    """What cannot be replayed is an error that names the value and a way out.

    That is a wrong path, format or speed, a CSV without header, and a log without a message.
    """
    irc = write(tmp_path, 'a.txt', IRC)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({'path': tmp_path / 'none.txt'}, r'none\.txt.*is not a file\. Give the path'),
        ({'path': tmp_path}, 'is not a file'),
        ({'path': irc, 'format': 'xml'}, "'xml'.*'irc', 'jsonl', 'csv'"),
        ({'path': irc, 'speed': 0}, r"speed is 0\..*float\('inf'\)"),
        ({'path': irc, 'speed': -1}, 'speed is -1'),
        ({'path': irc, 'speed': float('nan')}, 'speed is nan'),
        ({'path': irc, 'format': 'csv'}, 'sender,contents,timestamp'),
        ({'path': irc, 'format': 'jsonl'}, r"None of the 12 lines.*'jsonl'.*format="),
        (
            {'path': write(tmp_path, 'a.csv', 'name,text\na,b\n')},
            r"\['name', 'text'\].*sender,contents",
        ),
        (
            {'path': write(tmp_path, 'b.csv', b'x' * 200_000)},
            r'b\.csv.*field larger than field limit',
        ),
    ]
    for arguments, message in wrong:
        with pytest.raises(MessageError, match=message):
            ReplaySimulator(**arguments)


@pytest.mark.skipif(
    not CHATLOGS.is_dir(),
    reason=f'no folder {CHATLOGS}: set CHATLOGS to one that holds the two ubuntu-irc-*.txt logs',
)
def test_two_real_days_are_replayed_whole(topic: str) -> None:
    """Every message of two real days of a busy channel, 3,559 in all, is on the topic.

    A few independent lines of code find them in the files.
    """
    paths = sorted(CHATLOGS.glob('ubuntu-irc-*.txt'))
    assert len(paths) == 2
    expected, others = [], 0
    for path in paths:
        for line in path.read_bytes().decode('utf-8', 'replace').removesuffix('\n').split('\n'):
            if re.match(r'\[\d\d:\d\d\] <', line):
                sender, _, contents = line[9:].partition('>')
                expected.append((sender, contents.removeprefix(' ')))
            else:
                others += 1
    replays = [ReplaySimulator(path, speed=FAST, topic=topic) for path in paths]
    assert sum(replay.simulate(print_msg=False) for replay in replays) == len(expected) == 3559
    assert sum(replay.skipped for replay in replays) == others
    found = [decode(record.value) for record in records(topic)]
    assert [(value['sender'], value['contents']) for value in found] == expected
