"""What we do to kafka-python's clients beneath their public options (read it when ``producer.py`` is no longer enough).

All that reaches into the client stands here and in ``chatconsumer.py``; the client is pinned below 3.1 for their sake.

The one idea to take away: measure first. Each of these was the largest item of a profile, and none gives up safety.
"""

from collections.abc import Iterator
from typing import Any

import kafka
import kafka.errors
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.partitioner import DefaultPartitioner
from kafka.record.util import decode_varint

import diagnosis
import settings

__all__ = ['REFUSALS', 'KeyPartitioner', 'QuickRecords', 'abandon', 'batching', 'make_producer', 'pending']

REFUSALS = (kafka.errors.KafkaConfigurationError, ValueError, AssertionError, RuntimeError)  # options that do not fit together
FIRST_STEPS_MS = 5  # between the tries of a new client to learn about its cluster; 100 by default


class KeyPartitioner(DefaultPartitioner):  # type: ignore[misc]
    """kafka-python's partitioner (murmur2, as in Java), which remembers where each key went."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], int] = {}
        self._counts: dict[str, int] = {}

    def partition(self, topic: str, key: Any, serialized_key: bytes | None, value: Any, serialized_value: Any, cluster: Any) -> int:
        """The partition for a key; it is computed once, and again when the topic's partitions have grown."""
        count = len(cluster.partitions_for_topic(topic) or ())
        if self._counts.get(topic) != count or len(self._known) > 100_000:
            self._known.clear()
            self._counts[topic] = count
        place = self._known.get((topic, serialized_key)) if serialized_key is not None else None
        if place is None:
            place = super().partition(topic, key, serialized_key, value, serialized_value, cluster)
            if serialized_key is not None:
                self._known[topic, serialized_key] = place
        return place


def make_producer(options: settings.Options, knock: bool = True) -> Any:
    """A KafkaProducer of the caller's own, whose errors tell the way out; ``send_msg`` and the alert services use it.

    Args:
        options: for kafka-python.
        knock: ask first whether Kafka lets us in; no need where that was just seen.
    """
    if knock:
        diagnosis.require_listener(options)
    try:
        producer = kafka.KafkaProducer(**options)
    except kafka.errors.KafkaTimeoutError as error:
        raise diagnosis.explain(options, error) from error
    except REFUSALS as error:
        raise diagnosis.refused(error) from error
    # net/manager.py of kafka-python 3.0 does not hand retry_backoff_ms on: without this the first send takes 100 ms more.
    producer._metadata.config['retry_backoff_ms'] = FIRST_STEPS_MS
    return producer


def batching(producer: Any) -> dict[str, Any]:
    """The live options by which records are gathered into batches: ``linger_ms`` may change from send to send."""
    return producer._accumulator.config  # type: ignore[no-any-return]


def pending(producer: Any) -> int:
    """How many messages are neither acknowledged nor failed."""
    return sum(batch.record_count for batch in producer._accumulator._incomplete.all())


def is_spent(producer: Any) -> bool:
    """Whether the producer refuses all further messages: to kafka-python 3.0, one refused batch is fatal to an idempotent producer."""
    return producer._transaction_manager is not None and bool(producer._transaction_manager.has_fatal_error())


def abandon(producer: Any) -> None:
    """Use a producer no more, without waiting: it is spent, or it belongs to the process that this one was forked from."""
    producer._closed = True
    producer._unregister_cleanup()
    producer._sender.initiate_close()


class QuickRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """kafka-python's reader of fetched records, at half the cost: one function a batch instead of ten calls a record.

    What is rare (control records, given up transactions, old formats, headers) is left to the original.
    """

    def _unpack_records(self, tp: TopicPartition, records: Any, keys: Any, values: Any) -> Iterator[Any]:
        while (batch := records.next_batch()) is not None:
            if batch.magic != 2 or batch.is_control_batch or self.aborted_transactions or self.aborted_producer_ids:
                try:
                    yield from super()._unpack_records(tp, _Only(batch), keys, values)
                except _Done:
                    pass
            else:
                yield from self._unpack(tp, batch, keys, values)
            if batch.magic == 2:
                self.next_fetch_offset = batch.next_offset
        self.drain()

    def _unpack(self, tp: TopicPartition, batch: Any, keys: Any, values: Any) -> Iterator[Any]:
        topic, partition = tp
        if self.check_crcs and not batch.validate_crc():
            raise kafka.errors.CorruptRecordError(
                f'{topic}, partition {partition}: the batch at {batch.base_offset} is not what was written.'
            )
        batch._maybe_uncompress()
        data, pos = bytes(batch._buffer), batch._pos
        base, sent, kind, epoch = batch.base_offset, batch.first_timestamp, batch.timestamp_type, batch.leader_epoch
        appended = batch.max_timestamp if kind == batch.LOG_APPEND_TIME else None
        read_key, read_value, record, make = keys.deserialize, values.deserialize, ConsumerRecord, tuple.__new__
        self.leader_epoch = epoch
        self.bytes_read += len(data)
        self.records_read += batch.records_count
        try:
            for _ in range(batch.records_count):
                begin = pos
                # Five numbers, each of one byte or two as a rule: see "Record" in Kafka's protocol guide for their order.
                if (low := data[pos]) & 1 == 0 and (high := data[pos + 1]) < 128 <= low:
                    size, pos = (low & 127 | high << 7) >> 1, pos + 2
                else:
                    size, pos = decode_varint(data, pos)
                end = pos + size
                pos += 1  # attributes
                if not (low := data[pos]) & 129:
                    later, pos = low >> 1, pos + 1
                else:
                    later, pos = decode_varint(data, pos)
                if (low := data[pos]) & 1 == 0 and (high := data[pos + 1]) < 128 <= low:
                    offset, pos = base + ((low & 127 | high << 7) >> 1), pos + 2
                else:
                    offset, pos = decode_varint(data, pos)
                    offset += base
                if not (low := data[pos]) & 129:
                    size, pos = low >> 1, pos + 1
                else:
                    size, pos = decode_varint(data, pos)
                key = None
                if (key_size := size) >= 0:
                    key, pos = data[pos : pos + size], pos + size
                if (low := data[pos]) & 1 == 0 and (high := data[pos + 1]) < 128 <= low:
                    size, pos = (low & 127 | high << 7) >> 1, pos + 2
                else:
                    size, pos = decode_varint(data, pos)
                value = None
                if (value_size := size) >= 0:
                    value, pos = data[pos : pos + size], pos + size
                headers, headers_size = [], -1
                if data[pos]:
                    batch._pos = begin
                    headers = batch._read_msg().headers
                    headers_size = sum(len(name.encode()) + len(content or b'') for name, content in headers)
                    pos = end - 1
                pos += 1
                if pos != end or end > len(data):
                    raise IndexError
                self.next_fetch_offset = offset + 1
                yield make(
                    record,
                    (
                        topic,
                        partition,
                        epoch,
                        offset,
                        sent + later if appended is None else appended,
                        kind,
                        read_key(topic, headers, key),
                        read_value(topic, headers, value),
                        headers,
                        None,
                        key_size,
                        value_size,
                        headers_size,
                    ),
                )
        except IndexError as error:
            raise kafka.errors.CorruptRecordError(f'{topic}, partition {partition}: the batch at {base} breaks off.') from error
        if pos != len(data):
            raise kafka.errors.CorruptRecordError(
                f'{topic}, partition {partition}: the batch at {base} has {len(data) - pos} bytes too many.'
            )


class _Done(Exception):
    """A batch has been read."""


class _Only:
    """One batch, for the original reader, which would take the end of its source for the end of all."""

    def __init__(self, batch: Any) -> None:
        self.batches = [batch]

    def next_batch(self) -> Any:
        if not self.batches:
            raise _Done
        return self.batches.pop()
