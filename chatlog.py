"""Chat logs as they lie about: read line by line, never as a whole (walkthrough step 5, behind ``ReplaySimulator``).

Three formats, told apart by the file's ending (what is neither ``.jsonl``, ``.ndjson``, ``.json`` nor ``.csv`` is IRC)::

    irc     [23:59] <nick> text
    jsonl   {"sender": "nick", "contents": "text", "timestamp": 1209271560}
    csv     sender,contents,timestamp      (this line first)

A timestamp is seconds since 1970, milliseconds (Kafka's own unit), or ISO 8601 (UTC if it does not say). It may be missing.

The one idea to take away: other people's data is read leniently. A line that is no message is skipped and counted.
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
MILLISECONDS = 1e11  # as seconds this is the year 5138
IRC = re.compile(r'\[([01]\d|2[0-3]):([0-5]\d)\] <([^>]+)> ?(.*)', re.ASCII | re.DOTALL)
ENDINGS = {'.jsonl': 'jsonl', '.ndjson': 'jsonl', '.json': 'jsonl', '.csv': 'csv'}


class Said(NamedTuple):
    """One message of a log. ``elapsed`` counts seconds since the log's first message and never goes back."""

    elapsed: float
    sender: str
    contents: str


class Cue(NamedTuple):
    """When to replay what. ``due`` and ``timestamp`` are in seconds since 1970."""

    due: float
    timestamp: float
    sender: str
    contents: str


class ChatLog:
    """A chat log that can be read again and again. ``skipped`` counts the lines that were no message, since the last start.

    IRC has neither dates nor seconds: lines of one minute share it, a time up to an hour back is disorder and
    counts as no time passed, and one further back is the next day.

    Args:
        path: the log, UTF-8; bytes that are not become replacement characters.
        format: ``'irc'``, ``'jsonl'`` or ``'csv'``; None goes by the file's ending.
        pause: seconds that pass where a message has no timestamp.

    Raises:
        MessageError: there is no such file, or no such format.

    >>> for said in ChatLog('chat.txt'):
    ...     print(said)
    Said(elapsed=0.0, sender='alice', contents='hello')
    Said(elapsed=60.0, sender='bob', contents='hi alice')
    """

    def __init__(
        self, path: str | os.PathLike[str], format: str | None = None, pause: float = 1.0
    ) -> None:  # noqa: A002
        self.path = Path(path)
        self.format = format or ENDINGS.get(self.path.suffix.lower(), 'irc')
        self.pause = pause
        self.skipped = 0
        if self.format not in FORMATS:
            raise MessageError(
                f'{format!r} is no format of a chat log. Give format= one of {", ".join(map(repr, FORMATS))}.'
            )
        if not self.path.is_file():
            raise MessageError(
                f'{str(path)!r} is not a file. Give the path of a chat log, seen from {Path.cwd()}.'
            )

    def __iter__(self) -> Iterator[Said]:
        """The messages in the log's order.

        Raises:
            MessageError: the file cannot be read, is a CSV without its first line, or has lines but no message.
        """
        self.skipped = 0
        elapsed, last, found = 0.0, None, False
        try:
            with self.path.open(encoding='utf-8-sig', errors='replace', newline='') as file:
                for line in FORMATS[self.format](file):
                    if line is None:
                        self.skipped += 1
                        continue
                    sender, contents, time = line
                    if time is None:
                        elapsed += self.pause if found else 0.0
                    else:
                        elapsed += max(0.0, time - last) if last is not None else 0.0
                        last = time if last is None else max(last, time)
                    found = True
                    yield Said(elapsed, sender, contents)
        except (OSError, csv.Error) as error:
            raise MessageError(
                f'The chat log {str(self.path)!r} cannot be read: {error}. Give the path of a readable one.'
            ) from error
        if self.skipped and not found:
            raise MessageError(
                f'None of the {self.skipped} lines of {str(self.path)!r} reads as {self.format!r}. Try another format=.'
            )

    def play(self, start: float, speed: float = 1.0) -> Iterator[Cue]:
        """The messages as a replay's cues, with the log's own spacing in the timestamps, whatever the speed.

        The last message's timestamp is the moment it is due and none is later than that: Kafka refuses records that are
        more than an hour ahead (``message.timestamp.after.max.ms``). Faster than 1.0 the log is read twice.

        Args:
            start: when the first message is due, in seconds since 1970.
            speed: how many times faster than the log.
        """
        early = max(0.0, 1 - 1 / speed)
        zero = start - early * self._span if early else start
        for said in self:
            yield Cue(start + said.elapsed / speed, zero + said.elapsed, said.sender, said.contents)

    @functools.cached_property
    def _span(self) -> float:
        return max((said.elapsed for said in self), default=0.0)


Line = tuple[str, str, float | None]


class _Json(HumanMessage, total=False):
    timestamp: float | str | None


def _irc(file: TextIO) -> Iterator[Line | None]:
    now: float | None = None
    for line in file:
        found = IRC.fullmatch(line.rstrip('\r\n'))
        if not found:
            yield None
            continue
        time = int(found[1]) * 3600.0 + int(found[2]) * 60.0
        step = (time - now) % DAY if now is not None else 0.0
        now = time if now is None else now + (step if step < DAY - HOUR else 0.0)
        yield found[3].strip(), found[4], now


def _jsonl(file: TextIO) -> Iterator[Line | None]:
    for line in file:
        value = decode(line.encode(), _Json)
        yield (
            None
            if isinstance(value, Malformed)
            else _line(value['sender'], value['contents'], value.get('timestamp'))
        )


def _csv(file: TextIO) -> Iterator[Line | None]:
    rows = csv.reader(file)
    columns = next(rows, [])
    if not {'sender', 'contents'}.issubset(columns):
        raise MessageError(
            f'The CSV begins with {columns}. Its first line must name the columns: sender,contents,timestamp.'
        )
    while True:
        try:
            row = dict(zip(columns, next(rows), strict=False))
        except StopIteration:
            return
        except csv.Error:  # a field beyond csv.field_size_limit()
            yield None
        else:
            yield _line(row.get('sender'), row.get('contents'), row.get('timestamp'))


FORMATS = {'irc': _irc, 'jsonl': _jsonl, 'csv': _csv}


def _line(sender: str | None, contents: str | None, timestamp: float | str | None) -> Line | None:
    if sender is None or contents is None:
        return None
    try:
        return (
            sender,
            contents,
            None if timestamp is None or timestamp == '' else _seconds(timestamp),
        )
    except (ValueError, OverflowError):
        return None


def _seconds(timestamp: float | str) -> float:
    try:
        seconds = float(timestamp)
    except ValueError:
        time = datetime.fromisoformat(str(timestamp).strip())
        seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f'{timestamp!r} is no time')
    return seconds / 1000 if seconds > MILLISECONDS else seconds
