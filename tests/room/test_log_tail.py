"""The ends of the partitions, with a made-up clock; and where a transaction's marker is, for real.

Each record is one cell, and so is each place that holds none.
"""

import contextlib
from collections.abc import Callable

import kafka
from kafka import TopicPartition

import settings
from room.feed import Feed
from room.log_tail import BAND_ABOVE, KEPT, LogTails
from room.messages import Message
from tests.support.brokers import eventually

TP = TopicPartition('t', 0)


def _messages(*offsets: int) -> list[Message]:
    return [Message('t', 0, offset, 0.0, 'red', str(offset)) for offset in offsets]


def _cells(tails: LogTails) -> list[tuple[int, bool]]:
    return [(cell.offset, cell.message is not None) for cell in tails.look('t')[0].cells]


def test_places_without_a_record_are_cells_too() -> None:
    """What lies between two records, or before the reader's position, is drawn as what it is."""
    tails = LogTails()
    tails.begin(TP, 10)
    tails.add(_messages(10, 12))
    assert _cells(tails) == [(10, True), (11, False), (12, True)]
    tails.reach(TP, 14)
    assert _cells(tails)[-1] == (13, False)
    assert tails.look('t')[0].only_markers_since(13)
    assert not tails.look('t')[0].only_markers_since(12)
    assert not tails.look('t')[0].only_markers_since(14)
    tails.begin(TP, 14)  # the reader was made anew
    tails.add(_messages(12, 14))
    assert _cells(tails)[-2:] == [(13, False), (14, True)]


def test_what_comes_too_fast_for_cells_is_counted_by_the_second() -> None:
    """Above a rate there are counts, with the offsets of each second; below it, cells again."""
    now = 1000.0
    tails = LogTails(lambda: now)
    tails.begin(TP, 0)
    for second in range(3):
        count = int(BAND_ABOVE) + 1
        tails.add(_messages(*range(second * count, (second + 1) * count)))
        now += 1
    tail = tails.look('t')[0]
    assert tail.is_band
    assert [(s.count, s.first, s.last) for s in tail.seconds] == [
        (13, 0, 12),
        (13, 13, 25),
        (13, 26, 38),
    ]
    assert len(tail.cells) == min(39, KEPT)
    now += 3
    assert not tails.look('t')[0].is_band


def test_the_marker_of_a_transaction_takes_an_offset(make_topic: Callable[..., str]) -> None:
    """Behind the records of a transaction there is a place that holds none, and it is seen."""
    topic, alerts = make_topic(), make_topic()
    feed = Feed(topic, alerts)
    feed.start()
    try:
        eventually(lambda: not feed.error)
        with contextlib.closing(
            kafka.KafkaProducer(
                **settings.client_options('producer', transactional_id=f'{topic}-transaction')
            )
        ) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send(topic, b'{"sender": "red", "contents": "both or neither"}')
            producer.commit_transaction()
        eventually(lambda: len(feed.tails.look(topic)[0].cells) == 2)
        assert [cell.message is None for cell in feed.tails.look(topic)[0].cells] == [False, True]
        assert feed.history.total == 1
    finally:
        feed.stop()
