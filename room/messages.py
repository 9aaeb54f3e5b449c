"""A record as the page shows it (used by `feed` and `replay`).

The one idea to take away: what comes from a topic comes from anybody, so its size, its characters
and its timestamp are limited once, before anything else uses them.
"""

import re
from dataclasses import dataclass
from typing import Any

from schemas import Alert, HumanMessage, Malformed, decode, printable

__all__ = ['Message', 'cause_of', 'message_from', 'sent_message', 'timestamp_in_seconds']

LONGEST_TEXT = 2000  # characters of a message
MOST_LINES = 60
LONGEST_NAME = 80  # characters of a sender, a key, or the type of an alert
LATEST = 253_000_000_000.0  # seconds since 1970: the year 9987, near the last that Python can show
# How our services say which record an alert is about: topic/partition/offset.
LOCATION = re.compile(rb'([a-zA-Z0-9._-]+)/(\d{1,9})/(\d{1,18})')


@dataclass(slots=True)
class Message:
    """A message or an alert, ready to be shown: limited in length, without control characters.

    Args:
        topic: where it is, together with ``partition`` and ``offset``.
        partition: its number.
        offset: the record's.
        time: the record's timestamp in seconds since 1970.
        sender: who spoke; of an alert, its type.
        contents: what was said, with its line breaks; of an alert, its message.
        key: the record's key; None if it has none.
        error: what is wrong with the record; '' if it follows its schema.
        is_alert: whether it came from the topic of alerts.
        triggered_by: of an alert, the message that triggered it: ``(topic, partition, offset)`` if
            the alert tells that, else ``(sender, contents)``.
        about: of an alert, the sender of that message.
        alert_type: of a message, the type of the alert that it triggered; '' if none.
        live: whether it came after the room had opened.
        number: its position among the messages, or among the alerts, that this room has read:
            from 1 on; 0 in a replay.
    """

    topic: str
    partition: int
    offset: int
    time: float
    sender: str
    contents: str
    key: str | None = None
    error: str = ''
    is_alert: bool = False
    triggered_by: tuple[Any, ...] = ()
    about: str = ''
    alert_type: str = ''
    live: bool = False
    number: int = 0

    @property
    def location(self) -> tuple[str, int, int]:
        """Topic, partition and offset: what names the record."""
        return self.topic, self.partition, self.offset

    @property
    def words(self) -> tuple[str, str]:
        """Sender and contents: what an alert names that does not tell the record."""
        return self.sender, self.contents


def message_from(record: Any, schema: Any) -> Message:
    """A message from a record of raw bytes; one that breaks its schema says why, and has the bytes.

    Args:
        record: a ConsumerRecord.
        schema: ``HumanMessage`` or ``Alert``.
    """
    message = Message(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        time=timestamp_in_seconds(record),
        sender='malformed',
        contents='',
        key=None if record.key is None else _text(record.key, LONGEST_NAME),
        is_alert=schema is Alert,
    )
    value = decode(record.value, schema)
    if isinstance(value, Malformed):
        message.contents = _text(record.value or b'', LONGEST_TEXT)
        message.error = printable(value.why)
    elif schema is Alert:
        message.sender = printable(value['alert_type'][:LONGEST_NAME])
        message.contents = _lines(value['alert_message'])
        message.about = _words(value['triggered_by'])[0]
        message.triggered_by = cause_of(record) or _words(value['triggered_by'])
    else:
        message.sender, message.contents = _words(value)
    return message


def sent_message(value: HumanMessage, sent: Any) -> Message:
    """A message of our own, from what its acknowledgement says: before any reader has read it.

    Args:
        value: what was sent.
        sent: kafka-python's RecordMetadata.
    """
    sender, contents = _words(value)
    at = min(max(sent.timestamp, 0) / 1000, LATEST)
    return Message(sent.topic, sent.partition, sent.offset, at, sender, contents, live=True)


def timestamp_in_seconds(record: Any) -> float:
    """A record's timestamp in seconds since 1970, from that year to 9987.

    A sender may set any timestamp, and Python's calendar ends with the year 9999.
    """
    return float(min(max(record.timestamp, 0) / 1000, LATEST))


def _text(data: bytes, most: int) -> str:
    return printable(data[:most].decode('utf-8', 'backslashreplace'))


def _words(value: Any) -> tuple[str, str]:
    sender = printable(value['sender'][:LONGEST_NAME])
    return sender, _lines(value['contents'])


def _lines(text: str) -> str:
    """A text whose line breaks stay line breaks, and that says so where it is cut."""
    lines = text[:LONGEST_TEXT].replace('\r\n', '\n').split('\n')
    shown = '\n'.join(printable(line) for line in lines[:MOST_LINES])
    if len(text) > LONGEST_TEXT or len(lines) > MOST_LINES:
        shown += f'\n[cut here: {len(text):,} characters in all]'
    return shown


def cause_of(record: Any) -> tuple[str, int, int] | None:
    """The record that an alert is about, by the alert's header; None if it does not tell."""
    header = dict(record.headers).get('triggered-by') or b''
    found = LOCATION.fullmatch(header)
    if found is None:
        return None
    topic, partition, offset = found.groups()
    return topic.decode(), int(partition), int(offset)
