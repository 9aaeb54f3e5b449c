"""From fetched bytes to records, at a third of the cost of kafka-python's own reader.

What is rare (control records, aborted transactions, old formats, headers) is left to the original.
Read it when you want to know what a record is made of; Kafka's protocol guide calls it "Record".

The one idea to take away: a call costs more than what it does. One function a batch does what took
ten calls a record.
"""

import contextlib
import gc
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import kafka.errors
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

from errors import UnreadableError

__all__ = ['AnyHeaderBatch', 'RecordReader']


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """No garbage is collected meanwhile: 1.2 us less a record.

    Each record is three objects or more that the collector would look at, again and again, and none
    of them is garbage yet.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class RecordReader(Fetcher.PartitionRecords):  # type: ignore[misc]
    """Reads what was fetched from one partition, in place of kafka-python's own class."""

    _unreadable: UnreadableError | None = None
    next_fetch_offset: int
    _batch_end = 0  # the offset behind the batch that is being read

    def take(self, n: int | None = None) -> list[Any]:
        """The next records. A batch that cannot be unpacked raises the same error at each call.

        kafka-python 3.0 would give nothing, for ever, after the first error.
        """
        if self._unreadable is not None:
            raise self._unreadable
        try:
            with collector_paused():
                records: list[Any] = super().take(n)
        except Exception as error:
            self._unreadable = self._explain(error)
            raise self._unreadable from error
        if records and self:  # in the middle of a batch, which was unpacked as a whole
            self.next_fetch_offset = records[-1].offset + 1
        return records

    def _explain(self, error: Exception) -> UnreadableError:
        topic, partition = self.topic_partition
        place = f'{topic}, partition {partition}, offset {self.next_fetch_offset}'
        if isinstance(error, kafka.errors.UnsupportedCodecError):
            why = f'is compressed, and its codec is not installed ({error})'
            cure = 'Install it here: pip install zstandard lz4 python-snappy'
        else:
            why = f'is damaged (CORRUPT_MESSAGE: {" ".join(map(str, error.args)) or error})'
            cure = 'Copy it from another replica'
        return UnreadableError(
            f'The batch of records at {place} {why}. {cure}; or go on behind it: '
            f'seek(TopicPartition({topic!r}, {partition}), {self._behind()}).'
        )

    def _behind(self) -> int:
        return max(self.next_fetch_offset, self._batch_end)

    def _unpack_records(
        self, tp: TopicPartition, records: Any, keys: Any, values: Any
    ) -> Iterator[Any]:
        while (batch := records.next_batch()) is not None:
            if batch.__class__ is DefaultRecordBatch:
                batch.__class__ = AnyHeaderBatch
            self._batch_end = (
                batch.next_offset if batch.magic == 2 else int(self.next_fetch_offset) + 1
            )
            if (
                batch.magic != 2
                or batch.is_control_batch
                or self.aborted_transactions
                or self.aborted_producer_ids
            ):
                try:
                    yield from super()._unpack_records(tp, _Only(batch), keys, values)
                except _DoneError:
                    pass
            else:
                yield from self._unpack(tp, batch, keys, values)
            if batch.magic == 2:
                self.next_fetch_offset = batch.next_offset
        self.drain()

    def _unpack(self, tp: TopicPartition, batch: Any, keys: Any, values: Any) -> Iterator[Any]:
        """All records of a batch in the plain format, at once."""
        if self.check_crcs and not batch.validate_crc():
            raise kafka.errors.CorruptRecordError('its checksum does not match')
        batch._maybe_uncompress()
        data = bytes(batch._buffer)
        self.leader_epoch = batch.leader_epoch
        self.bytes_read += len(data)
        self.records_read += batch.records_count
        try:
            rows, end = _rows(tp, batch, data, keys, values)
        except IndexError as error:
            raise kafka.errors.CorruptRecordError('it breaks off') from error
        if end != len(data):
            raise kafka.errors.CorruptRecordError(f'{len(data) - end} bytes too many')
        return map(tuple.__new__, repeat(ConsumerRecord), rows)


def _rows(  # noqa: C901 - calls are what it saves: 1 us a record of 2
    tp: TopicPartition, batch: Any, data: bytes, keys: Any, values: Any
) -> tuple[list[tuple[Any, ...]], int]:
    """The fields of each record, in the order of ConsumerRecord, and where they end in the data."""
    topic, partition = tp
    pos, base, epoch = batch._pos, batch.base_offset, batch.leader_epoch
    sent, kind = batch.first_timestamp, batch.timestamp_type
    appended = batch.max_timestamp if kind == batch.LOG_APPEND_TIME else None
    known_key = getattr(keys, 'known', {}).get
    read_value = getattr(values, 'decode', None) or _fails
    rows: list[tuple[Any, ...]] = []
    add = rows.append
    for _ in range(batch.records_count):
        begin = pos
        # Five numbers, each of one byte or two as a rule: see "Record" in Kafka's protocol
        # guide for their order.
        if (low := data[pos]) & 1 == 0 and (high := data[pos + 1]) < 128 <= low:
            size, pos = (low & 127 | high << 7) >> 1, pos + 2
        else:
            size, pos = decode_varint(data, pos)
        end = pos + size
        pos += 1  # attributes
        if not (low := data[pos]) & 129:
            later, pos = low >> 1, pos + 1
        elif low & 1 == 0 and (high := data[pos + 1]) < 128:
            later, pos = (low & 127 | high << 7) >> 1, pos + 2
        else:
            later, pos = decode_varint(data, pos)
        if (low := data[pos]) & 1 == 0 and (high := data[pos + 1]) < 128 <= low:
            offset, pos = base + ((low & 127 | high << 7) >> 1), pos + 2
        else:
            offset, pos = decode_varint(data, pos)
            offset += base
        if not (low := data[pos]) & 129:
            key_size, pos = low >> 1, pos + 1
        else:
            key_size, pos = decode_varint(data, pos)
        raw_key = None
        if key_size >= 0:
            raw_key, pos = data[pos : pos + key_size], pos + key_size
        if (low := data[pos]) & 1 == 0 and (high := data[pos + 1]) < 128 <= low:
            value_size, pos = (low & 127 | high << 7) >> 1, pos + 2
        else:
            value_size, pos = decode_varint(data, pos)
        raw_value = None
        if value_size >= 0:
            raw_value, pos = data[pos : pos + value_size], pos + value_size
        headers: list[Any] = []
        headers_size = -1
        if data[pos]:
            headers, headers_size = _headers(batch, begin)
            pos = end - 1
        pos += 1
        if pos != end or end > len(data):
            raise IndexError
        if (key := known_key(raw_key)) is None and raw_key is not None:
            key = keys.deserialize(topic, headers, raw_key) if keys is not None else raw_key
        try:
            value = read_value(raw_value)
        except Exception:  # noqa: BLE001 - the deserializer tells what is wrong with it
            value = raw_value
            if values is not None:
                value = values.deserialize(topic, headers, raw_value)
        when = sent + later if appended is None else appended
        add(
            (
                topic,
                partition,
                epoch,
                offset,
                when,
                kind,
                key,
                value,
                headers,
                None,
                key_size,
                value_size,
                headers_size,
            )
        )
    return rows, pos


def _headers(batch: Any, begin: int) -> tuple[list[Any], int]:
    """A record's headers, and their size in bytes, by kafka-python's own reader."""
    batch._pos = begin
    headers = batch._read_msg().headers
    return headers, sum(len(name.encode()) + len(content or b'') for name, content in headers)


def _fails(_data: bytes | None) -> Any:
    raise TypeError


class _DoneError(Exception):
    """A batch has been read."""


class _Only:
    """One batch, for the original reader.

    Which would take the end of its source for the end of all.
    """

    def __init__(self, batch: Any) -> None:
        self.batches = [batch]

    def next_batch(self) -> Any:
        if not self.batches:
            raise _DoneError
        return self.batches.pop()


class AnyHeaderBatch(DefaultRecordBatch):  # type: ignore[misc]
    r"""A batch in which a header's name may be any bytes.

    ``'\xff'`` stands for one that is not UTF-8.

    kafka-python 3.0.12 raises a UnicodeDecodeError there, which ends the reader for good. Only the
    batches of our own consumers are read so.
    """

    __slots__ = ()  # a batch becomes one of this class, so it must have the same layout
    _buffer: Any

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            strict: Any = self._buffer
            self._buffer = _Lenient(strict)
            try:
                return super()._read_msg()
            finally:
                self._buffer = strict


class _Lenient(bytes):
    """Bytes whose parts can always be read as text."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _Lenient(part) if isinstance(place, slice) else part

    def decode(self, *_: str) -> str:
        return super().decode(errors='backslashreplace')
