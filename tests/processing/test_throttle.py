"""The throttle, without Kafka and with a made-up clock."""

import random
import subprocess
import sys

import pytest

from processing.throttle import Throttle


def by_counting(messages: list[tuple[str, float]], limit: int, duration: float) -> list[bool]:
    """The throttle's rule, said the slow way."""
    return [
        sum(1 for sender, sent in messages[: index + 1] if sender == who and sent > now - duration)
        > limit
        for index, (who, now) in enumerate(messages)
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
from processing.throttle import Throttle
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
