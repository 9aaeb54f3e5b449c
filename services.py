"""Other things built on the same log (walkthrough step 8): trends, an archive, presence, order.

Each of them reads ``human-messages`` and knows nothing of the others. Stop one, start it weeks
later, and it goes on::

    from services import Archive
    Archive(topic='human-messages', path='chat.db', group_id='archive').run()

The one idea to take away: the log is the truth, everything else is a view that can be thrown away
and made again from it.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import heapq
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from kafka import TopicPartition

import settings
from client.retention import keep
from errors import ChatError, MessageError
from processing.at_least_once import Service
from processing.record_clock import NEVER, RecordClock
from processing.replay import Causes, ensure_topic, oldest_time, origin, read_back
from producer import send_raw

__all__ = ['Archive', 'Presence', 'Rekey', 'Service', 'TrendingWords']

WORD = re.compile(r"[^\W\d_][\w']{3,}")  # four letters or more: shorter ones are glue

# The table `places` says where to go on. It keeps that name, so that older files stay readable.
TABLES = """
CREATE TABLE IF NOT EXISTS messages
    (topic, partition, offset, time, sender, contents, PRIMARY KEY (topic, partition, offset));
CREATE TABLE IF NOT EXISTS places (topic, partition, next, PRIMARY KEY (topic, partition));
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(contents, content='messages');
"""
INSERT_MESSAGE = 'INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?)'
INSERT_WORDS = 'INSERT INTO words (rowid, contents) VALUES (last_insert_rowid(), ?)'
REPLACE_PLACE = 'INSERT OR REPLACE INTO places VALUES (?, ?, ?)'
SEARCH = (
    'SELECT sender, m.contents FROM words JOIN messages m ON m.rowid = words.rowid '
    'WHERE words MATCH ? ORDER BY rank LIMIT ?'
)
BUSY_TIMEOUT = 30.0  # seconds to wait for another process that writes to the same file


class Said(NamedTuple):
    """What `TrendingWords` keeps of a message; they are ordered by time."""

    at: float
    partition: int
    offset: int
    words: list[str]


class TrendingWords(Service):
    """Which words are said most, in a window that slides over record time.

    Teaches: time is in the records, not on the clock.

    It counts by when something was said, so a replay of last year's log trends as it did last
    year; what comes late is counted where it belongs, or not at all. The window ends at what at
    least two senders say the time is: one wrong clock takes nobody else's words out.

    With ``group_id`` it commits not how far it has read, but the oldest record that is still in the
    window: at the next start it reads the window again, and no state needs to be kept. Each member
    trends its own partitions.

    Args:
        topic: what to read.
        window: seconds.
        group_id: see ``Service``.
        offset: see ``Service``.
        clock: tells seconds since 1970; a record from the future counts as from now.

    >>> trends = TrendingWords(topic='human-messages', window=300.0)
    >>> trends.add('who likes Kafka? kafka likes logs', at=1000.0)
    >>> trends.top(2)
    [('likes', 2), ('kafka', 2)]
    """

    def __init__(
        self,
        topic: str,
        window: float = 300.0,
        group_id: str | None = None,
        offset: Any = 'latest',
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(topic, group_id, offset)
        self._window = window
        self._clock = clock
        self._time = RecordClock()  # of all partitions
        self._now = 0.0
        self._counts: Counter[str] = Counter()
        self._said: list[Said] = []  # a heap: what leaves the window first is on top

    def add(
        self, text: str, at: float, partition: int = 0, offset: int = 0, now: float | None = None
    ) -> None:
        """Count the words of a text.

        Args:
            text: what was said.
            at: when, in seconds since 1970.
            partition: where it is in the log.
            offset: likewise.
            now: where the window ends; None is ``at``, if that is later than before.
        """
        words = WORD.findall(text.lower())
        self._now = max(self._now, at) if now is None else now
        self._counts.update(words)
        heapq.heappush(self._said, Said(at, partition, offset, words))
        while self._said and self._said[0].at <= self._now - self._window:
            gone = heapq.heappop(self._said)
            self._counts.subtract(gone.words)
        if len(self._counts) > 4 * len(self._said) + 1000:
            self._counts = +self._counts  # forget words that are no longer said

    def top(self, count: int = 10) -> list[tuple[str, int]]:
        """The words said most in the window: ``[('kafka', 12), ...]``."""
        return [(word, times) for word, times in self._counts.most_common(count) if times]

    def forget(self) -> None:
        """The window begins empty; its records are counted again."""
        self._time = RecordClock()
        self._now = 0.0
        self._counts.clear()
        self._said.clear()

    def on_message(self, record: Any) -> None:
        """Count."""
        wall = self._clock()
        at = min(record.timestamp / 1000, wall)  # nothing comes from the future
        self._time.hear(record.value['sender'], at, wall)
        agreed = self._time.agreed
        now = agreed if agreed > NEVER else self._time.lead
        self.add(record.value['contents'], at, record.partition, record.offset, now)

    def resume_at(self, partition: TopicPartition, offset: int) -> int:
        """The oldest record of a partition that is still in the window."""
        inside = (said.offset for said in self._said if said.partition == partition.partition)
        return min(inside, default=offset)


class Archive(Service):
    """Keeps everything said in an SQLite file, with full-text search.

    Teaches: the work and its offset in one transaction.

    At least once and idempotent: the primary key is (topic, partition, offset), so reading twice
    stores once. The file holds the offsets too, written in the same transaction as the messages:
    however it ends, both agree, and the file alone says where to go on. A ``group_id`` shares the
    partitions between several archives and shows the lag; without the file it starts at the
    beginning again.

    Args:
        topic: what to keep.
        path: the SQLite file; it is made if it is not there.
        group_id: see ``Service``.

    Attributes:
        path: as given; and all of ``Service``.

    >>> Archive(topic='human-messages', path='chat.db').search('kafka')
    []
    """

    def __init__(self, topic: str, path: str | Path, group_id: str | None = None) -> None:
        super().__init__(topic, group_id, offset='earliest')
        self.path = Path(path)
        self._rows: list[tuple[Any, ...]] = []

    def on_message(self, record: Any) -> None:
        """Note a message."""
        row = (
            record.topic,
            record.partition,
            record.offset,
            record.timestamp / 1000,
            record.value['sender'],
            record.value['contents'],
        )
        self._rows.append(row)

    def forget(self) -> None:
        """What is not in the file is read again."""
        self._rows.clear()

    def on_batch(self) -> None:
        """Write the messages, and how far they go, in one transaction."""
        with closing(self._connect()) as db, db:
            for row in self._rows:
                topic, partition, offset, _, _, contents = row
                is_new = db.execute(INSERT_MESSAGE, row).rowcount > 0
                if is_new:
                    db.execute(INSERT_WORDS, (contents,))
                db.execute(REPLACE_PLACE, (topic, partition, offset + 1))
        self._rows.clear()

    def start_at(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the file ends, whatever the group says."""
        with closing(self._connect()) as db:
            known = {
                TopicPartition(topic, partition): offset
                for topic, partition, offset in db.execute('SELECT * FROM places')
            }
        for partition, end in self.open().end_offsets(partitions).items():
            if known.get(partition, 0) > end:
                raise ChatError(
                    f'{self.path} knows {known[partition]} records of {partition.topic}, '
                    f'which has {end}: it belongs to another topic. Name another file.'
                )
        return {partition: known.get(partition, 0) for partition in partitions}

    def search(self, words: str, count: int = 20) -> list[tuple[str, str]]:
        """The best matches in all that was kept.

        Args:
            words: plain words, or SQLite's query language FTS5: ``'kafka AND log*'``.
            count: at most so many.

        Returns:
            ``[(sender, contents), ...]``, the best one first.
        """
        with closing(self._connect()) as db:
            try:
                return db.execute(SEARCH, (words, count)).fetchall()
            except sqlite3.OperationalError:  # not FTS5, as "don't" is not: plain words
                quoted = [f'"{word}"' for word in words.replace('"', ' ').split()]
                plain = ' '.join(quoted) or '""'
                return db.execute(SEARCH, (plain, count)).fetchall()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT)
        db.executescript(TABLES)
        return db


class Presence(Service):
    """Who is here, as a table that is a topic.

    Teaches: in a compacted topic Kafka keeps the newest record of each key.

    At least once and idempotent: writing a row twice leaves the same row. Whoever has been silent
    for ``away`` seconds is removed by a tombstone, a record without a value. A sender's clock
    counts for that sender only; one that is ahead counts as right.

    Args:
        topic: what to read.
        table: the compacted topic; it is made if it is not there. Key: the sender.
            Value: ``{'last_seen': seconds since 1970, 'partition': number}``.
        away: seconds of silence after which somebody is no longer here.
        group_id: see ``Service``.
        offset: see ``Service``.
        clock: tells seconds since 1970.

    >>> Presence(topic='human-messages', table='presence').who_is_here()
    {}
    """

    def __init__(
        self,
        topic: str,
        table: str = 'presence',
        away: float = 300.0,
        group_id: str | None = None,
        offset: Any = 'latest',
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(topic, group_id, offset)
        self._table = table
        self._away = away
        self._clock = clock
        self._rows: dict[str, Any] = {}

    def rows(self) -> dict[str, Any]:
        """The table, read back from its topic: ``{sender: row}``.

        Those are included who went away, and whose tombstone is still to come.
        """
        ensure_topic(self._table, {'cleanup.policy': 'compact'})
        newest = {record.key: record.value for record in read_back(self._table)}
        return {sender: row for sender, row in newest.items() if row is not None}

    def who_is_here(self) -> dict[str, datetime]:
        """Who said something within ``away`` seconds, and when last, in local time.

        Anybody may ask, in any process: ``{'red': datetime(2026, 11, 25, 9, 30, ...)}``.
        """
        return {
            sender: datetime.fromtimestamp(row['last_seen']).astimezone()
            for sender, row in self.rows().items()
            if not self._is_away(row)
        }

    def start_at(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Before the first message: what the table says of those who talk on these partitions."""
        numbers = {partition.partition for partition in partitions}
        for sender, row in self.rows().items():
            if row['partition'] in numbers:
                self._rows[sender] = row
        return {}

    def forget(self) -> None:
        """The table itself says who is here."""
        self._rows.clear()

    def on_message(self, record: Any) -> None:
        """Note when a sender was last seen."""
        sender = record.value['sender']
        last_seen = record.timestamp / 1000
        if sender in self._rows:
            last_seen = max(last_seen, self._rows[sender]['last_seen'])
        last_seen = min(last_seen, self._clock())  # nobody was seen in the future
        self._rows[sender] = {'last_seen': last_seen, 'partition': record.partition}
        self.send(self._table, self._rows[sender], key=sender)

    def on_batch(self) -> None:
        """Remove who went away."""
        numbers = {partition.partition for partition in self.partitions}
        table = settings.topic_name(self._table)
        for sender, row in list(self._rows.items()):
            if row['partition'] in numbers and self._is_away(row):
                del self._rows[sender]
                self._promises.append(send_raw(table, None, sender.encode()))

    def _is_away(self, row: Any) -> bool:
        away: bool = row['last_seen'] <= self._clock() - self._away
        return away


class Rekey(Service):
    """Copies a topic into another one, keyed by sender. Teaches: keys decide order and scale.

    Records of one key are on one partition, in order, and read by one member of a group. Time,
    headers and value stay as they were. At least once and idempotent: each copy names its
    original in a header, so that after a crash, or at a second run, the copies say which were
    made, however many there are.

    Kafka deletes by the time that a record carries, and so a copy of an old record soon. A new
    topic is made to keep the copies; if one that is there does not keep them, a warning says so.

    Args:
        topic: what to read.
        to: where the copies go.
        group_id: see ``Service``.
        offset: see ``Service``.

    >>> Rekey(topic='human-messages', to='by-sender').key({'sender': 'red', 'contents': 'hello'})
    'red'
    """

    schema = None

    def __init__(
        self, topic: str, to: str, group_id: str | None = None, offset: Any = 'earliest'
    ) -> None:
        super().__init__(topic, group_id, offset)
        if to == topic:
            raise MessageError(
                f'{to!r} is copied to itself: each copy would be copied again. Name another topic.'
            )
        self._to = to
        self._copied = Causes(to)

    def key(self, value: Any) -> str | None:
        """The new key of a message; None gives it none."""
        return value.get('sender') if isinstance(value, dict) else None

    def start_at(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Before the first message: will the copies be kept, and which are there?"""
        oldest = None if self.offset == 'latest' else oldest_time(self.open(), partitions)
        if oldest:
            keep(self._to, oldest, 'The copies', 'start at a later offset=')
        self._copied.catch_up()
        return {}

    def on_message(self, record: Any) -> None:
        """Copy a record, once."""
        if origin(record) not in self._copied:
            self.send(
                self._to,
                record.value,
                because=record,
                key=self.key(record.value),
                headers=record.headers,
                # Kafka has -1 for "no time"; such a copy has the time when it is made.
                timestamp=record.timestamp / 1000 if record.timestamp >= 0 else None,
            )
