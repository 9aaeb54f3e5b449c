"""From fetched bytes to records: kafka-python's own reader, at half the cost (read it when you want to know what a record is made of).

``consumer_loop.py`` uses it. What is rare (control records, given up transactions, old formats, headers) is left to the original.

The one idea to take away: a call costs more than what it does. One function a batch does what took ten calls a record.
"""

from collections.abc import Iterator
from typing import Any

import kafka.errors
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.record.util import decode_varint
from kafka.serializer import Deserializer

from schemas import Malformed, decode

__all__ = ['Keys', 'QuickRecords', 'Values']


class Values(Deserializer):  # type: ignore[misc]
    """Decodes values. It cannot raise (that would make the client spin): a ``Malformed`` stands for what could not be read."""

    def __init__(self, schema: Any) -> None:
        """Take a TypedDict, or None for any JSON."""
        decode(b'null', schema)  # a schema that is none is told here, not at the first record
        self.schema = schema
        self.malformed = 0

    def deserialize(self, topic: str, headers: Any, data: bytes | None) -> Any:
        """The value, or a ``Malformed``; ``malformed`` counts those."""
        value = decode(data, self.schema)
        if value.__class__ is Malformed:
            self.malformed += 1
        return value


class Keys(Deserializer):  # type: ignore[misc]
    """Keys are text where they are UTF-8, and stay bytes where they are not."""

    def deserialize(self, topic: str, headers: Any, data: bytes | None) -> Any:
        """The key as text, if it is."""
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError:
            return data


class QuickRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """Reads what was fetched from one partition; ``ChatConsumer`` gives it to kafka-python in place of the original."""

    def _unpack_records(
        self, tp: TopicPartition, records: Any, keys: Any, values: Any
    ) -> Iterator[Any]:
        while (batch := records.next_batch()) is not None:
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
        topic, partition = tp
        if self.check_crcs and not batch.validate_crc():
            raise kafka.errors.CorruptRecordError(
                f'{topic}, partition {partition}: the batch at {batch.base_offset} is not what was written.'
            )
        batch._maybe_uncompress()
        data, pos = bytes(batch._buffer), batch._pos
        base, sent, kind, epoch = (
            batch.base_offset,
            batch.first_timestamp,
            batch.timestamp_type,
            batch.leader_epoch,
        )
        appended = batch.max_timestamp if kind == batch.LOG_APPEND_TIME else None
        read_key, read_value, record, make = (
            keys.deserialize,
            values.deserialize,
            ConsumerRecord,
            tuple.__new__,
        )
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
                    headers_size = sum(
                        len(name.encode()) + len(content or b'') for name, content in headers
                    )
                    pos = end - 1
                pos += 1
                if pos != end or end > len(data):
                    raise IndexError
                self.next_fetch_offset = offset + 1
                sizes = key_size, value_size, headers_size
                key, value = read_key(topic, headers, key), read_value(topic, headers, value)
                when = sent + later if appended is None else appended
                yield make(
                    record,
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
                        *sizes,
                    ),
                )
        except IndexError as error:
            raise kafka.errors.CorruptRecordError(
                f'{topic}, partition {partition}: the batch at {base} breaks off.'
            ) from error
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
