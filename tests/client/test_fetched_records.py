"""The reader of fetched records gives what kafka-python's own reader gives."""

import contextlib
import gc
import random
from collections.abc import Callable
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.serializer import Deserializer

from client.decoders import Keys, Values
from client.record_reader import RecordReader
from errors import UnreadableError

PLACE = TopicPartition('human-messages', 3)


class Same(Deserializer):  # type: ignore[misc]
    def deserialize(self, topic: str, headers: Any, data: bytes | None) -> Any:
        return data


def _batch(messages: list[tuple[Any, ...]], compression: int = 0, magic: int = 2) -> bytes:
    builder = MemoryRecordsBuilder(magic, compression, 10_000_000)
    for message in messages:
        assert builder.append(*message)
    builder.close()
    return bytes(builder.buffer())


def _read(
    reader: Any, data: bytes, fetch_offset: int = 0, step: int = 1000
) -> tuple[list[Any], int, int]:
    records = reader(fetch_offset, PLACE, MemoryRecords(data), Same(), Same())
    found: list[Any] = []
    while records:
        found += records.take(step)
    return found, records.next_fetch_offset, records.leader_epoch


def _both(data: bytes, **rest: int) -> list[Any]:
    quick, original = (
        _read(RecordReader, data, **rest),
        _read(Fetcher.PartitionRecords, data, **rest),
    )
    assert quick == original
    assert all(
        type(record) is type(other) for record, other in zip(quick[0], original[0], strict=True)
    )
    return quick[0]


def _several(count: int = 300) -> list[tuple[Any, ...]]:
    chance = random.Random(4)

    def text(most: int) -> bytes:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(most)))

    sizes: list[Callable[[], bytes | None]] = [
        lambda: None,
        lambda: b'',
        lambda: text(70),
        lambda: text(200),
        lambda: text(20_000),
    ]
    headers: list[Any] = [
        [],
        [],
        [('why', b'x')],
        [('a', b''), ('ö' * 70, text(300)), ('none', None)],
    ]
    times = [0, 1, 63, 64, -5, 100_000, 10**10]
    return [
        (
            1_700_000_000_000 + chance.choice(times),
            chance.choice(sizes)(),
            chance.choice(sizes)(),
            chance.choice(headers),
        )
        for _ in range(count)
    ]


def test_records_of_every_shape_are_read_alike() -> None:
    """Keys, values and headers of any size, empty or null.

    Times that go back, come out as from kafka-python itself.
    """
    assert len(_both(_batch(_several()))) == 300


def test_compressed_batches_are_read_alike() -> None:
    """A gzip batch comes out as from kafka-python itself."""
    assert len(_both(_batch(_several(), compression=1))) == 300


def test_several_batches_and_old_formats_are_read_alike() -> None:
    """One fetch may hold several batches, also of the formats before 0.11."""
    old = _batch([(1_700_000_000_000, b'key', b'value') for _ in range(3)], magic=1)
    assert len(_both(_batch(_several(5)) + _batch(_several(7)))) == 12
    assert len(_both(old)) == 3


def test_reading_may_begin_and_pause_within_a_batch() -> None:
    """Records before the wanted offset are left out, and small steps lose none."""
    assert [
        record.offset for record in _both(_batch(_several(50)), fetch_offset=17, step=7)
    ] == list(range(17, 50))


def test_a_changed_byte_is_noticed() -> None:
    """A batch whose checksum does not fit is an error, never a record."""
    data = bytearray(_batch(_several(20)))
    data[-9] ^= 4
    with pytest.raises(UnreadableError, match='CORRUPT_MESSAGE'):
        _read(RecordReader, bytes(data))


def test_a_batch_that_breaks_off_is_noticed() -> None:
    """With checksums off, a size that leads out of the batch is an error still."""
    data = bytearray(_batch([(1_700_000_000_000, b'k', b'v', [])]))
    data[61] += 4
    records = RecordReader(0, PLACE, MemoryRecords(bytes(data)), Same(), Same(), check_crcs=False)
    with pytest.raises(UnreadableError, match='CORRUPT_MESSAGE'):
        records.take(1)


def test_our_own_keys_and_values_are_read_alike() -> None:
    """Keys that are text or not, again and again; values that are JSON or not; tombstones."""
    chance = random.Random(5)
    keys = [None, b'', b'red', 'grün'.encode(), b'\xff', b'long ' * 50]
    values = [None, b'{"sender": "red"}', b'[1, 2.5]', b'no json', b'\xff', b'null', b'""']
    messages: list[tuple[Any, ...]] = [
        (1_700_000_000_000 + number * 50, chance.choice(keys), chance.choice(values), [])
        for number in range(500)
    ]
    found: list[tuple[list[str], int]] = []
    for reader in (RecordReader, Fetcher.PartitionRecords):
        decoded = Values(None)
        records = reader(0, PLACE, MemoryRecords(_batch(messages)), Keys(), decoded)
        read = [record for _ in range(6) if records for record in records.take(100)]
        found.append(([*map(repr, read)], decoded.malformed))
    assert found[0] == found[1]
    assert found[0][1] > 50


def test_the_keys_that_are_remembered_are_bounded() -> None:
    """Few keys are remembered, and none that is long."""
    keys = Keys()
    for number in range(25_000):
        assert keys.deserialize('t', [], b'%d' % number) == str(number)
    keys.deserialize('t', [], b'x' * 1000)
    assert 0 < len(keys.known) <= 10_000
    assert max(map(len, keys.known)) < 100


@pytest.mark.parametrize('was_on', [True, False])
@pytest.mark.parametrize('spoil', [0, 4])
def test_the_collector_is_as_it_was(was_on: bool, spoil: int) -> None:
    """It rests while a batch is unpacked, and goes on only if it was on, after an error too."""
    seen: list[bool] = []

    class Watch(Same):
        def deserialize(self, topic: str, headers: Any, data: bytes | None) -> Any:
            seen.append(gc.isenabled())
            return data

    data = bytearray(_batch(_several(20)))
    data[-9] ^= spoil
    records = RecordReader(0, PLACE, MemoryRecords(bytes(data)), None, Watch())
    if not was_on:
        gc.disable()
    try:
        with contextlib.suppress(UnreadableError):
            records.take(10)
        assert gc.isenabled() == was_on
    finally:
        gc.enable()
    assert seen == ([] if spoil else [False] * 20)
