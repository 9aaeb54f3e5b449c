"""Counts and delays second by second, with a made-up clock."""

from room.measurements import KEPT, MOST_SENDERS, OTHERS, Delays, Lags, MessageCounts


def test_each_full_second_has_its_counts() -> None:
    """The last full seconds are there, quiet ones too; the one that has just begun is not."""
    now = 1000.0
    counts = MessageCounts(lambda: now)
    counts.add_message('red')
    counts.add_message('red')
    counts.add_alert()
    assert [second.time for second in counts.last(2)] == [998, 999]
    now = 1002.5
    counts.add_message('blue')
    busy, quiet = counts.last(2)
    assert (busy.time, dict(busy.senders), busy.alerts) == (1000, {'red': 2}, 1)
    assert (quiet.time, dict(quiet.senders), quiet.alerts) == (1001, {}, 0)


def test_senders_of_a_second_are_bounded() -> None:
    """However many names there are, all messages are counted, those of the last ones together."""
    now = 1000.0
    counts = MessageCounts(lambda: now)
    for number in range(MOST_SENDERS + 100):
        counts.add_message(f'sender {number}')
    now = 1001.0
    senders = counts.last(1)[0].senders
    assert (len(senders), senders[OTHERS], senders.total()) == (MOST_SENDERS + 1, 100, 600)


def test_delays_are_kept_by_the_second_of_arrival() -> None:
    """A delay is the time from timestamp to arrival; those of a second are sorted, old ones go."""
    now = 1000.5
    delays = Delays(lambda: now)
    for timestamp in (1000.0, 1000.25):
        delays.add(timestamp)
    assert delays.in_second(1000) == [0.25, 0.5]
    assert delays.in_second(999) == []
    for _ in range(KEPT):
        now += 1.0
        delays.add(now)
    assert delays.in_second(1000) == []


def test_the_lag_of_each_group_is_kept_by_the_second() -> None:
    """The last note of a second counts; a second without one has none; the most behind are kept."""
    now = 1000.0
    lags = Lags(lambda: now)
    lags.add({'late': 5, 'quick': 0})
    lags.add({'late': 7, 'quick': 1})
    now = 1002.0
    lags.add({'late': 3})
    assert lags.in_seconds([1000, 1001, 1002], 5) == {
        'late': [7, None, 3],
        'quick': [1, None, None],
    }
    assert list(lags.in_seconds([1000], 1)) == ['late']
    for _ in range(200):
        now += 1
        lags.add({'late': 1})
    assert len(lags._seconds) == KEPT
