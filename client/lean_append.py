"""A record is written into the client's open batch, with nothing around it (used by `short_send`).

The bytes are those that kafka-python writes: see "Record" in Kafka's protocol guide. What begins a
batch, or does not fit into it, is left to the client.

The one idea to take away: the numbers in a record are small, and there are few of them. What is
computed a million times can be looked up instead.
"""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import TopicPartition

from client.private_names import Acceleration

__all__ = ['LeanAppend', 'OpenBatch', 'varint']

SIZE = 4096  # numbers whose bytes are ready


def varint(number: int) -> bytes:
    r"""A number as Kafka's records hold it: zigzag, seven bits a byte, the lowest first.

    >>> varint(0), varint(-1), varint(64)
    (b'\x00', b'\x01', b'\x80\x01')
    """
    rest = (number << 1) ^ (number >> 63)
    found = bytearray()
    while rest > 127:
        found.append(rest & 127 | 128)
        rest >>= 7
    found.append(rest)
    return bytes(found)


class LeanAppend(Acceleration):
    """Appends a record to an open batch by one function: 4 us less a message.

    Args:
        producer: a KafkaProducer whose records have the format of Kafka 0.11 and later.
        note_failure: is told why a record was not delivered; it need not be given to the promises.
    """

    name = 'lean-append'
    needs = (
        '_accumulator._batches: defaultdict',
        '_accumulator._tp_lock(tp)',
        '_accumulator.config: dict',
        'kafka.producer.producer_batch.ProducerBatch(tp, records)',
        'kafka.producer.future.FutureRecordMetadata.rebind',
        'kafka.record.memory_records.MemoryRecordsBuilder(magic, compression_type, batch_size)',
    )

    def __init__(self, producer: Any, note_failure: Callable[[BaseException], None]) -> None:
        from client.batch_promise import BatchPromise  # which needs what `is_on` has tried

        self.kind = BatchPromise
        self._accumulator = producer._accumulator
        self._note_failure = note_failure
        self._batches: dict[TopicPartition, OpenBatch] = {}

    @classmethod
    def why_off(cls, target: Any) -> str:
        """Why it cannot be used. It is tried, too: names say little about bytes."""
        why = super().why_off(target)
        if not why and target._accumulator.config['message_version'] != 2:
            why = 'the records have an older format'
        return why or _why_other_bytes()

    def batch_of(self, tp: TopicPartition) -> 'OpenBatch':
        """What appends to this partition's open batch."""
        found = self._batches.get(tp)
        if found is None:
            accumulator = self._accumulator
            found = self._batches[tp] = OpenBatch(
                accumulator._tp_lock(tp),
                accumulator._batches[tp],
                accumulator.config['batch_size'],
                self.kind,
                self._note_failure,
            )
        return found


class OpenBatch:
    """The batch of one partition that takes further records.

    Args:
        lock: the partition's.
        waiting: the partition's batches; the last one may be open.
        limit: bytes of a batch.
        kind: of the promises: BatchPromise.
        note_failure: is told why a record was not delivered.
    """

    def __init__(
        self,
        lock: Any,
        waiting: Any,
        limit: int,
        kind: Any,
        note_failure: Callable[[BaseException], None],
    ) -> None:
        self._kind = kind
        self._lock = lock
        self._waiting = waiting
        self._limit = limit
        self._note_failure = note_failure
        self._batch: Any = None
        self._numbers = _ready_numbers()

    def append(self, timestamp_ms: int | None, value: bytes, key_size: int, key: bytes) -> Any:
        """Append a record without headers, and return its promise.

        Args:
            timestamp_ms: the record's time, or None for now.
            value: its bytes.
            key_size: the key's length.
            key: the key's length as a varint, and the key.

        Returns:
            None if no batch is open, or the record does not fit: the client begins another.
        """
        when = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
        numbers = self._numbers
        with self._lock:
            waiting = self._waiting
            if not waiting:
                return None
            batch = waiting[-1]
            if batch is not self._batch:
                self._adopt(batch)
            records = self._records
            if records._closed:
                return None
            builder = records._builder
            number = records._next_offset
            later = when - builder._first_timestamp
            size = len(value)
            time_bytes = numbers[later] if 0 <= later < SIZE else varint(later)
            number_bytes = numbers[number] if number < SIZE else varint(number)
            size_bytes = numbers[size] if size < SIZE else varint(size)
            length = 2 + len(time_bytes) + len(number_bytes) + len(key) + len(size_bytes) + size
            length_bytes = numbers[length] if length < SIZE else varint(length)
            buffer = builder._buffer
            length += len(length_bytes)
            if len(buffer) + length > self._limit:
                return None
            buffer += b''.join(
                (length_bytes, b'\0', time_bytes, number_bytes, key, size_bytes, value, b'\0')
            )
            if when > builder._max_timestamp:
                builder._max_timestamp = when
            builder._num_records += 1
            builder._last_offset = number
            records._next_offset = number + 1
            if length > batch.max_record_size:
                batch.max_record_size = length
            promise = self._kind.__new__(self._kind)
            promise._produce_future = self._produce_future
            promise.args = (number, when, None, key_size, size, -1)
            promise._outcome = promise._watchers = None
            promise._note_failure = self._note_failure
            self._futures.append(promise)
        return promise

    def _adopt(self, batch: Any) -> None:
        """From now on append to this batch."""
        self._batch = batch
        self._records = batch.records
        self._futures = batch._record_futures
        self._produce_future = batch.produce_future

        def note_failures(result: Any) -> None:
            if result[2] is not None:  # once a batch, and not once a record
                for future in batch._record_futures:
                    if (
                        type(future) is self._kind
                        and future._produce_future is batch.produce_future
                    ):
                        future.note()

        batch.produce_future.add_callback(note_failures)


_numbers: list[bytes] = []


def _ready_numbers() -> list[bytes]:
    """The bytes of the numbers below ``SIZE``."""
    if not _numbers:
        _numbers.extend(varint(number) for number in range(SIZE))
    return _numbers


@functools.cache
def _why_other_bytes() -> str:
    """Whether this kafka-python, given the same records, makes the same batch of them."""
    tp = TopicPartition('trial', 0)
    try:
        from kafka.producer.producer_batch import ProducerBatch
        from kafka.record.memory_records import MemoryRecordsBuilder

        from client.batch_promise import BatchPromise

        made = [ProducerBatch(tp, MemoryRecordsBuilder(2, 0, 10_000)) for _ in range(2)]
        for batch in made:
            batch.try_append(1000, b'key', b'first', ())
        quick = OpenBatch(threading.Lock(), made[:1], 10_000, BatchPromise, print)
        promise = quick.append(1003, b'value', 3, varint(3) + b'key')
        future = made[1].try_append(1003, b'key', b'value', ())
        for batch in made:
            batch.records.close()
            batch.complete(17, -1)
        same = bytes(made[0].records.buffer()) == bytes(made[1].records.buffer())
        if same and promise.get(0) == future.get(0) and promise.value.offset == 18:
            return ''
    except Exception as error:  # noqa: BLE001 - whatever it is, the client's own way is there
        return f'{type(error).__name__} when it was tried: {error}'
    return 'kafka-python writes records otherwise'
