"""What the room's threads read from a real Kafka: without a browser."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

import settings
from consumer import get_consumer
from errors import AccessError, MessageError
from producer import get_producer, send_msg
from room import cluster
from room.cluster import Replay, Watch, look
from room.feed import KEPT, Feed
from room.panels import describe, hexdump
from room.server import MOST_REPLAYS, RoomServer
from tests.support.brokers import eventually
from tests.support.testkafka import Kafka

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
    eventually(lambda: not feed.trouble)
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
    """A message is marked by the alert that names its place, or its words; the alert may be here before it."""
    place = _say(feed.topic, 'hello')
    _say(feed.topic, 'hello')
    _alert(
        feed.alert_topic,
        'red',
        'hello',
        headers=[('triggered-by', f'{place.topic}/{place.partition}/{place.offset}'.encode())],
    )
    eventually(lambda: feed.marks_since(0)[1] == 1)
    assert [(each.offset, each.mark) for each in feed.since(0)[0]] == [
        (place.offset, 'loud'),
        (place.offset + 1, ''),
    ]
    _alert(feed.alert_topic, 'blue', 'early')
    eventually(lambda: feed.alert_total == 2)
    assert feed.marks_since(0)[1] == 1
    _say(feed.topic, 'early', sender='blue')
    eventually(lambda: feed.marks_since(0)[1] == 2)
    assert feed.since(0)[0][-1].mark == 'loud'


def test_what_cannot_be_read_is_there_with_why(feed: Feed) -> None:
    """Bytes, tombstones, other shapes, times beyond any calendar and forged headers are all in the feed, and stop nothing."""
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
    eventually(lambda: feed.total == 5 and feed.alert_total == 1)
    shown = feed.since(0)[0]
    assert [bool(each.why) for each in shown if each.contents != 'still here'] == [
        True,
        True,
        True,
        False,
    ]
    assert next(each for each in shown if each.sender == 'x').contents == r'\u202e\x1b[2J'
    time.localtime(max(each.time for each in shown))


def test_all_are_counted_and_few_are_kept(feed: Feed) -> None:
    """Five thousand messages are counted by sender; what is kept of them does not grow."""
    for number in range(5000):
        send_msg(feed.topic, {'sender': f'sender {number % 3}', 'contents': str(number)})
    eventually(lambda: feed.counted == 5000)
    kept, missed = feed.since(0)
    assert (len(kept), missed) == (KEPT, 5000)
    assert len(feed._index) <= 2 * KEPT
    eventually(lambda: sum(second.senders.total() for second in feed.last_seconds(60)) == 5000)
    assert sum(second.senders['sender 0'] for second in feed.last_seconds(60)) == 1667


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
    eventually(lambda: any(each.contents == 'in the new one' for each in feed.since(0)[0]))


def test_the_watch_tells_lag_and_members(
    kafka: Kafka, topics: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch shows ends, what a group has committed, its lag, and that it has lost its member; the room's topics come first."""
    monkeypatch.setattr(cluster, 'ROWS', 3)
    topic, group = topics[0], f'{topics[0]}-group'
    with contextlib.closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
        admin.create_topics(
            {f'before-{number}-{topic}': {'num_partitions': 2} for number in range(3)}
        )
    watch = Watch(topic)
    watch.start()
    try:
        with contextlib.closing(get_consumer(topic, group_id=group, offset='earliest')) as consumer:
            for _ in range(3):
                _say(topic, 'hello')
            next(consumer)
            consumer.commit()
            rows = eventually(
                lambda: [
                    row
                    for row in watch.snapshot.groups
                    if row['group'] == group and row['committed'] == 1
                ]
            )
            assert (rows[0]['end'], rows[0]['lag'], rows[0]['state']) == (3, 2, 'Stable')
            assert rows[0]['member'].startswith('kafka-python')
            here = (topic, rows[0]['partition'])
            ends = eventually(
                lambda: [
                    row['end']
                    for row in watch.snapshot.topics
                    if (row['topic'], row['partition']) == here
                ]
            )
            assert ends == [3]
        eventually(lambda: any(text == f'{group}: nobody left' for _, text in watch.rebalances))
    finally:
        watch.stop()


def test_one_record_is_fetched_as_it_stands(topic: str) -> None:
    """A record is fetched with its bytes, key and headers; what is not there is told with what is."""
    _say(topic, 'hello', headers=[('trace', b'\x00')])
    told = dict(describe(look(topic, 0, 0)))
    assert (told['key'], told['headers'], told['read as']) == (
        "b'red'",
        r"trace: b'\x00'",
        'red said: hello',
    )
    assert told['bytes'].splitlines()[1].startswith('0000  7b 22 73 65')
    with pytest.raises(AccessError, match='holds 0 to 0'):
        look(topic, 0, 7)
    with pytest.raises(AccessError, match='Offset -1 is not there'):
        look(topic, 0, -1)
    with pytest.raises(AccessError, match='no partition 4'):
        look(topic, 4, 0)
    with pytest.raises(MessageError, match="Kafka's own"):
        look('__consumer_offsets', 0, 0)


def test_a_replay_reads_from_the_beginning_to_what_was_the_end(topic: str) -> None:
    """A replay gives the messages in order, tells how far it is, waits for whoever draws, and ends."""
    for number in range(300):
        send_msg(topic, {'sender': 'red', 'contents': str(number)})
    _say(topic, 'last')
    replay = Replay(topic)
    drawn: list[str] = []
    while not replay.over or replay.waiting:
        message = eventually(lambda: replay.waiting.popleft() if replay.waiting else replay.over)
        drawn += [message.contents] if message is not True else []
    assert drawn == [*map(str, range(300)), 'last']
    assert (replay.done, replay.total, replay.trouble) == (301, 301, '')


def test_who_asks_for_the_beginning_again_and_again_waits(topic: str) -> None:
    """Readers from the beginning that were stopped count until they have ended: there are never more than three."""
    _say(topic, 'hello')
    room = RoomServer(topic)
    for _ in range(20):
        if replay := room.replay():
            replay.stop()
    assert len(room.replays) <= MOST_REPLAYS
    assert sum(thread.name == 'room-replay' for thread in threading.enumerate()) <= MOST_REPLAYS
    eventually(lambda: all(replay.over for replay in room.replays))
    assert room.replay()
    room.replays[-1].stop()
    eventually(lambda: room.replays[-1].over)


def test_bytes_are_shown_sixteen_a_line() -> None:
    """Bytes stand in lines of sixteen with what they mean; of many, the first ones and how many more there are."""
    assert hexdump(b'') == ''
    assert hexdump(b'ab\x00') == f'0000  {"61 62 00":<47}  ab.'
    assert hexdump(bytes(1000)).splitlines()[-1] == '... 488 bytes more'
