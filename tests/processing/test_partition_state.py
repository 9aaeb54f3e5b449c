"""What a partition's state remembers, and what of it a commit carries."""

from types import SimpleNamespace
from typing import Any

import pytest

from processing import commit_metadata
from processing.partition_state import PartitionState
from processing.throttle import Throttle


def hand_over(state: PartitionState, offset: int, to: PartitionState) -> int:
    """Another member takes up what a commit at an offset says. Returns where its replay begins."""
    text = commit_metadata.dump(state.remember(offset))
    return to.restore(commit_metadata.load(text), offset)


def throttled() -> PartitionState:
    """The state of a partition that a throttle watches."""
    return PartitionState(Throttle(3, 10.0, repeat_interval=60.0))


def test_a_commit_tells_where_to_replay_from() -> None:
    """What was marked within the window is kept, what lies before it is not."""
    state, other = throttled(), throttled()
    for offset in range(100):
        state.mark(offset, 10.0)
        state.clock.advance(1000.0 + offset, wall=2000.0)
        state.value.over('red', state.clock.now)
    start = hand_over(state, 100, other)
    assert 85 <= start <= 90
    other.end_replay()
    assert other.clock.now == 1099.0
    assert other.replay_until == 100
    assert other.value.carried == state.value.carried != {}


def test_a_commit_just_after_a_replay_loses_nothing() -> None:
    """A commit before any new record could be read hands on what the one before it said."""
    first, second, third = throttled(), throttled(), throttled()
    first.mark(0, 10.0)
    first.clock.advance(1000.0, wall=2000.0)
    first.value.carried = {'red': 1000.0}
    hand_over(first, 1, second)
    hand_over(second, 2, third)
    third.end_replay()
    assert (third.clock.now, third.value.carried) == (1000.0, {'red': 1000.0})


def test_what_is_replayed_keeps_its_time() -> None:
    """Whoever takes over knows to a 64th of the window when each record was seen.

    The records' own times are no help.
    """
    state, other, seen = PartitionState(None), PartitionState(None), []
    for offset in range(1000):
        state.mark(offset, 64.0)
        state.clock.advance(5000.0 + offset / 10, wall=9000.0)
        seen.append(state.clock.now)
    start = hand_over(state, 1000, other)
    assert 300 <= start <= 400
    replayed = [SimpleNamespace(offset=offset) for offset in range(start, 1100)]
    walls = [
        wall
        for batch in (replayed[:250], replayed[250:])
        for part, wall in other.replayed(batch)
        for _ in part
    ]
    assert len(walls) == 1000 - start
    assert all(now <= wall <= now + 1.2 for now, wall in zip(seen[start:], walls, strict=True))


@pytest.mark.parametrize('metadata', ['', 'written by another tool'])
def test_a_commit_of_another_tool_replays_nothing(metadata: str) -> None:
    """Offsets that were set by hand are taken as they are: the window begins empty."""
    state: PartitionState = PartitionState(None)
    assert state.restore(commit_metadata.load(metadata), 7) == 7
    records: list[Any] = [SimpleNamespace(offset=7)]
    assert list(state.replayed(records)) == []
    state.end_replay()
    assert state.clock.now == float('-inf')
