"""What we do to kafka-python's clients beneath their public options (read it when ``producer.py`` is no longer enough).

All that reaches into the client stands here and in ``chatconsumer.py``; the client is pinned below 3.1 for their sake.

The one idea to take away: measure first. Each of these was the largest item of a profile, and none gives up safety.
"""

import threading
import time
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

__all__ = ['REFUSALS', 'Flow', 'KeyPartitioner', 'QuickRecords', 'abandon', 'commit', 'make_producer', 'pending']

REFUSALS = (kafka.errors.KafkaConfigurationError, ValueError, AssertionError, RuntimeError)  # options that do not fit together
BULK_GAP = 0.0005  # seconds: sends closer than this are bulk, and may wait for company
BULK_LINGER_MS = 20
ROOM = 64 * 2**20  # bytes of messages and their promises that may wait for acknowledgement
WEIGH_EVERY = 4 * 2**20
FUTURE_BYTES = 1000  # what a promise takes
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


class Flow:
    """What is decided before each message of a producer: whether it waits for company, and whether there is room for it.

    A lone message leaves at once; messages in quick succession are bulk, and gather for ``linger_ms``. What waits for acknowledgement is
    bounded, as Java's ``buffer.memory`` does: kafka-python 3.0 by itself would take messages without end.
    """

    def __init__(self, producer: Any, lingers: bool) -> None:
        self.producer = producer
        self._batching = producer._accumulator.config if lingers else {}
        self._last = 0.0
        self._unweighed = 0

    def admit(self, size: int, alone: bool) -> None:
        """Make ready for a message.

        Args:
            size: its bytes.
            alone: somebody waits for this very message.

        Raises:
            KafkaTimeoutError: there was no room for ``max_block_ms``.
        """
        now = time.perf_counter()
        self._batching['linger_ms'] = BULK_LINGER_MS if now - self._last < BULK_GAP and not alone else 0
        self._last = now
        self._unweighed += size + FUTURE_BYTES
        if self._unweighed > WEIGH_EVERY:
            self._unweighed = 0
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        if threading.current_thread().name.startswith('kafka-'):
            return  # a call-back must not wait for its own thread
        deadline = time.monotonic() + self.producer.config['max_block_ms'] / 1000
        limit = self.producer.config['batch_size']
        while True:
            waiting = self.producer._accumulator._incomplete.all()
            weight = sum(min(b.record_count * b.max_record_size, max(limit, b.max_record_size)) for b in waiting)
            if weight + FUTURE_BYTES * sum(b.record_count for b in waiting) < ROOM:
                return
            oldest = min(waiting, key=lambda batch: batch.created)
            if not oldest.produce_future.wait(max(deadline - time.monotonic(), 0)):
                raise kafka.errors.KafkaTimeoutError(f'{pending(self.producer)} messages wait to be acknowledged')


def pending(producer: Any) -> int:
    """How many messages are neither acknowledged nor failed."""
    return sum(batch.record_count for batch in producer._accumulator._incomplete.all())


def commit(producer: Any, offsets: dict[TopicPartition, Any], group: Any, timeout: float) -> None:
    """Commit the open transaction, with a group's offsets in it; the client's own methods would wait for ever.

    Raises:
        KafkaError: it was not committed, or it is not known whether it was.
    """
    steps = [lambda: producer._transaction_manager.send_offsets_to_transaction(offsets, group)] if offsets else []
    for begin in [*steps, producer._transaction_manager.begin_commit]:
        result = begin()
        producer._sender.wakeup()
        if not result.wait(timeout_ms=timeout * 1000):
            raise kafka.errors.KafkaTimeoutError(f'a transaction was not answered within {timeout:g} s')


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
                except _DoneError:
                    pass
            else:
                yield from self._unpack(tp, batch, keys, values)
            if batch.magic == 2:
                self.next_fetch_offset = batch.next_offset
        self.drain()

    def _unpack(self, tp: TopicPartition, batch: Any, keys: Any, values: Any) -> Iterator[Any]:  # noqa: C901 - calls are what it saves
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
                sizes = key_size, value_size, headers_size
                key, value = read_key(topic, headers, key), read_value(topic, headers, value)
                when = sent + later if appended is None else appended
                yield make(record, (topic, partition, epoch, offset, when, kind, key, value, headers, None, *sizes))
        except IndexError as error:
            raise kafka.errors.CorruptRecordError(f'{topic}, partition {partition}: the batch at {base} breaks off.') from error
        if pos != len(data):
            raise kafka.errors.CorruptRecordError(
                f'{topic}, partition {partition}: the batch at {base} has {len(data) - pos} bytes too many.'
            )


class _DoneError(Exception):
    """A batch has been read."""


class _Only:
    """One batch, for the original reader, which would take the end of its source for the end of all."""

    def __init__(self, batch: Any) -> None:
        self.batches = [batch]

    def next_batch(self) -> Any:
        if not self.batches:
            raise _DoneError
        return self.batches.pop()
