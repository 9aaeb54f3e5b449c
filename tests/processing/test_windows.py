"""The throttle and the word filter, without Kafka and with a made-up clock."""

import json
import random
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from processing.windows import METADATA_BYTES, Partition, Throttle, WordFilter


def by_counting(messages: list[tuple[str, float]], limit: int, duration: float) -> list[bool]:
    """The throttle's rule, said the slow way."""
    return [
        sum(1 for sender, sent in messages[: place + 1] if sender == who and sent > now - duration)
        > limit
        for place, (who, now) in enumerate(messages)
    ]


@pytest.mark.parametrize('limit', [0, 1, 2, 5, 20])
@pytest.mark.parametrize('duration', [1.0, 5.0, 60.0])
def test_the_throttle_decides_as_counting_does(limit: int, duration: float) -> None:
    """Constant time a message, and the same answers."""
    chance = random.Random(limit)
    for _ in range(30):
        now, messages = 1000.0, []
        for _ in range(200):
            now += chance.choice([0.0, 0.1, 1.0, 5.0, 30.0])
            messages.append((chance.choice('abc'), now))
        throttle = Throttle(limit, duration)
        assert [throttle.over(who, now) for who, now in messages] == by_counting(
            messages, limit, duration
        )


def test_the_window_is_open_at_its_far_end() -> None:
    """A message exactly `duration` ago does not count any more."""
    throttle = Throttle(1, 60.0)
    assert [throttle.over('red', now) for now in (0.0, 60.0, 119.9)] == [False, False, True]


def test_quiet_after_an_alert() -> None:
    """repeat_interval is the least time between two alerts about one sender."""
    throttle = Throttle(1, 60.0, repeat_interval=10.0)
    assert [throttle.over('red', float(now)) for now in range(24)] == [False, True] + (
        [False] * 9 + [True]
    ) * 2 + [False, False]


def test_idle_senders_are_forgotten() -> None:
    """Whoever was silent for two durations is in no table."""
    throttle = Throttle(3, 10.0)
    for number in range(1000):
        throttle.over(f'sender {number}', 100.0)
    throttle.over('red', 111.0)
    throttle.over('red', 122.0)
    assert len(throttle) == 1


def test_a_sender_costs_at_most_300_bytes_and_nothing_once_idle() -> None:
    """A million senders within one window, in a process of their own."""
    program = """
from processing.windows import Throttle
page = 4096
resident = lambda: int(open('/proc/self/statm').read().split()[1]) * page
before = resident()
throttle = Throttle(100, 60.0)
for number in range(1_000_000):
    throttle.over(f'sender-{number:07}', 1000 + number / 50_000)
full = resident()
for number in range(1_000_000):
    throttle.over(f'other-{number:07}', 1200 + number / 50_000)
print((full - before) / 1e6, (resident() - full) / 1e6)
"""
    if not sys.platform.startswith('linux'):
        pytest.skip('resident memory is read from /proc, which Linux alone has')
    each, more = map(
        float,
        subprocess.run(
            [sys.executable, '-c', program], capture_output=True, text=True, check=True
        ).stdout.split(),
    )
    assert each <= 300, f'{each:.0f} bytes a sender'
    assert more <= 60, (
        f'{more:.0f} bytes a sender for a second million, although the first one had been idle'
    )


@pytest.mark.parametrize(
    ('text', 'masked'),
    [
        ('Well, D4mn it', 'Well, D*** it'),
        ('d.a.m.n', 'd******'),
        ('dåmn', 'd***'),
        ('DAAAMN!', 'D*****!'),
        ('a$$', 'a**'),
        ('d\u200bamn', 'd****'),
        ('classic assessment of a damnation', 'classic assessment of a damnation'),
        ('', ''),
        ('ＤＡＭＮ', 'Ｄ***'),
    ],
)
def test_words_are_found_in_disguise_and_not_inside_others(text: str, masked: str) -> None:
    """Whole words only; case, accents, digits, dots and repetition do not help."""
    assert WordFilter(['damn', 'ass']).mask(text) == masked


def test_no_words_find_nothing() -> None:
    """An empty list is a list."""
    assert WordFilter([]).find('damn') == []


@pytest.mark.parametrize(
    'text', ['a' * 50_000, 'd.' * 25_000, 'da' * 25_000, '4' * 50_000, 'damn ' * 200_000]
)
@pytest.mark.timeout(10)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    """No text makes the search explode."""
    WordFilter(['damn', 'assassin', 'aaa']).mask(text)


def test_a_commit_tells_where_to_replay_from() -> None:
    """What was marked within the window is kept, what lies before it is not, and the next one goes on from there."""
    partition = Partition(Throttle(3, 10.0, repeat_interval=60.0))
    for offset in range(100):
        partition.mark(offset, 10.0)
        partition.now = 1000.0 + offset
        partition.state.over('red', partition.now)
    metadata = partition.as_metadata(100)
    other = Partition(Throttle(3, 10.0, repeat_interval=60.0))
    start = other.restore(metadata, 100)
    assert 85 <= start <= 90
    other.end_replay()
    assert (other.now, other.replay_until, other.state.carried) == (
        1099.0,
        100,
        partition.state.carried,
    )


def test_what_is_replayed_keeps_its_time() -> None:
    """Whoever takes over knows to a 64th of the window when each record was seen, though the records' own times are no help."""
    partition, other, seen = Partition(None), Partition(None), []
    for offset in range(1000):
        partition.mark(offset, 64.0)
        partition.now = 5000.0 + offset / 10
        seen.append(partition.now)
    start = other.restore(partition.as_metadata(1000), 1000)
    assert 300 <= start <= 400
    replayed = [SimpleNamespace(offset=offset) for offset in range(start, 1100)]
    walls = [
        wall
        for part in (replayed[:250], replayed[250:])
        for some, wall in other.as_then(part)
        for _ in some
    ]
    assert len(walls) == 1000 - start
    assert all(now <= wall <= now + 1.2 for now, wall in zip(seen[start:], walls, strict=True))


@pytest.mark.parametrize('metadata', ['', 'written by another tool'])
def test_a_commit_of_another_tool_replays_nothing(metadata: str) -> None:
    """Offsets that were set by hand are taken as they are."""
    assert Partition(None).restore(metadata, 7) == 7


def test_metadata_always_fits() -> None:
    """Kafka refuses more than 4,096 bytes; then the marks are left out, or what the state carries."""
    state: Any = Throttle(1, 60.0, 60.0)
    partition = Partition(state)
    for offset in range(0, 10**14, 10**11):
        partition.mark(offset, 60.0)
        partition.now = 1.8e9 + offset / 1e11 / 3
    for senders, kept in ((20, {'marks', 'carried'}), (100, {'carried'}), (10_000, {'marks'})):
        state.carried = {f'sender {number}': 1.8e9 + number / 7 for number in range(senders)}
        metadata = partition.as_metadata(10**14)
        assert len(metadata) <= METADATA_BYTES
        assert {'from', 'before', 'now'} | kept == json.loads(metadata).keys()
