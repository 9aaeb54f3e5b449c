"""Other things built on the same log (walkthrough step 8): trends, an archive, who is here, and another order.

Each of them reads ``human-messages`` and knows nothing of the others. Stop one, start it weeks later, and it goes on::

    from services import Archive
    Archive(topic='human-messages', path='chat.db', group_id='archive').run()

The one idea to take away: the log is the truth, everything else is a view that can be thrown away and made again from it.
"""

import heapq
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import TopicPartition

import settings
from errors import ChatError, MessageError
from processing.at_least_once import Service
from processing.replay import causes, ensure_topic, origin, read_back
from producer import send_raw

__all__ = ['Archive', 'Presence', 'Rekey', 'Service', 'TrendingWords']

WORD = re.compile(r"[^\W\d_][\w']{3,}")  # four letters or more: shorter ones are glue


class TrendingWords(Service):
    """Which words are said most, in a window that slides over record time. Teaches: time is in the records, not on the clock.

    It counts by when something was said, so a replay of last year's log trends as it did last year; what comes late is counted
    where it belongs, or not at all. With ``group_id`` it commits not how far it has read, but the oldest record that is still in
    the window: at the next start it reads the window again, and no state needs to be kept. Each member trends its own partitions.

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
        self.window, self.clock = window, clock
        self._now = 0.0
        self._counts: Counter[str] = Counter()
        self._said: list[
            tuple[float, int, int, list[str]]
        ] = []  # a heap: what leaves the window first is on top

    def add(self, text: str, at: float, partition: int = 0, offset: int = 0) -> None:
        """Count the words of a text that was said at a time, in seconds since 1970."""
        words = WORD.findall(text.lower())
        self._now = max(self._now, at)
        self._counts.update(words)
        heapq.heappush(self._said, (at, partition, offset, words))
        while self._said and self._said[0][0] <= self._now - self.window:
            self._counts.subtract(heapq.heappop(self._said)[3])
        if len(self._counts) > 4 * len(self._said) + 1000:
            self._counts = +self._counts  # forget words that are no longer said

    def top(self, count: int = 10) -> list[tuple[str, int]]:
        """The words said most in the window before the newest record: ``[('kafka', 12), ...]``."""
        return [(word, times) for word, times in self._counts.most_common(count) if times]

    def on_message(self, record: Any) -> None:
        """Count."""
        self.add(
            record.value['contents'],
            min(record.timestamp / 1000, self.clock()),
            record.partition,
            record.offset,
        )

    def resume_at(self, place: TopicPartition, offset: int) -> int:
        """The oldest record of a partition that is still in the window."""
        return min((said[2] for said in self._said if said[1] == place.partition), default=offset)


class Archive(Service):
    """Keeps everything said in an SQLite file, with full-text search. Teaches: the work and its offset in one transaction.

    At least once and idempotent: the primary key is (topic, partition, offset), so reading twice stores once. The file holds the offsets
    too, written in the same transaction as the messages: however it ends, both agree, and the file alone says where to go on. A
    ``group_id`` shares the partitions between several archives and shows the lag; without the file it starts at the beginning again.

    Args:
        topic: what to keep.
        path: the SQLite file; it is made if it is not there.
        group_id: see ``Service``.

    >>> Archive(topic='human-messages', path='chat.db').search('kafka')
    []
    """

    def __init__(self, topic: str, path: str | Path, group_id: str | None = None) -> None:
        super().__init__(topic, group_id, offset='earliest')
        self.path = Path(path)
        self._rows: list[tuple[Any, ...]] = []

    def on_message(self, record: Any) -> None:
        """Note a message."""
        place = (record.topic, record.partition, record.offset)
        self._rows.append(
            (*place, record.timestamp / 1000, record.value['sender'], record.value['contents'])
        )

    def on_batch(self) -> None:
        """Write the messages, and how far they go, in one transaction."""
        with closing(self._connect()) as db, db:
            for row in self._rows:
                if db.execute(
                    'INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?)', row
                ).rowcount:
                    db.execute(
                        'INSERT INTO words (rowid, contents) VALUES (last_insert_rowid(), ?)',
                        row[5:],
                    )
                db.execute(
                    'INSERT OR REPLACE INTO places VALUES (?, ?, ?)', (row[0], row[1], row[2] + 1)
                )
        self._rows.clear()

    def start_at(self, places: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the file ends, whatever the group says."""
        with closing(self._connect()) as db:
            known = {
                TopicPartition(topic, partition): offset
                for topic, partition, offset in db.execute('SELECT * FROM places')
            }
        for place, end in self.open().end_offsets(places).items():
            if known.get(place, 0) > end:
                raise ChatError(
                    f'{self.path} knows {known[place]} records of {place.topic}, which has {end}: another topic. Name another file.'
                )
        return {place: known.get(place, 0) for place in places}

    def search(self, words: str, count: int = 20) -> list[tuple[str, str]]:
        """The best matches for plain words, or in FTS5's query language, ``'kafka AND log*'``: ``[(sender, contents), ...]``."""
        query = 'SELECT sender, m.contents FROM words JOIN messages m ON m.rowid = words.rowid WHERE words MATCH ? ORDER BY rank LIMIT ?'
        with closing(self._connect()) as db:
            try:
                return db.execute(query, (words, count)).fetchall()
            except sqlite3.OperationalError:  # not in that language, as "don't" is: plain words
                plain = ' '.join(f'"{word}"' for word in words.replace('"', ' ').split()) or '""'
                return db.execute(query, (plain, count)).fetchall()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30)
        db.executescript("""CREATE TABLE IF NOT EXISTS messages
            (topic, partition, offset, time, sender, contents, PRIMARY KEY (topic, partition, offset));
            CREATE TABLE IF NOT EXISTS places (topic, partition, next, PRIMARY KEY (topic, partition));
            CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(contents, content='messages');""")
        return db


class Presence(Service):
    """Who is here, as a table that is a topic. Teaches: in a compacted topic Kafka keeps the newest record of each key.

    At least once and idempotent: writing a row twice leaves the same row. Whoever has been silent for ``away`` seconds is removed by a
    tombstone, a record without a value.

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
        self, topic: str, table: str = 'presence', away: float = 300.0, group_id: str | None = None, offset: Any = 'latest',
        clock: Callable[[], float] = time.time
    ) -> None:  # fmt: skip
        super().__init__(topic, group_id, offset)
        self.table, self.away, self.clock = table, away, clock
        self._rows: dict[str, Any] = {}

    def rows(self) -> dict[str, Any]:
        """The table, read back from its topic: ``{sender: row}``, those included whose tombstone is still to come."""
        ensure_topic(self.table, {'cleanup.policy': 'compact'})
        newest = {record.key: record.value for record in read_back(self.table)}
        return {sender: row for sender, row in newest.items() if row is not None}

    def who_is_here(self) -> dict[str, float]:
        """Who said something within ``away`` seconds, and when last: ``{'red': 1700000000.0}``. Anybody may ask, in any process."""
        return {
            sender: row['last_seen']
            for sender, row in self.rows().items()
            if row['last_seen'] > self.clock() - self.away
        }

    def start_at(self, places: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Before the first message: what does the table say of those who talk on these partitions?"""
        mine = {place.partition for place in places}
        self._rows |= {
            sender: row for sender, row in self.rows().items() if row['partition'] in mine
        }
        return {}

    def on_message(self, record: Any) -> None:
        """Note when a sender was last seen."""
        sender, seen = record.value['sender'], record.timestamp / 1000
        seen = max(seen, self._rows[sender]['last_seen']) if sender in self._rows else seen
        self._rows[sender] = {'last_seen': seen, 'partition': record.partition}
        self.send(self.table, self._rows[sender], key=sender)

    def on_batch(self) -> None:
        """Remove who went away."""
        mine = {place.partition for place in self.places}
        for sender, row in list(self._rows.items()):
            if row['partition'] in mine and row['last_seen'] <= self.clock() - self.away:
                del self._rows[sender]
                self._promises.append(
                    send_raw(settings.topic_name(self.table), None, sender.encode())
                )


class Rekey(Service):
    """Copies a topic into another one, keyed by sender. Teaches: keys decide order and scale.

    Records of one key are on one partition, in order, and read by one member of a group. Time, headers and value stay as they were.
    At least once and idempotent: each copy names its original in a header, so that after a crash the copies say which were made.

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
        self.to = to
        self._copied: set[str] = set()

    def key(self, value: Any) -> str | None:
        """The new key of a message; None gives it none."""
        return value.get('sender') if isinstance(value, dict) else None

    def start_at(self, places: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Before the first message: which copies are there?"""
        self._copied |= causes(self.to)
        return {}

    def on_message(self, record: Any) -> None:
        """Copy a record, once."""
        if origin(record) not in self._copied:
            self.send(
                self.to,
                record.value,
                because=record,
                key=self.key(record.value),
                headers=record.headers,
                timestamp=record.timestamp / 1000,
            )
