"""A fault of kafka-python 3.0.12 in reading: a header's name that is no UTF-8 ends a consumer.

The one idea to take away: whoever reads what others wrote must be able to read anything.
"""

from typing import Any

from kafka.record.default_records import DefaultRecordBatch

__all__ = ['read_any_header']


def read_any_header() -> None:
    r"""Have consumers show the name of a header that is no UTF-8 as ``'\xff'``.

    To be called before the first consumer is made.
    """
    if not hasattr(DefaultRecordBatch, '_read_strictly'):
        DefaultRecordBatch._read_strictly = DefaultRecordBatch._read_msg
        DefaultRecordBatch._read_msg = _read_any


def _read_any(batch: Any) -> Any:
    try:
        return batch._read_strictly()
    except UnicodeDecodeError:
        buffer, batch._buffer = batch._buffer, _Lenient(batch._buffer)
        try:
            return batch._read_strictly()
        finally:
            batch._buffer = buffer


class _Lenient(bytes):
    """Bytes whose parts can always be read as text."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _Lenient(part) if isinstance(place, slice) else part

    def decode(self, *_: str) -> str:
        return super().decode(errors='backslashreplace')
