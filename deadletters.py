"""Messages that could not be read: kept, with what is known of them, and sent again later.

A consumer or service with ``dead_letter_topic=`` forwards such a record unchanged and goes on. Its
headers say where it came from and why it is here::

    dead-letter-topic, dead-letter-partition, dead-letter-offset
    dead-letter-time    ISO 8601, UTC
    dead-letter-why     what is wrong with it
    dead-letter-cut     how long it was, if it was too large to be kept whole

``python -m deadletters human-messages.dead`` sends them back to where they came from.

The one idea to take away: a bad message must stop nobody, and must not be thrown away either.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import datetime
import logging
import sys
import time
from typing import Any

import kafka
import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

import settings
from client.read_to_end import read_to_end
from client.send_errors import check_topic
from connection import diagnosis
from errors import AccessError, ChatError, DeliveryError, MessageError
from producer import send_raw
from schemas import Malformed

__all__ = ['forward', 'forward_all', 'letter', 'redrive']

log = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]

PREFIX = 'dead-letter-'  # of our headers
# With its headers a letter must fit where its original did (max.message.bytes, 1,048,588).
MAX_BYTES = 1_000_000
CUT_BYTES = 500_000  # that are kept of a record which does not
ACKNOWLEDGEMENT_TIMEOUT = 10.0  # seconds
JOINING = 15.0  # seconds until a member of a group that was killed is missed
POLL_MS = 100


def letter(topic: str, record: Any) -> dict[str, Any]:
    """A dead letter, as the arguments of ``KafkaProducer.send``.

    Bytes, key and headers are the original's, and there are the five headers.

    Args:
        topic: the dead-letter topic, without the prefix.
        record: a consumer record whose value is a ``Malformed``.
    """
    malformed: Malformed = record.value
    value = malformed.data
    origin = {
        'topic': record.topic,
        'partition': record.partition,
        'offset': record.offset,
        'time': datetime.datetime.now(datetime.UTC).isoformat(),
        'why': malformed.why,
    }
    if value is not None and len(value) > MAX_BYTES:
        origin['cut'] = len(value)
        value = value[:CUT_BYTES]
    ours = [(PREFIX + name, str(said).encode()) for name, said in origin.items()]
    return {
        'topic': settings.topic_name(topic),
        'value': value,
        'key': _key_bytes(record),
        'headers': _without_ours(record.headers) + ours,
        'timestamp_ms': max(record.timestamp, 0),
    }


def forward(topic: str, record: Any, timeout: float = ACKNOWLEDGEMENT_TIMEOUT) -> None:
    """Put a record on the dead-letter topic, and wait until it is there.

    Only then may the reader pass it by.

    Raises:
        DeliveryError: Kafka did not acknowledge it.
    """
    forward_all(topic, [record], timeout)


def forward_all(topic: str, records: list[Any], timeout: float = ACKNOWLEDGEMENT_TIMEOUT) -> None:
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
                f'The dead letter from {_name(record)} did not reach {topic!r} ({error}). '
                'Read on from there later.'
            ) from error


def redrive(dead_letter_topic: str, *, group_id: str = 'redrive', timeout: float = 3.0) -> int:
    """Send dead letters again to the topics they came from, each once.

    It sends those that are there when it begins: what a reader forwards again meanwhile is left for
    the next time, so that no letter goes round in circles.

    Args:
        dead_letter_topic: where they are.
        group_id: the group that remembers which were sent again.
        timeout: seconds without an answer after which Kafka counts as gone.

    Returns:
        How many were sent again.

    Raises:
        MessageError: a record there is no dead letter.
        DeliveryError: Kafka did not acknowledge one.
        UnreachableError: no Kafka there, or it stopped answering.
        AccessError: there is no such topic.
    """
    check_topic(dead_letter_topic)
    name = settings.topic_name(dead_letter_topic)
    consumer = _make_consumer(settings.group_name(group_id))
    try:
        if name not in consumer.topics():
            raise AccessError(
                f'There is no topic {name!r} (UNKNOWN_TOPIC_OR_PARTITION). '
                'Name the one that dead_letter_topic= named.'
            )
        consumer.subscribe([name])
        if not _has_joined(consumer):
            return 0  # others of the group have all the partitions
        redriven = 0
        for records in read_to_end(consumer, timeout):
            for record in records:
                _send_again(record)
                _commit(consumer, record)
                redriven += 1
        return redriven
    finally:
        consumer.close(autocommit=False)


def _make_consumer(group: str) -> Any:
    options = settings.client_options(
        'consumer', group_id=group, auto_offset_reset='earliest', enable_auto_commit=False
    )
    diagnosis.require_listener(options)
    return kafka.KafkaConsumer(**options)


def _has_joined(consumer: Any) -> bool:
    """Wait until the group has given partitions. What a poll brings meanwhile is read later."""
    deadline = time.monotonic() + JOINING
    while not consumer.assignment():
        if time.monotonic() > deadline:
            return False
        for partition, records in consumer.poll(timeout_ms=POLL_MS).items():
            consumer.seek(partition, records[0].offset)
    return True


def _commit(consumer: Any, record: Any) -> None:
    partition = TopicPartition(record.topic, record.partition)
    consumer.commit({partition: OffsetAndMetadata(record.offset + 1, '', -1)})


def _send_again(record: Any) -> None:
    """Send what a letter holds to where it came from, without our headers."""
    known = dict(record.headers)
    origin = (known.get(f'{PREFIX}topic') or b'').decode(errors='replace')
    if not origin:
        raise MessageError(
            f'{_name(record)} is no dead letter: it has no header {PREFIX}topic. '
            'Name the topic that dead_letter_topic= named.'
        )
    if f'{PREFIX}cut' in known:
        log.error(
            '%s was too large to be kept whole, and is passed by. '
            'Its original is on %s, if it is still kept.',
            _name(record),
            origin,
        )
        return
    headers = _without_ours(record.headers)
    try:
        promise = send_raw(origin, record.value, record.key, headers, record.timestamp)
        promise.get(timeout=ACKNOWLEDGEMENT_TIMEOUT)
    except kafka.errors.KafkaError as error:
        raise DeliveryError(
            f'Not acknowledged by {origin!r} ({error}). Run it again: it goes on here.'
        ) from error


def _key_bytes(record: Any) -> bytes | None:
    key = record.key
    if isinstance(key, str):
        return key.encode()
    if key is None and record.value.data is None:
        return b''  # kafka-python sends nothing that has neither a key nor a value
    key_bytes: bytes | None = key
    return key_bytes


def _without_ours(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if not name.startswith(PREFIX)]


def _name(record: Any) -> str:
    return f'{record.topic}, partition {record.partition}, offset {record.offset}'


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(
            'usage: python -m deadletters TOPIC    '
            'sends what is on TOPIC again to where it came from'
        )
    try:
        print(f'{redrive(sys.argv[1])} sent again')
    except ChatError as error:
        sys.exit(str(error))
