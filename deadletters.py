"""Messages that could not be read: kept, with what is known of them, and sent again once they can be.

A consumer or service with ``dead_letter_topic=`` forwards such a record unchanged and goes on. Its headers say where it
came from and why it is here::

    dead-letter-topic, dead-letter-partition, dead-letter-offset, dead-letter-time (ISO 8601, UTC), dead-letter-why

``python -m deadletters human-messages.dead`` sends them back to where they came from.

The one idea to take away: a bad message must stop nobody, and must not be thrown away either.
"""

import datetime
import sys
from typing import Any

import kafka

import settings
from errors import DeliveryError, MessageError
from producer import get_producer
from schemas import Malformed

__all__ = ['forward', 'letter', 'redrive']

HEADER = 'dead-letter-'


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
    return {
        'topic': settings.topic_name(topic),
        'value': bad.data,
        'key': record.key.encode()
        if isinstance(record.key, str)
        else record.key
        if record.key is not None or bad.data is not None
        else b'',
        'headers': headers + [(HEADER + name, str(value).encode()) for name, value in origin.items()],
        'timestamp_ms': max(record.timestamp, 0),
    }


def forward(topic: str, record: Any, timeout: float = 10.0) -> None:
    """Put a record on the dead-letter topic, and wait until it is there: only then may the reader pass it by.

    Raises:
        DeliveryError: Kafka did not acknowledge it.
    """
    try:
        get_producer().send(**letter(topic, record)).get(timeout=timeout)
    except kafka.errors.KafkaError as error:
        place = f'{record.topic}, partition {record.partition}, offset {record.offset}'
        raise DeliveryError(f'The dead letter from {place} did not reach {topic!r} ({error}). Read on from there later.') from error


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
    """
    options = settings.client_options(
        'consumer', group_id=settings.group_name(group_id), auto_offset_reset='earliest', enable_auto_commit=False
    )
    consumer = kafka.KafkaConsumer(settings.topic_name(dead_letter_topic), consumer_timeout_ms=timeout * 1000, **options)
    count = 0
    try:
        for record in consumer:
            origin = dict(record.headers).get(HEADER + 'topic')
            if origin is None:
                place = f'{record.topic}, partition {record.partition}, offset {record.offset}'
                raise MessageError(
                    f'{place} is no dead letter: it has no header {HEADER}topic. Name the topic that dead_letter_topic= named.'
                )
            headers = [(name, value) for name, value in record.headers if not name.startswith(HEADER)]
            sent = get_producer().send(origin.decode(), record.value, record.key, headers, timestamp_ms=record.timestamp)
            try:
                sent.get(timeout=10.0)
            except kafka.errors.KafkaError as error:
                raise DeliveryError(f'Not acknowledged by {origin.decode()!r} ({error}). Run it again: it goes on here.') from error
            consumer.commit()
            count += 1
    finally:
        consumer.close(autocommit=False)
    return count


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('usage: python -m deadletters TOPIC    sends what is on TOPIC again to where it came from')
    print(f'{redrive(sys.argv[1])} sent again')
