"""Reads chat logs line by line, never as a whole (step 5: ``ReplaySimulator`` plays them).

There are three formats. The file's extension decides: ``.jsonl``, ``.ndjson`` and ``.json`` are
JSON lines, ``.csv`` is CSV, and everything else is IRC::

    irc     [23:59] <nick> text
    jsonl   {"sender": "nick", "contents": "text", "timestamp": 1209271560}
    csv     sender,contents,timestamp      (the header line, which must come first)

A timestamp is seconds since 1970, milliseconds since 1970 (Kafka's own unit), or ISO 8601 (UTC
unless it names a time zone). It may be missing.

The one idea to take away: other people's data is read leniently. A line that is not a message is
skipped and counted.
"""

import csv
import functools
import math
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from errors import MessageError
from schemas import HumanMessage, Malformed, decode

__all__ = ['ChatLog', 'Cue', 'Said']

HOUR, DAY = 3600.0, 86400.0
MILLISECONDS = 1e11  # a larger timestamp is in milliseconds: as seconds, this is the year 5138
IRC = re.compile(r'\[([01]\d|2[0-3]):([0-5]\d)\] <([^>]+)> ?(.*)', re.ASCII | re.DOTALL)
EXTENSIONS = {'.jsonl': 'jsonl', '.ndjson': 'jsonl', '.json': 'jsonl', '.csv': 'csv'}


class Said(NamedTuple):
    """One message of a log.

    ``elapsed`` is in seconds since the log's first message, and never decreases.
    """

    elapsed: float
    sender: str
    contents: str


class Cue(NamedTuple):
    """One message of a replay.

    ``due`` is when to send it, ``timestamp`` what to stamp it with; both in seconds since 1970.
    """

    due: float
    timestamp: float
    sender: str
    contents: str


class ChatLog:
    """A chat log that can be iterated over again and again.

    ``skipped`` counts the lines that were not messages, since the last iteration began.

    IRC has neither dates nor seconds. All lines of one minute have the same time. A time that is up
    to an hour earlier than the line before is out of order, and counts as no time passed. A time
    that is earlier by more than that belongs to the next day.

    Args:
        path: the log, in UTF-8; invalid bytes become replacement characters.
        format: ``'irc'``, ``'jsonl'`` or ``'csv'``; None goes by the file's extension.
        pause: how many seconds pass where a message has no timestamp.

    Raises:
        MessageError: there is no such file, or no such format.

    >>> for said in ChatLog('chat.txt'):
    ...     print(said)
    Said(elapsed=0.0, sender='alice', contents='hello')
    Said(elapsed=60.0, sender='bob', contents='hi alice')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,  # noqa: A002 - the word that a reader would guess
        pause: float = 1.0,
    ) -> None:
        self.path = Path(path)
        self.format = format or EXTENSIONS.get(self.path.suffix.lower(), 'irc')
        self.pause = pause
        self.skipped = 0
        if self.format not in PARSERS:
            formats = ', '.join(map(repr, PARSERS))
            raise MessageError(
                f'{format!r} is not a format of a chat log. Give format= one of {formats}.'
            )
        if not self.path.is_file():
            raise MessageError(
                f'{str(path)!r} is not a file. '
                f'Give the path of a chat log, relative to {Path.cwd()}.'
            )

    def __iter__(self) -> Iterator[Said]:
        """The messages in the order of the log.

        Raises:
            MessageError: the file cannot be read, is a CSV without its header line, or has lines
                but no message.
        """
        self.skipped = 0
        elapsed = 0.0
        latest: float | None = None  # the latest timestamp so far
        first = True
        for sender, contents, timestamp in self._messages():
            if timestamp is None:
                if not first:
                    elapsed += self.pause
            else:
                if latest is None:
                    latest = timestamp
                elapsed += max(0.0, timestamp - latest)
                latest = max(latest, timestamp)
            first = False
            yield Said(elapsed, sender, contents)
        if first and self.skipped:
            raise MessageError(
                f'None of the {self.skipped} lines of {str(self.path)!r} is a message '
                f'in the format {self.format!r}. Try another format=.'
            )

    def _messages(self) -> Iterator['Line']:
        """The lines that are messages; counts the others."""
        parse = PARSERS[self.format]
        try:
            with self.path.open(encoding='utf-8-sig', errors='replace', newline='') as file:
                for line in parse(file):
                    if line is None:
                        self.skipped += 1
                    else:
                        yield line
        except (OSError, csv.Error) as error:
            raise MessageError(
                f'The chat log {str(self.path)!r} cannot be read: {error}. '
                'Give the path of one that can be read.'
            ) from error

    def play(self, start: float, speed: float = 1.0) -> Iterator[Cue]:
        """The messages with the times at which to replay them.

        Timestamps are as far apart as in the log, whatever the speed. The last message's timestamp
        is the moment at which it is due, and none is later than that, because Kafka refuses records
        that are more than an hour ahead of its clock (``message.timestamp.after.max.ms``). At a
        speed above 1.0 the log is read twice: the first time to learn how long it is.

        Args:
            start: when the first message is due, in seconds since 1970.
            speed: how many times faster than the log.
        """
        first_timestamp = start
        if speed > 1.0:
            first_timestamp -= (1 - 1 / speed) * self._span
        for said in self:
            due = start + said.elapsed / speed
            yield Cue(due, first_timestamp + said.elapsed, said.sender, said.contents)

    @functools.cached_property
    def _span(self) -> float:
        """Seconds from the first message to the last."""
        return max((said.elapsed for said in self), default=0.0)


Line = tuple[str, str, float | None]  # sender, contents, timestamp in seconds


class _JsonLine(HumanMessage, total=False):
    timestamp: float | str | None


def _parse_irc(file: TextIO) -> Iterator[Line | None]:
    now: float | None = None  # seconds since the midnight before the first message
    for line in file:
        found = IRC.fullmatch(line.rstrip('\r\n'))
        if not found:
            yield None
            continue
        hours, minutes, sender, contents = found.groups()
        time_of_day = int(hours) * 3600.0 + int(minutes) * 60.0
        if now is None:
            now = time_of_day
        else:
            step = (time_of_day - now) % DAY
            if step < DAY - HOUR:  # else it is up to an hour earlier, so out of order
                now += step
        yield sender.strip(), contents, now


def _parse_jsonl(file: TextIO) -> Iterator[Line | None]:
    for line in file:
        value = decode(line.encode(), _JsonLine)
        if isinstance(value, Malformed):
            yield None
        else:
            yield _checked(value['sender'], value['contents'], value.get('timestamp'))


def _parse_csv(file: TextIO) -> Iterator[Line | None]:
    rows = csv.reader(file)
    columns = next(rows, [])
    if not {'sender', 'contents'}.issubset(columns):
        raise MessageError(
            f'The CSV begins with {columns}. '
            'Its first line must name the columns: sender,contents,timestamp.'
        )
    while True:
        try:
            row = dict(zip(columns, next(rows), strict=False))
        except StopIteration:
            return
        except csv.Error:  # a field longer than csv.field_size_limit()
            yield None
        else:
            yield _checked(row.get('sender'), row.get('contents'), row.get('timestamp'))


PARSERS = {'irc': _parse_irc, 'jsonl': _parse_jsonl, 'csv': _parse_csv}


def _checked(
    sender: str | None, contents: str | None, timestamp: float | str | None
) -> Line | None:
    """The line with its timestamp in seconds; None if a part is missing or the time is invalid."""
    if sender is None or contents is None:
        return None
    if timestamp is None or timestamp == '':
        return sender, contents, None
    try:
        return sender, contents, _seconds(timestamp)
    except (ValueError, OverflowError):
        return None


def _seconds(timestamp: float | str) -> float:
    try:
        seconds = float(timestamp)
    except ValueError:
        time = datetime.fromisoformat(str(timestamp).strip())
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        seconds = time.timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f'{timestamp!r} is not a time')
    return seconds / 1000 if seconds > MILLISECONDS else seconds
