"""Which replica has all that was acknowledged, by what is on the disk."""

import struct
from pathlib import Path

import pytest

from broker.leaders import log_end


def _batch(first: int, records: int, epoch: int, payload: int = 100) -> bytes:
    """The beginning of a batch as Kafka writes it, and some bytes in the place of its records."""
    head = struct.pack('>iBIhi', epoch, 2, 0, 0, records - 1)
    return struct.pack('>qi', first, len(head) + payload) + head + bytes(payload)


@pytest.mark.parametrize(
    ('segments', 'end'),
    [
        ([], (-1, 0)),
        ([[]], (-1, 0)),
        ([[_batch(0, 3, 1)]], (1, 3)),
        ([[_batch(0, 3, 1), _batch(3, 10, 2)]], (2, 13)),
        ([[_batch(0, 3, 1)], [_batch(3, 1, 7)]], (7, 4)),
        ([[_batch(0, 3, 1)], []], (1, 3)),
        ([[_batch(0, 3, 1), _batch(3, 10, 2)[:-1]]], (1, 3)),
        ([[_batch(0, 3, 1), bytes(200)]], (1, 3)),
    ],
    ids=['none', 'empty', 'one', 'two', 'segments', 'rolled', 'torn', 'zeros'],
)
def test_a_log_ends_behind_its_last_whole_batch(
    segments: list[list[bytes]], end: tuple[int, int], tmp_path: Path
) -> None:
    """The epoch of the last batch, and the offset behind it; not what was half written."""
    for number, batches in enumerate(segments):
        (tmp_path / f'{number:020}.log').write_bytes(b''.join(batches))
    assert log_end(tmp_path) == end
