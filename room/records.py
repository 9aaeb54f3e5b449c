"""Raw records for the room: a consumer of bytes, and one record by its offset.

`feed`, `replay` and the page's record dialog use it.

The one idea to take away: topic, partition and offset name a record for as long as it is kept.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import kafka
from kafka import TopicPartition

import settings
from client.fetched_records import FastRecords
from connection import diagnosis
from errors import AccessError, MessageError

__all__ = ['LONGEST_TOPIC', 'Inspect', 'NoRecordError', 'fetch_record', 'open_consumer']

LONGEST_TOPIC = 249  # characters: Kafka's own limit
Inspect = Callable[[str, int, int], Awaitable[None]]  # shows the record at topic, partition, offset


class NoRecordError(AccessError):
    """There is no record at a place in the log; the message says why."""


def open_consumer(**options: Any) -> Any:
    """A KafkaConsumer of raw bytes, without a group, from the earliest record.

    Args:
        options: other options of kafka-python.

    Raises:
        UnreachableError: no Kafka answers.
    """
    defaults = {'group_id': None, 'auto_offset_reset': 'earliest'}
    known = settings.client_options('consumer', **(defaults | options))
    diagnosis.require_listener(known)
    consumer = kafka.KafkaConsumer(**known)
    FastRecords.use_in(consumer)
    return consumer


def fetch_record(topic: str, partition: int, offset: int, timeout: float = 3.0) -> Any:
    """Fetch one record.

    Args:
        topic: such as ``'human-messages'``.
        partition: its number.
        offset: the record's.
        timeout: seconds.

    Returns:
        A ConsumerRecord whose key and value are bytes, as they are in the log.

    Raises:
        NoRecordError: there is no such topic, partition or offset, or not any more.
        MessageError: the topic is an internal one.
        UnreachableError: no Kafka answers.

    >>> fetch_record('human-messages', 0, 0).value
    b'{"some":"dict"}'
    """
    name = settings.topic_name(topic)
    if name.startswith('__'):
        raise MessageError(
            f'{name!r} is an internal topic of Kafka. Inspect another one, such as human-messages.'
        )
    with closing(open_consumer(max_poll_records=1)) as consumer:
        tp = TopicPartition(name, partition)
        _require_offset(consumer, tp, offset)
        consumer.assign([tp])
        consumer.seek(tp, offset)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for record in consumer.poll(timeout_ms=200).get(tp, ()):
                if record.offset == offset:
                    return record
                raise NoRecordError(
                    f'There is no record at offset {offset} of {name!r}, partition {partition}: it '
                    'was compacted away, or it is the marker of a transaction. The next record is '
                    f'at offset {record.offset}.'
                )
    raise NoRecordError(
        f'Nothing came from offset {offset} of {name!r}, partition {partition}, within '
        f'{timeout:g} s. Try again.'
    )


def _require_offset(consumer: Any, tp: TopicPartition, offset: int) -> None:
    if tp.partition not in (consumer.partitions_for_topic(tp.topic) or ()):
        raise NoRecordError(
            f'There is no partition {tp.partition} of {tp.topic!r} (UNKNOWN_TOPIC_OR_PARTITION). '
            'The table of topics lists those that exist.'
        )
    begin = consumer.beginning_offsets([tp])[tp]
    end = consumer.end_offsets([tp])[tp]
    if not begin <= offset < end:
        holds = f'holds offsets {begin} to {end - 1}' if begin < end else 'is empty'
        raise NoRecordError(
            f'There is no offset {offset}: {tp.topic!r}, partition {tp.partition}, {holds} '
            '(OFFSET_OUT_OF_RANGE).'
        )
