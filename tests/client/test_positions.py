"""Where a reader begins and goes on: open transactions, retention, numbers, new partitions."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

import producer
from producer import send_msg
from settings import client_options
from tests.support.reading import Get, readers, send
from tests.support.testkafka import Kafka

pytestmark = pytest.mark.client


@pytest.fixture
def get(kafka: Kafka) -> Iterator[Get]:
    """get_consumer, whose consumers are closed after the test."""
    with readers() as get:
        yield get


def delete_before(topic: str, offset: int) -> None:
    """What retention does, at once."""
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        admin.delete_records({TopicPartition(topic, 0): offset})


def transactional(name: str) -> KafkaProducer:
    """A producer of transactions, as another program has one."""
    made = KafkaProducer(**client_options('producer', transactional_id=name))
    made.init_transactions()
    return made


@pytest.mark.parametrize('offset', ['latest', 'earliest', -1000])
def test_a_group_goes_on_at_the_oldest_record_and_says_what_it_missed(
    topic: str,
    get: Get,
    offset: str | int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Retention took the group's position: whatever `offset` says, the rest is read."""
    send(topic, *range(5))
    first = get(topic, offset='earliest', group_id=f'{topic}-group', timeout=3.0)
    assert [next(first).value for _ in range(5)] == list(range(5))
    first.close()
    send(topic, *range(5, 20))
    delete_before(topic, 12)
    again = get(topic, offset=offset, group_id=f'{topic}-group', timeout=3.0)
    assert [msg.value for msg in again] == list(range(12, 20))
    said = [each.getMessage() for each in caplog.records if 'no longer kept' in each.getMessage()]
    place = f'{topic}, partition 0'
    assert len(said) == 1
    assert said[0].startswith(f'offsets 5 to 11 of {place} are no longer kept (retention, ')
    assert said[0].endswith('going on at 12')


def test_a_running_reader_is_told_too(
    topic: str,
    get: Get,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A reader that is overtaken in mid-log does not go back to where it began."""
    send(topic, *range(10))
    c = get(topic, offset=2, timeout=1.5)
    assert [msg.value for msg in c] == list(range(2, 10))
    send(topic, *range(10, 30))
    delete_before(topic, 25)
    assert [msg.value for msg in c] == list(range(25, 30))
    assert 'offsets 10 to 24' in caplog.text


def test_a_topic_that_was_made_again_is_read_from_its_beginning(
    topic: str,
    get: Get,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A position beyond the end is no position of this topic: it is said, and reading goes on."""
    send(topic, *range(3))
    c = get(topic, offset='earliest', timeout=2.0)
    assert [msg.value for msg in c] == [0, 1, 2]
    c.seek(TopicPartition(topic, 0), 1000)
    assert [msg.value for msg in c] == [0, 1, 2]
    assert f'offset 1000 of {topic}, partition 0 does not exist' in caplog.text


def test_a_slow_body_does_not_end_a_loop(topic: str, get: Get) -> None:
    """The timeout counts silence of the log, never the time that the body takes."""
    send(topic, *range(2000))
    found = 0
    for _ in get(topic, offset='earliest', timeout=0.3):
        found += 1
        time.sleep(0.0005)
    assert found == 2000


@pytest.mark.parametrize('count', [1, 4, 10, 11, 500])
def test_a_number_before_the_end_counts_records(topic: str, get: Get, count: int) -> None:
    """Markers of transactions, and what was given up, take offsets and are no records."""
    with closing(transactional(f'{topic}-writer')) as writer:
        for number in range(10):
            writer.begin_transaction()
            writer.send(topic, str(number).encode())
            writer.commit_transaction()
            writer.begin_transaction()
            writer.send(topic, b'"never"').get(10)
            writer.abort_transaction()
    found = [msg.value for msg in get(topic, offset=-count, timeout=1.0)]
    assert found == list(range(10))[-count:]


def test_latest_begins_behind_an_open_transaction(topic: str, get: Get) -> None:
    """What was sent before the call is not given, although it is only visible afterwards."""
    with closing(transactional(f'{topic}-hanging')) as hanging:
        hanging.begin_transaction()
        hanging.send(topic, b'"never"').get(10)
        send(topic, 'before 1', 'before 2')
        c = get(topic, timeout=5.0)
        send_msg(topic, 'after', block=True)
        hanging.abort_transaction()
        assert next(c).value == 'after'
    assert [msg.value for msg in get(topic, offset='earliest', timeout=1.0)] == [
        'before 1',
        'before 2',
        'after',
    ]


def test_a_time_is_found_behind_an_open_transaction(topic: str, get: Get) -> None:
    """What is older than the time is not given, although it is only visible afterwards."""
    with closing(transactional(f'{topic}-hanging')) as hanging:
        hanging.begin_transaction()
        hanging.send(topic, b'"never"', timestamp_ms=1_000_000).get(10)
        for number in range(4):
            send(topic, number, timestamp=1000.0 + number)
        since = datetime.fromtimestamp(1002.0, tz=UTC)
        c = get(topic, offset=since, timeout=1.0)
        late = get(topic, offset=since + timedelta(seconds=5), timeout=1.0)
        hanging.abort_transaction()
    assert [msg.value for msg in c] == [2, 3]
    send(topic, 'after', timestamp=1007.0)
    assert [msg.value for msg in late] == ['after']


def test_partitions_that_are_added_are_read_from_their_beginning(
    topic: str,
    get: Get,
) -> None:
    """Within 10 s, by a reader that began at the end, alone or in a group."""
    alone = get(topic, timeout=15.0)
    member = get(topic, group_id=f'{topic}-group', timeout=15.0)
    send(topic, 'old')
    assert [next(alone).value, next(member).value] == ['old', 'old']
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        admin.create_partitions({topic: 3})
    producer.close()
    began = time.monotonic()
    raw = producer.get_producer()
    deadline = time.monotonic() + 10
    while len(raw.partitions_for(topic)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    raw.send(topic, b'"new"', partition=2).get(10)
    assert [next(alone).value, next(member).value] == ['new', 'new']
    assert time.monotonic() - began < 15
