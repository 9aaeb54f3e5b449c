"""What get_consumer promises.

Where it starts, what its records have, and which arguments make sense.
"""

import datetime
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import consumer
from consumer import get_consumer
from errors import MessageError, UnreachableError
from producer import send_msg
from tests.support.reading import Get, readers, rest, send, take
from tests.support.rig import free_port
from tests.support.testkafka import Kafka

pytestmark = pytest.mark.client

MakeTopic = Callable[..., str]


@pytest.fixture
def get(kafka: Kafka) -> Iterator[Get]:
    """get_consumer, whose consumers are closed after the test.

    Whose loops end after 5 s of silence.
    """
    with readers() as get:
        yield get


def test_a_record_has_everything(topic: str, get: Get) -> None:
    """A record's value is decoded, its key is text, and its place, time and headers are there."""
    send(
        topic,
        {'sender': 'red', 'contents': 'hello'},
        headers=[('a', b'b')],
        timestamp=1_700_000_000.5,
    )
    msg = next(get(topic, offset='earliest'))
    assert (msg.topic, msg.partition, msg.offset, msg.timestamp, msg.key) == (
        topic,
        0,
        0,
        1_700_000_000_500,
        'red',
    )
    assert '{} said: {}'.format(msg.value['sender'], msg.value['contents']) == 'red said: hello'
    assert msg.headers == [('a', b'b')]


def test_a_key_that_is_no_text_stays_bytes(topic: str, get: Get) -> None:
    """Keys are text where they are UTF-8, bytes where they are not, None where there is none."""
    for key in ('grün', b'\xff', None):
        send(topic, 1, key=key)
    assert [msg.key for msg in get(topic, offset='earliest', timeout=1)] == ['grün', b'\xff', None]


def test_what_is_sent_before_the_loop_is_seen(topic: str, get: Get) -> None:
    """With 'latest', a message sent between get_consumer and the loop is seen.

    None that was there before.
    """
    send(topic, 'old')
    c = get(topic)
    send(topic, 'between')
    assert take(1, c) == ['between']
    send(topic, 'later')
    assert take(1, c) == ['later']


def test_latest_holds_on_every_partition_and_topic(make_topic: MakeTopic, get: Get) -> None:
    """What is sent after get_consumer is seen on all partitions of all its topics.

    Also those that were empty.
    """
    topics = [make_topic(partitions=3), make_topic()]
    for topic in topics:
        send(topic, *[{'sender': str(number), 'contents': 'old'} for number in range(5)])
    c = get(*topics)
    for topic in topics:
        send(topic, *[{'sender': str(number), 'contents': topic} for number in range(20)])
    found = take(40, c)
    assert sorted((value['contents'], int(value['sender'])) for value in found) == sorted(
        (t, n) for t in topics for n in range(20)
    )


@pytest.mark.parametrize(
    ('offset', 'found'),
    [
        ('earliest', range(10)),
        (0, range(10)),
        (4, range(4, 10)),
        (-3, range(7, 10)),
        (-99, range(10)),
        (99, range(0)),
        ('latest', range(0)),
    ],
)
def test_the_offset_says_where_to_start(
    topic: str, get: Get, offset: str | int, found: range | tuple[()]
) -> None:
    """An offset is the oldest, the newest, a number, or so many before the end.

    Beyond the ends it is the end.
    """
    send(topic, *range(10))
    assert rest(get(topic, offset=offset), 0.5) == list(found)


def test_a_negative_offset_counts_on_each_partition(make_topic: MakeTopic, get: Get) -> None:
    """-1 is the last message of every partition."""
    topic = make_topic(partitions=3)
    promises = [send_msg(topic, number, key=str(number)) for number in range(30)]
    last = {promise.get(10).partition: number for number, promise in enumerate(promises)}
    assert len(last) == 3
    assert sorted(rest(get(topic, offset=-1))) == sorted(last.values())


def test_a_datetime_is_a_place_too(topic: str, get: Get) -> None:
    """A datetime starts at the first message of that time or later.

    After the last message that is the end. Naive is local time.
    """
    for hour in range(5):
        send(topic, hour, timestamp=1_700_000_000 + hour * 3600)
    noon = datetime.datetime.fromtimestamp(1_700_000_000 + 2 * 3600, datetime.UTC)
    assert rest(get(topic, offset=noon)) == [2, 3, 4]
    assert rest(get(topic, offset=noon - datetime.timedelta(seconds=1))) == [2, 3, 4]
    assert rest(get(topic, offset=noon.astimezone().replace(tzinfo=None))) == [2, 3, 4]
    later = get(topic, offset=noon + datetime.timedelta(days=1))
    send(topic, 5)
    assert take(1, later) == [5]


def test_a_new_topic_may_be_waited_for(kafka: Kafka, get: Get) -> None:
    """A consumer may come before the first message to its topic."""
    topic = f'test-new-{time.time_ns()}'
    c = get(topic)
    send(topic, 'first')
    assert take(1, c) == ['first']


@pytest.mark.parametrize(
    ('topics', 'options', 'says'),
    [
        ((), {}, 'needs a topic'),
        (('human messages',), {}, "'human messages' is no topic name"),
        ((7,), {}, '7 is no topic name'),
        ((['a', 'b'],), {}, 'is no topic name'),
        (('a',), {'offset': 'newest'}, "offset='newest'.*'latest', 'earliest'"),
        (('a',), {'offset': 1.5}, 'offset=1.5'),
        (('a',), {'offset': True}, 'offset=True'),
        (('a',), {'timeout': -1}, 'timeout=-1'),
        (('a',), {'timeout': '5'}, "timeout='5'"),
        (('a',), {'schema': 'HumanMessage'}, 'is not a schema'),
    ],
    ids=repr,
)
def test_arguments_that_make_no_sense_are_told(
    kafka: Kafka, topics: Any, options: dict[str, Any], says: str
) -> None:
    """A wrong argument is an error that names the value and what would be right."""
    with pytest.raises(MessageError, match=says):
        consumer.get_consumer(*topics, **options)


def test_where_nobody_listens_an_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Kafka there: within 5 s an error with the address.

    The cause and the command that starts one.
    """
    address = f'localhost:{free_port()}'
    monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', address)
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=rf'{address}.*refused.*python -m broker'):
        get_consumer('human-messages')
    assert time.monotonic() - began < 5
