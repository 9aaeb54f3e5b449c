"""Messages that could not be read: kept, with what is known of them, and sent again once they can be.

A consumer or service with ``dead_letter_topic=`` forwards such a record unchanged and goes on. Its headers say where it
came from and why it is here::

    dead-letter-topic, dead-letter-partition, dead-letter-offset, dead-letter-time (ISO 8601, UTC), dead-letter-why

``python -m deadletters human-messages.dead`` sends them back to where they came from.

The one idea to take away: a bad message must stop nobody, and must not be thrown away either.
"""

import datetime
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import kafka
import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

import settings
from client.send_errors import check_topic
from connection import diagnosis
from errors import AccessError, ChatError, DeliveryError, MessageError
from producer import send_raw
from schemas import Malformed

__all__ = ['forward', 'letter', 'redrive']

log = logging.getLogger(__name__)

HEADER = 'dead-letter-'
LONGEST = 1_000_000  # bytes; with its headers a letter must fit where its original did (max.message.bytes, 1,048,588)
JOINING = 15.0  # seconds until a member of a group that was killed is missed


def letter(topic: str, record: Any) -> dict[str, Any]:
    """A dead letter as the arguments of ``KafkaProducer.send``: original bytes, key and headers, and the five headers.

    Args:
        topic: the dead-letter topic, without the prefix.
        record: a consumer record whose value is a ``Malformed``.
    """
    bad: Malformed = record.value
    origin = {
        'topic': record.topic,
        'partition': record.partition,
        'offset': record.offset,
        'time': datetime.datetime.now(datetime.UTC).isoformat(),
        'why': bad.why,
    }
    headers = [(name, value) for name, value in record.headers if not name.startswith(HEADER)]
    value = bad.data
    if value is not None and len(value) > LONGEST:
        value, origin['cut'] = value[: LONGEST // 2], len(value)
    return {
        'topic': settings.topic_name(topic),
        'value': value,
        'key': record.key.encode()
        if isinstance(record.key, str)
        else record.key
        if record.key is not None or bad.data is not None
        else b'',
        'headers': headers
        + [(HEADER + name, str(value).encode()) for name, value in origin.items()],
        'timestamp_ms': max(record.timestamp, 0),
    }


def forward(topic: str, record: Any, timeout: float = 10.0) -> None:
    """Put a record on the dead-letter topic, and wait until it is there: only then may the reader pass it by.

    Raises:
        DeliveryError: Kafka did not acknowledge it.
    """
    try:
        send_raw(**letter(topic, record)).get(timeout=timeout)
    except kafka.errors.KafkaError as error:
        place = f'{record.topic}, partition {record.partition}, offset {record.offset}'
        raise DeliveryError(
            f'The dead letter from {place} did not reach {topic!r} ({error}). Read on from there later.'
        ) from error


def forward_all(topic: str, records: list[Any], timeout: float = 10.0) -> None:
    """Put records on the dead-letter topic: send all, then wait until all are there.

    Raises:
        DeliveryError: Kafka did not acknowledge one.
    """
    promises = [send_raw(**letter(topic, record)) for record in records]
    for record, promise in zip(records, promises, strict=True):
        try:
            promise.get(timeout=timeout)
        except kafka.errors.KafkaError as error:
            raise DeliveryError(
                f'The dead letter from {record.topic}, partition {record.partition}, offset '
                f'{record.offset} did not reach {topic!r} ({error}). Read on from there later.'
            ) from error


def redrive(dead_letter_topic: str, *, group_id: str = 'redrive', timeout: float = 3.0) -> int:
    """Send dead letters again to the topics they came from, each once.

    Args:
        dead_letter_topic: where they are.
        group_id: the group that remembers which were sent again.
        timeout: seconds without another one after which it is done.

    Returns:
        How many were sent again.

    Raises:
        MessageError: a record there is no dead letter. DeliveryError: Kafka did not acknowledge one.
        UnreachableError: no Kafka there. AccessError: there is no such topic.
    """
    check_topic(dead_letter_topic)
    name, group = settings.topic_name(dead_letter_topic), settings.group_name(group_id)
    options = settings.client_options(
        'consumer', group_id=group, auto_offset_reset='earliest', enable_auto_commit=False
    )
    diagnosis.require_listener(options)
    consumer = kafka.KafkaConsumer(**options)
    try:
        if name not in consumer.topics():
            raise AccessError(
                f'There is no topic {name!r}. Name the one that dead_letter_topic= named.'
            )
        consumer.subscribe([name])
        return sum(1 for _ in _redriven(consumer, name, timeout))
    finally:
        consumer.close(autocommit=False)


def _redriven(consumer: Any, name: str, timeout: float) -> Iterator[Any]:
    """The letters that were there at the start, each once it is sent: what a reader forwards again meanwhile is not sent in circles."""
    ends = consumer.end_offsets(
        [TopicPartition(name, number) for number in consumer.partitions_for_topic(name)]
    )
    until = time.monotonic() + JOINING
    while time.monotonic() < until:
        joined = bool(consumer.assignment())
        for place, records in consumer.poll(timeout_ms=100).items():
            for record in records:
                if record.offset < ends.get(place, 0):
                    _send_again(record)
                    consumer.commit({place: OffsetAndMetadata(record.offset + 1, '', -1)})
                    yield record
            until = time.monotonic() + timeout
        if not joined and consumer.assignment():
            until = time.monotonic() + timeout
        if joined and all(
            consumer.position(place) >= ends.get(place, 0) for place in consumer.assignment()
        ):
            return


def _send_again(record: Any) -> None:
    known = dict(record.headers)
    place = f'{record.topic}, partition {record.partition}, offset {record.offset}'
    origin = (known.get(f'{HEADER}topic') or b'').decode(errors='replace')
    if not origin:
        raise MessageError(
            f'{place} is no dead letter: it has no header {HEADER}topic. Name the topic that dead_letter_topic= named.'
        )
    if f'{HEADER}cut' in known:
        log.error(
            '%s was too large to be kept whole, and is passed by. Its original is on %s, if it is still kept.',
            place,
            origin,
        )
        return
    headers = [(name, value) for name, value in record.headers if not name.startswith(HEADER)]
    try:
        send_raw(origin, record.value, record.key, headers, record.timestamp).get(timeout=10.0)
    except kafka.errors.KafkaError as error:
        raise DeliveryError(
            f'Not acknowledged by {origin!r} ({error}). Run it again: it goes on here.'
        ) from error


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(
            'usage: python -m deadletters TOPIC    sends what is on TOPIC again to where it came from'
        )
    try:
        print(f'{redrive(sys.argv[1])} sent again')
    except ChatError as error:
        sys.exit(str(error))
