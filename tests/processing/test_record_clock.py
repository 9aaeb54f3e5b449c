"""Clocks drawn at random: the throttle decides as counting does, through any number of restarts."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from processing import commit_metadata
from processing.partition_state import PartitionState
from processing.record_clock import RecordClock
from processing.throttle import Throttle
from processing.view import show
from tests.support.reference import message_times, throttled

Messages = list[tuple[int, str, float]]
WALL = 1e9  # long after all that is sent here


class Watching:
    """A throttle service that remembers what it found, and what it saw on its clocks."""

    state: Any
    now = sent = 0.0

    def __init__(self, limit: int, duration: float, repeat: float = 0.0) -> None:
        self.made = limit, duration, repeat
        self.duration = duration
        self.found: list[bool] = []
        self.times: list[tuple[float, float]] = []

    def new_state(self) -> Throttle:
        return Throttle(*self.made)

    def process_message(self, message: Any) -> None:
        self.times.append((self.now, self.sent))
        self.found.append(self.state.over(message.value['sender'], self.sent))


def as_records(messages: Messages) -> list[Any]:
    """Records of one partition."""
    return [
        SimpleNamespace(offset=offset, timestamp=round(sent * 1000), value={'sender': sender})
        for offset, (_, sender, sent) in enumerate(messages)
    ]


def watch(
    service: Any, records: list[Any], chance: random.Random, restarts: float
) -> tuple[int, PartitionState]:
    """Look at all records in batches, with restarts at random between them.

    Returns how many records were looked at again, and the last state.
    """
    state, at, again = PartitionState(service.new_state()), 0, 0
    while at < len(records):
        batch = records[at : at + chance.choice([1, 7, 50, 400])]
        state.end_replay()
        look(service, state, batch, WALL)
        at = batch[-1].offset + 1
        if chance.random() < restarts:
            text = commit_metadata.dump(state.remember(at))
            state = PartitionState(service.new_state())
            found, times = list(service.found), list(service.times)
            offsets = replay(service, state, records, text, at, chance)
            again += len(offsets)
            early = {record.value['sender'] for record in records[: (offsets or [0])[0]]}
            if len(early) > 2:
                check_replayed(service, offsets, times)
            service.found, service.times = found, times
    return again, state


def replay(
    service: Any, state: PartitionState, records: list[Any], text: str, end: int, chance: Any
) -> list[int]:
    """Take up a commit as a service does. Returns which records were looked at again."""
    at = state.restore(commit_metadata.load(text), end)
    again: list[int] = []
    while at < end:
        batch = records[at : min(end, at + chance.choice([7, 50, 400]))]
        for part, wall in state.replayed(batch):
            if wall is not None:
                look(service, state, part, wall)
                again += [record.offset for record in part]
        at = state.next_to_replay(batch[-1].offset + 1)
    return again


def check_replayed(service: Watching, offsets: list[int], times: list[tuple[float, float]]) -> None:
    """What is still in the window is shown at the same times as before; nothing at a later one."""
    replayed = service.times[len(times) :]
    window = times[-1][0] - service.duration, max(sent for _, sent in times) - service.duration
    for offset, (now, sent) in zip(offsets, replayed, strict=True):
        before_now, before_sent = times[offset]
        assert now <= before_now
        assert sent <= before_sent
        if before_now > window[0] and before_sent > window[1]:
            assert (now, sent) == (before_now, before_sent)


def look(service: Any, state: PartitionState, records: list[Any], wall: float) -> None:
    """As the durable loop does."""
    state.begin(records, service.duration)
    show(service, state, records, wall)
    state.end(records)


def chat(chance: random.Random, count: int, wrong: bool = True) -> Messages:
    """A room in which one sender's clock is wrong in one of many ways, and anybody may be late."""
    now, log = 10_000.0, []
    how = chance.choice(['ahead', 'behind', 'jumps', 'anything', 'slow', 'once', 'alone'])
    people = chance.choice([1, 2, 3, 10, 60])
    for number in range(count):
        now += chance.choice([0.0, 0.0, 0.01, 0.1, chance.random() * 3])
        sender, sent = f's{chance.randrange(people)}', now - chance.choice([0, 0, 0.2, 2.0])
        if how == 'alone' and count // 3 < number < 2 * count // 3:
            sender, now = 's0', now + 0.5
        if sender == 's0' and wrong:
            sent += {
                'ahead': 1000.0,
                'behind': -1000.0,
                'jumps': chance.choice([0.0, 0.0, 500.0]),
                'anything': chance.uniform(-2000, 2000),
                'slow': 1500.0 - (now - 10_000) * 0.99,
                'once': 2000.0 if number < count / 4 else 0.0,
                'alone': 0.0,
            }[how]
        log.append((0, sender, round(sent, 3)))
    return log


@pytest.mark.parametrize('seed', range(40))
@pytest.mark.parametrize('repeat', [0.0, 15.0], ids=['each', 'quiet'])
def test_clocks_at_random_and_restarts_at_random_change_nothing(seed: int, repeat: float) -> None:
    """Whoever's clock is wrong, and wherever it is stopped, each alert is the one by counting."""
    chance = random.Random(seed)
    messages = chat(chance, 1500)
    limit, duration = chance.choice([(1, 2.0), (5, 10.0), (20, 30.0)])
    service = Watching(limit, duration, repeat)
    watch(service, as_records(messages), chance, restarts=0.2)
    assert service.found == throttled(messages, limit, duration, repeat)
    assert [sent for _, sent in service.times] == [time for *_, time in message_times(messages)]


@pytest.mark.parametrize('seed', range(20))
def test_the_clock_of_services_never_goes_back(seed: int) -> None:
    """Not through a restart either."""
    chance = random.Random(seed)
    service = Watching(5, 10.0)
    watch(service, as_records(chat(chance, 1000)), chance, restarts=0.1)
    shown = [now for now, _ in service.times]
    assert shown == sorted(shown)
    assert shown[0] > 0


@pytest.mark.parametrize(('who', 'by'), [(0, 3000.0), (0, -3000.0), (1, -3000.0), (2, 3000.0)])
def test_one_of_the_first_senders_has_a_wrong_clock(who: int, by: float) -> None:
    """The time for services goes on as fast as that of the others, whoever spoke first."""
    clock, shown = RecordClock(), []
    for number in range(2000):
        sent = 1000.0 + number + (by if number % 4 == who else 0.0)
        clock.hear(f's{number % 4}', sent, wall=WALL)
        shown.append(clock.now)
    assert shown == sorted(shown)
    assert abs(shown[-1] - shown[3] - 1996.0) < 5.0


def test_a_wrong_clock_holds_up_no_forgetting() -> None:
    """Ten thousand senders come and go while one is far ahead: who is idle is forgotten."""
    service = Watching(5, 10.0)
    messages = [(0, 'wrong', 9000.0)]
    messages += [(0, f's{number}', 1000.0 + number / 100) for number in range(10_000)]
    _, state = watch(service, as_records(messages), random.Random(1), restarts=0.0)
    assert len(state.value) <= 2001


def test_who_is_alone_is_believed() -> None:
    """There is nobody to compare with: the sender's own times count, and they never go back."""
    clock = RecordClock()
    times = [clock.hear('red', sent, wall=500.0) for sent in (100.0, 130.0, 120.0, 900.0)]
    assert times == [100.0, 130.0, 130.0, 500.0]
    assert clock.now == 500.0
