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


def see(
    state: PartitionState, offset: int, sent: float, duration: float, sender: str = 'red'
) -> float:
    """A message is looked at. Returns its time."""
    records: list[Any] = [SimpleNamespace(offset=offset)]
    state.begin(records, duration)
    time = state.clock.hear(sender, sent, wall=9000.0)
    state.end(records)
    return time


def shown_again(state: PartitionState, start: int, end: int) -> list[int]:
    """The offsets that a replay looks at, in steps of 250."""
    found, at = [], start
    while at < end:
        batch: list[Any] = [SimpleNamespace(offset=each) for each in range(at, min(end, at + 250))]
        for part, wall in state.replayed(batch):
            found += [] if wall is None else [record.offset for record in part]
        at = state.next_to_replay(batch[-1].offset + 1)
    return found


def test_a_commit_tells_where_to_replay_from() -> None:
    """What was seen within the window is kept, what lies before it is not."""
    state, other = throttled(), throttled()
    for offset in range(100):
        state.value.over('red', see(state, offset, 1000.0 + offset, 10.0))
    start = hand_over(state, 100, other)
    assert 85 <= start <= 90
    other.end_replay()
    assert other.clock.now == 1099.0
    assert other.replay_until == 100
    assert other.value.carried == state.value.carried != {}


@pytest.mark.parametrize('senders', [['red'], ['red', 'blue', 'green']], ids=['one', 'three'])
def test_a_commit_just_after_a_replay_loses_nothing(senders: list[str]) -> None:
    """A commit before any new record could be read hands on what the one before it said."""
    first, second, third = throttled(), throttled(), throttled()
    for offset, sender in enumerate(senders):
        see(first, offset, 1000.0, 10.0, sender)
    first.value.carried = {'red': 1000.0}
    hand_over(first, 1, second)
    hand_over(second, 2, third)
    third.end_replay()
    assert (third.clock.now, third.value.carried) == (1000.0, {'red': 1000.0})


def test_what_is_replayed_keeps_its_time() -> None:
    """Whoever takes over knows to a 64th of the window when each record was seen.

    The records' own times are no help.
    """
    state, other = PartitionState(None), PartitionState(None)
    seen = [
        see(state, offset, 5000.0 + offset / 10, 64.0, ['red', 'blue'][offset % 2])
        for offset in range(1000)
    ]
    start = hand_over(state, 1000, other)
    assert 300 <= start <= 400
    replayed = [SimpleNamespace(offset=offset) for offset in range(start, 1100)]
    walls = [
        wall or 0.0
        for batch in (replayed[:250], replayed[250:])
        for part, wall in other.replayed(batch)
        for _ in part
    ]
    assert len(walls) == 1000 - start
    assert all(now <= wall <= now + 1.2 for now, wall in zip(seen[start:], walls, strict=True))


def test_a_sender_who_talks_alone_is_replayed_for_a_window_only() -> None:
    """Two others spoke long before: what they said still counts, and what lies between does not.

    Nor does it after another restart.
    """
    state = PartitionState(None)
    log = [('red', 1000.0), ('blue', 1000.0)]
    log += [('green', 1000.0 + offset / 10) for offset in range(2, 5000)]
    for offset, (sender, sent) in enumerate(log):
        see(state, offset, sent, 10.0, sender)
    for _ in range(2):
        other = PartitionState(None)
        found = shown_again(other, hand_over(state, 5000, other), 5000)
        assert found[:2] == [0, 1]
        assert found[-100:] == list(range(4900, 5000))
        assert len(found) < 120
        for offset in found:
            sender, sent = log[offset]
            see(other, offset, sent, 10.0, sender)
        state = other


@pytest.mark.parametrize('more', [[], [2000, 4000]], ids=['one record', 'several'])
def test_one_record_that_is_far_ahead_makes_no_long_replay(more: list[int]) -> None:
    """It still counts for its sender, so it is shown again; all that was said since is not."""
    state, other = PartitionState(None), PartitionState(None)
    for offset in range(5000):
        is_wrong = offset in {10, *more}
        who = 'wrong' if is_wrong else ['red', 'blue', 'green'][offset % 3]
        see(state, offset, 1000.0 + offset / 10 + 3000 * (offset == 10), 10.0, who)
    found = shown_again(other, hand_over(state, 5000, other), 5000)
    assert {10, *more} | set(range(4900, 5000)) <= set(found)
    assert len(found) < 200


@pytest.mark.parametrize(('senders', 'is_long'), [(20, False), (200, True)])
def test_what_has_no_room_is_told_by_a_longer_replay(senders: int, is_long: bool) -> None:
    """Who was alerted about when: a commit says so of few; for many a replay begins before that."""
    state, other = (PartitionState(Throttle(1, 10.0, repeat_interval=60.0)) for _ in range(2))
    log = [(offset, 1000.0 + offset * 30 / senders / 2) for offset in range(2 * senders)]

    def say(state: PartitionState, offset: int, sent: float) -> bool:
        name = f'a sender with a rather long name {offset // 2}'
        return bool(state.value.over(name, see(state, offset, sent, 10.0, name)))

    assert sum(say(state, *message) for message in log) == senders
    start = hand_over(state, len(log), other)
    assert start < senders / 10 if is_long else start > senders
    for offset in shown_again(other, start, len(log)):
        say(other, *log[offset])
    other.end_replay()
    assert other.value.carried == state.value.carried
    assert len(other.value.carried) == senders


@pytest.mark.parametrize('metadata', ['', 'written by another tool'])
def test_a_commit_of_another_tool_replays_nothing(metadata: str) -> None:
    """Offsets that were set by hand are taken as they are: the window begins empty."""
    state: PartitionState = PartitionState(None)
    assert state.restore(commit_metadata.load(metadata), 7) == 7
    records: list[Any] = [SimpleNamespace(offset=7)]
    assert list(state.replayed(records)) == []
    state.end_replay()
    assert state.clock.now == float('-inf')
