"""What the room reads from a real Kafka, and remembers: without a browser."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

import settings
from producer import get_producer, send_msg
from room.feed import Feed
from room.history import KEPT
from tests.support.brokers import eventually

MakeTopic = Callable[..., str]


@pytest.fixture
def topics(make_topic: MakeTopic) -> tuple[str, str]:
    """Where people talk, in two partitions, and where services report."""
    return make_topic(
        partitions=2, **{'message.timestamp.after.max.ms': str(2**63 - 1)}
    ), make_topic()


@pytest.fixture
def feed(topics: tuple[str, str]) -> Iterator[Feed]:
    """A feed that has caught up."""
    feed = Feed(*topics)
    feed.start()
    eventually(lambda: not feed.error)
    yield feed
    feed.stop()


def _say(topic: str, contents: str, sender: str = 'red', **more: Any) -> Any:
    return send_msg(topic, {'sender': sender, 'contents': contents}, block=True, **more).get(
        timeout=5
    )


def _alert(topic: str, sender: str, contents: str, **more: Any) -> None:
    by = {'sender': sender, 'contents': contents}
    send_msg(
        topic,
        {'alert_type': 'loud', 'alert_message': 'too loud', 'triggered_by': by},
        block=True,
        **more,
    )


def test_an_alert_marks_its_message_whichever_comes_first(feed: Feed) -> None:
    """An alert marks the message whose offset it names, or whose words, even if it comes first."""
    sent = _say(feed.topic, 'hello')
    _say(feed.topic, 'hello')
    _alert(
        feed.alert_topic,
        'red',
        'hello',
        headers=[('triggered-by', f'{sent.topic}/{sent.partition}/{sent.offset}'.encode())],
    )
    eventually(lambda: feed.history.marked_since(0)[1] == 1)
    assert [(each.offset, each.alert_type) for each in feed.history.messages_since(0)[0]] == [
        (sent.offset, 'loud'),
        (sent.offset + 1, ''),
    ]
    _alert(feed.alert_topic, 'blue', 'early')
    eventually(lambda: feed.history.alert_total == 2)
    assert feed.history.marked_since(0)[1] == 1
    _say(feed.topic, 'early', sender='blue')
    eventually(lambda: feed.history.marked_since(0)[1] == 2)
    assert feed.history.messages_since(0)[0][-1].alert_type == 'loud'


def test_records_that_cannot_be_read_are_shown_with_the_reason(feed: Feed) -> None:
    """A record that breaks the schema is shown with the reason; nothing stops the feed.

    Neither bytes, tombstones and other shapes, nor impossible timestamps and forged headers do.
    """
    producer = get_producer()
    producer.send(feed.topic, b'\xff\x00', b'\xfe', partition=0).get(timeout=5)
    producer.send(feed.topic, None, b'key', partition=0).get(timeout=5)
    producer.send(feed.topic, b'{"some":"dict"}', partition=0).get(timeout=5)
    producer.send(
        feed.topic,
        b'{"sender":"x","contents":"\\u202e\\u001b[2J"}',
        partition=0,
        timestamp_ms=2**62,
    ).get(timeout=5)
    _alert(feed.alert_topic, 'x', 'y', headers=[('triggered-by', b'a/' + b'9' * 5000 + b'/1')])
    _say(feed.topic, 'still here')
    eventually(lambda: feed.history.total == 5 and feed.history.alert_total == 1)
    shown = feed.history.messages_since(0)[0]
    assert [bool(each.error) for each in shown if each.contents != 'still here'] == [
        True,
        True,
        True,
        False,
    ]
    assert next(each for each in shown if each.sender == 'x').contents == r'\u202e\x1b[2J'
    time.localtime(max(each.time for each in shown))


def test_all_are_counted_and_few_are_kept(feed: Feed) -> None:
    """Five thousand messages are counted by sender; only the last 1,000 are kept."""
    for number in range(5000):
        send_msg(feed.topic, {'sender': f'sender {number % 3}', 'contents': str(number)})
    eventually(lambda: feed.history.live_total == 5000)
    kept, missed = feed.history.messages_since(0)
    assert (len(kept), missed) == (KEPT, 5000)
    assert len(feed.history._index) <= 2 * KEPT

    def counts() -> Counter[str]:
        return sum((second.senders for second in feed.history.last_seconds(60)), Counter())

    eventually(lambda: counts().total() == 5000)
    assert counts()['sender 0'] == 1667


def test_the_newest_of_each_partition_is_kept(feed: Feed) -> None:
    """However much comes after it on another partition, a partition's newest message is there."""
    producer = get_producer()
    last = _say(feed.topic, 'the last of its partition')
    other = 1 - last.partition
    for _ in range(KEPT + 100):
        producer.send(feed.topic, b'{"sender":"a","contents":"b"}', partition=other)
    eventually(lambda: feed.history.total == KEPT + 101)
    messages, total = feed.history.messages_since(0)
    assert (len(messages), total) == (KEPT + 1, KEPT + 101)
    assert messages[0].location == (feed.topic, last.partition, last.offset)
    assert len(feed.history.latest(200)[0]) == 200


def test_partitions_that_appear_later_are_read(feed: Feed) -> None:
    """When a topic grows, the feed reads its new partitions, from their beginning."""
    with contextlib.closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
        admin.create_partitions({feed.topic: 3})
    eventually(
        lambda: (
            len(get_producer().partitions_for(feed.topic)) == 3
            or get_producer()._metadata.request_update() is None
        )
    )
    get_producer().send(feed.topic, b'{"sender":"a","contents":"in the new one"}', partition=2).get(
        timeout=10
    )
    eventually(
        lambda: any(each.contents == 'in the new one' for each in feed.history.messages_since(0)[0])
    )
