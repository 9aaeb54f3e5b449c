"""Where a new reader begins: now, at a time, at an offset, or so many records before the end.

``get_consumer`` fixes it before it returns, so that what is sent afterwards is seen even if the
loop starts later; kafka-python by itself would fix it at the first poll.

The one idea to take away: a place in a log is a number for each partition, and anybody can ask for
it.
"""

import contextlib
import datetime
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import kafka
import kafka.errors
from kafka import TopicPartition

from client.private_names import Acceleration

__all__ = ['HighWatermarks', 'high_watermarks', 'start_positions']

Offsets = dict[TopicPartition, int]
PATIENCE = 10.0  # seconds without a record after which Kafka counts as gone


class HighWatermarks(Acceleration):
    """Asks for the ends of partitions, open transactions included, by the consumer itself.

    ``end_offsets`` of a consumer that reads committed records only stops at the first open
    transaction (the last stable offset). Without this, a second client asks: about 12 ms more.
    """

    name = 'high-watermarks'
    needs = ('_fetcher._isolation_level',)


def high_watermarks(consumer: Any, partitions: Iterable[TopicPartition], timeout: float) -> Offsets:
    """Where each partition ends now, what stands in open transactions included.

    Args:
        consumer: any KafkaConsumer.
        partitions: of which topics it can see.
        timeout: seconds.

    Raises:
        KafkaTimeoutError: Kafka did not answer.
    """
    with _seeing_all(consumer) as client:
        return dict(client.end_offsets(list(partitions), timeout_ms=timeout * 1000))


@contextlib.contextmanager
def _seeing_all(consumer: Any) -> Iterator[Any]:
    """A client to ask for offsets, whose answers know of what stands in open transactions."""
    if consumer.config['isolation_level'] == 'read_uncommitted':
        yield consumer
    elif HighWatermarks.is_on(consumer):
        fetcher = consumer._fetcher
        level = fetcher._isolation_level
        fetcher._isolation_level = type(level)(0)
        try:
            yield consumer
        finally:
            fetcher._isolation_level = level
    else:
        with _second_client(consumer, isolation_level='read_uncommitted') as other:
            yield other


def start_positions(
    consumer: Any,
    partitions: Iterable[TopicPartition],
    offset: str | int | datetime.datetime,
    timeout: float,
) -> Offsets:
    """The offset at which to begin in each partition; without ``'earliest'``, which needs none.

    Args:
        consumer: any KafkaConsumer.
        partitions: all that are to be read.
        offset: as in ``get_consumer``.
        timeout: seconds for each question to Kafka.
    """
    places = list(partitions)
    if offset == 'earliest':
        return {}
    if offset == 'latest':
        return high_watermarks(consumer, places, timeout)
    if isinstance(offset, datetime.datetime):
        since = max(int(offset.timestamp() * 1000), 0)
        with _seeing_all(consumer) as client:
            ends = dict(client.end_offsets(places, timeout_ms=timeout * 1000))
            found = client.offsets_for_times(dict.fromkeys(places, since))
        return {tp: found[tp].offset if found.get(tp) else end for tp, end in ends.items()}
    ends = dict(consumer.end_offsets(places, timeout_ms=timeout * 1000))
    assert isinstance(offset, int)
    begins = dict(consumer.beginning_offsets(places, timeout_ms=timeout * 1000))
    if offset >= 0:
        return {tp: min(end, max(begins[tp], offset)) for tp, end in ends.items()}
    return _last_records(consumer, begins, ends, -offset)


def _last_records(consumer: Any, begins: Offsets, ends: Offsets, count: int) -> Offsets:
    """The offset of the last record but so many, in each partition.

    Offsets are no count of records: markers of transactions, what was given up and what was
    compacted take some, too. So look, and step further back until enough records were found.
    """
    found = {tp: max(begins[tp], end - count) for tp, end in ends.items()}
    back = count
    with _second_client(consumer, auto_offset_reset='earliest') as other:
        missing = {tp for tp, start in found.items() if begins[tp] < ends[tp]}
        while missing:
            places = _find_last(other, {tp: found[tp] for tp in missing}, ends, count)
            for tp in list(missing):
                kept = places[tp]
                if len(kept) == count:
                    found[tp] = kept[0]
                if len(kept) == count or found[tp] == begins[tp]:
                    missing.discard(tp)
            back *= 4
            for tp in missing:
                found[tp] = max(begins[tp], ends[tp] - back)
    return found


def _find_last(
    consumer: Any, starts: Offsets, ends: Offsets, count: int
) -> dict[TopicPartition, deque[int]]:
    """The offsets of the last records between a start and the end of each partition."""
    kept: dict[TopicPartition, deque[int]] = {tp: deque(maxlen=count) for tp in starts}
    consumer.assign(list(starts))
    for tp, start in starts.items():
        consumer.seek(tp, start)
    deadline = time.monotonic() + PATIENCE
    while any(consumer.position(tp) < ends[tp] for tp in starts):
        for tp, records in consumer.poll(timeout_ms=1000).items():
            kept[tp].extend(record.offset for record in records if record.offset < ends[tp])
            deadline = time.monotonic() + PATIENCE
        if time.monotonic() > deadline:
            raise kafka.errors.KafkaTimeoutError(f'nothing came for {PATIENCE:g} s')
    return kept


def _second_client(consumer: Any, **options: Any) -> contextlib.closing[Any]:
    """A client with the same options, without a group, that leaves keys and values as bytes."""
    known = {name: value for name, value in consumer.config.items() if name not in _OF_ITS_OWN}
    known |= {'group_id': None, 'group_instance_id': None, 'enable_auto_commit': False} | options
    return contextlib.closing(kafka.KafkaConsumer(**known))


# What one client cannot hand on to another: decoders, and what it was given or found out itself.
_OF_ITS_OWN = ('key_deserializer', 'value_deserializer', 'api_version', 'kafka_client', 'selector')
