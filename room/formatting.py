"""Records, bytes and times as text (used by the page's parts).

The one idea to take away: to Kafka a record is bytes with a key, headers and a timestamp. What they
mean is up to whoever reads them.
"""

import time
from datetime import UTC, datetime
from typing import Any

from room.messages import timestamp_in_seconds
from schemas import Alert, HumanMessage, Malformed, chat_line, decode, printable

__all__ = ['describe_record', 'hexdump', 'time_of_day']

BYTES_A_LINE = 16
MOST_HEADERS = 20
LONGEST_HEADER = 200  # characters
LONGEST_KEY = 300
LONGEST_TEXT = 500
CREATE_TIME = 0  # a record's timestamp_type: set by the producer; 1 is LogAppendTime, the broker's


def time_of_day(seconds: float) -> str:
    """A time in seconds since 1970 as local hours, minutes and seconds: ``'10:30:00'``."""
    return time.strftime('%H:%M:%S', time.localtime(seconds))


def hexdump(data: bytes, most: int = 512) -> str:
    """Bytes in hexadecimal and as text, sixteen a line.

    Args:
        data: the bytes.
        most: how many of them are shown.

    >>> print(hexdump(b'{"sender": "red"}', most=4))
    0000  7b 22 73 65                                      {"se
    ... 13 bytes more
    """
    lines = []
    shown = data[:most]
    for start in range(0, len(shown), BYTES_A_LINE):
        row = shown[start : start + BYTES_A_LINE]
        text = ''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in row)
        lines.append(f'{start:04x}  {row.hex(" "):<47}  {text}')
    if len(data) > most:
        lines.append(f'... {len(data) - most:,} bytes more')
    return '\n'.join(lines)


def describe_record(record: Any, schema: Any = HumanMessage) -> dict[str, str]:
    """All that a record has, as text by name, in the order in which it is shown.

    Args:
        record: a ConsumerRecord whose key and value are bytes.
        schema: what its value is read as: ``HumanMessage`` or ``Alert``.
    """
    return {
        'topic': printable(record.topic),
        'partition': str(record.partition),
        'offset': str(record.offset),
        'timestamp': _timestamp(record),
        'key': 'none' if record.key is None else f'{record.key!r:.{LONGEST_KEY}}',
        'headers': _headers(record) or 'none',
        'read as': _meaning(record.value, schema),
        'bytes': _bytes(record.value),
    }


def _timestamp(record: Any) -> str:
    moment = datetime.fromtimestamp(timestamp_in_seconds(record), UTC)
    by = 'the sender' if record.timestamp_type == CREATE_TIME else 'the broker'
    return f'{moment.isoformat(timespec="milliseconds")} ({record.timestamp} ms, set by {by})'


def _headers(record: Any) -> str:
    lines = [
        f'{printable(name)}: {content!r:.{LONGEST_HEADER}}'
        for name, content in record.headers[:MOST_HEADERS]
    ]
    return '\n'.join(lines)


def _meaning(data: bytes | None, schema: Any) -> str:
    value = decode(data, schema)
    if isinstance(value, Malformed):
        name = 'an Alert' if schema is Alert else 'a HumanMessage'
        return f'not {name}: {printable(value.why)}'
    if schema is Alert:
        said = chat_line(value['triggered_by'])[:LONGEST_TEXT]
        text = printable(value['alert_message'])[:LONGEST_TEXT]
        return f'{printable(value["alert_type"])}: {text}\nabout: {said}'
    return f'{printable(value["sender"])} said: {printable(value["contents"])[:LONGEST_TEXT]}'


def _bytes(data: bytes | None) -> str:
    return 'none: a tombstone' if data is None else f'{len(data):,}\n{hexdump(data)}'
