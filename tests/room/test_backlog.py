"""Which messages a page draws, with a made-up clock: no browser, no Kafka."""

from room.backlog import MOST_AT_FIRST, MOST_AT_ONCE, OVERLOAD, SAMPLE, Backlog
from room.messages import Message


def _messages(count: int) -> list[Message]:
    return [Message('t', 0, number, 0.0, 'red', str(number)) for number in range(count)]


def _offsets(batch: list[Message]) -> list[int]:
    return [message.offset for message in batch]


def test_few_messages_are_all_drawn_in_order() -> None:
    """Up to the overload nothing is left out: it is drawn in batches, oldest first."""
    backlog = Backlog()
    backlog.add(_messages(OVERLOAD), OVERLOAD)
    drawn: list[int] = []
    while batch := backlog.next_batch(first=False):
        assert len(batch) <= MOST_AT_ONCE
        drawn += _offsets(batch)
    assert drawn == list(range(OVERLOAD))
    assert (backlog.left_out, backlog.is_sampling) == (0, False)


def test_of_an_overload_a_sample_is_drawn() -> None:
    """Of too many messages a few are drawn, the newest among them; all others count as left out."""
    now = 100.0
    backlog = Backlog(lambda: now)
    backlog.add(_messages(1000), 1500)  # 500 came that were no longer kept
    batch = backlog.next_batch(first=False)
    assert _offsets(batch) == [249, 499, 749, 999]
    assert backlog.left_out == 1500 - SAMPLE
    assert backlog.next_batch(first=False) == []
    assert backlog.is_sampling
    now = 102.0
    assert not backlog.is_sampling


def test_the_last_of_each_partition_is_in_the_sample() -> None:
    """However many come, and in whatever order, the newest record of each partition is drawn."""
    backlog = Backlog()
    one = [Message('t', 0, number, float(number), 'red', '') for number in range(350)]
    other = [Message('t', 1, number, 0.5 + number, 'blue', '') for number in range(100)]
    backlog.add(one[:100] + other + one[100:], 450)
    drawn = [each.location for each in backlog.next_batch(first=False)]
    assert ('t', 0, 349) in drawn
    assert ('t', 1, 99) in drawn
    assert backlog.left_out == 450 - len(drawn)


def test_a_new_page_gets_the_recent_messages_at_once() -> None:
    """The first batch has all recent messages, and more than those are sampled."""
    backlog = Backlog()
    backlog.add(_messages(MOST_AT_FIRST), MOST_AT_FIRST)
    assert len(backlog.next_batch(first=True)) == MOST_AT_FIRST
    backlog.add(_messages(MOST_AT_FIRST + 1), MOST_AT_FIRST + 1)
    assert len(backlog.next_batch(first=True)) == SAMPLE


def test_what_is_said_of_the_sample_is_true() -> None:
    """It never says that every message is drawn when some were not."""
    now = 100.0
    backlog = Backlog(lambda: now)
    backlog.add(_messages(10), 10)
    backlog.next_batch(first=False)
    assert backlog.sentence(10) == 'Every message is drawn.'
    backlog.add(_messages(1000), 1000)
    backlog.next_batch(first=False)
    assert backlog.sentence(1000).startswith('1,000 a second are too many to read')
    assert '996 were counted and not drawn' in backlog.sentence(1000)
    now += 3.0
    assert 'Every new message is drawn. 996 earlier ones' in backlog.sentence(0)
