"""An archive holds what the log holds: read twice, killed, or given the wrong file."""

import re
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from errors import ChatError
from schemas import decode
from services import Archive
from tests.support.groups import committed
from tests.support.logread import records
from tests.support.reallog import COUNT, needs_chatlogs, replay, said

ROOT = Path(__file__).parents[2]
Say = Callable[..., None]
MakeTopic = Callable[..., str]


def kept(path: Path) -> list[tuple[Any, ...]]:
    """What an archive holds, in the order of partition and offset."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(
            'SELECT partition, offset, time, sender, contents FROM messages ORDER BY 1, 2'
        ).fetchall()


def in_the_log(topic: str) -> list[tuple[Any, ...]]:
    """What an archive of a topic has to hold."""
    return [
        (each.partition, each.offset, each.timestamp / 1000, *decode(each.value).values())
        for each in records(topic)
    ]


def matches(path: Path, word: str) -> Counter[tuple[str, str]]:
    """What the full-text search finds."""
    return Counter(Archive('human-messages', path).search(word, count=10_000))


@needs_chatlogs
def test_an_archive_holds_the_log(make_topic: MakeTopic, tmp_path: Path) -> None:
    """Two real days are kept whole and found by their words.

    Read again, with another group or none, nothing doubles.
    """
    topic, path = make_topic(partitions=3), tmp_path / 'chat.db'
    replay(topic)
    assert Archive(topic, path, group_id='archive').run(timeout=1.0) == COUNT
    for group in ('archive', 'another', None):
        assert Archive(topic, path, group_id=group).run(timeout=0.5) == 0
    with closing(sqlite3.connect(path)) as db, db:
        db.execute('DELETE FROM places')
    assert Archive(topic, path, group_id='archive').run(timeout=1.0) == COUNT
    assert kept(path) == in_the_log(topic)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute('SELECT count(*) FROM words_docsize').fetchone() == (
            COUNT,
        )  # the index has not doubled either
    assert Counter(row[3:] for row in kept(path)) == Counter(said())
    for word in ('grub', 'wireless'):
        spoken = [each for each in said() if word in re.split(r'[^a-z0-9]+', each[1].lower())]
        assert matches(path, word) == Counter(spoken)
        assert len(spoken) > 5


ARCHIVE = """
import sys
from services import Archive

topic, path, group, mark = sys.argv[1:]

class Rows(list):
    def __iter__(self):
        for number, row in enumerate(super().__iter__()):
            if number == 100 and mark == 'half':
                self.wait()
            yield row

    def wait(self):
        print('here', flush=True)
        sys.stdin.readline()

class Fragile(Archive):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._rows = Rows()

    def on_batch(self):
        super().on_batch()
        if mark == 'written':
            Rows().wait()

with Fragile(topic, path, group_id=group or None) as archive:
    while True:
        archive.run(count=500)
"""


@needs_chatlogs
def test_an_archive_that_was_killed_goes_on(
    topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with -9 between its file and Kafka's commit, and again amid a transaction.

    It ends up equal to the log.
    """
    monkeypatch.setenv(
        'KAFKA_SESSION_TIMEOUT_MS', '6000'
    )  # the least that Kafka allows: so long the one that was killed is missed
    path = tmp_path / 'chat.db'
    replay(topic)
    log = in_the_log(topic)
    for group, mark, turns, count in [('archive', 'written', 3, 1500), ('', 'half', 2, 2000)]:
        command = [sys.executable, '-c', ARCHIVE, topic, str(path), group, mark]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin
            assert process.stdout
            for turn in range(turns):
                assert 'here\n' in process.stdout  # what else it says is read over
                if turn < turns - 1:
                    process.stdin.write('\n')
                    process.stdin.flush()
            process.kill()
        assert kept(path) == log[:count]
    assert committed(topic, 'archive') == 1000
    assert Archive(topic, path, group_id='archive').run(timeout=1.0) == COUNT - 2000
    assert kept(path) == log
    assert committed(topic, 'archive') == COUNT


def test_an_archive_refuses_another_topic_of_the_same_name(
    topic: str, say: Say, tmp_path: Path
) -> None:
    """A file that knows more records than the topic has belongs to one that was deleted.

    The error says what to do.
    """
    say('red', 'hello')
    archive = Archive(topic, tmp_path / 'chat.db')
    archive.run(count=1)
    with closing(sqlite3.connect(archive.path)) as db, db:
        db.execute('UPDATE places SET next = 7')
    with pytest.raises(ChatError, match=r'knows 7 records.*Name another file'):
        archive.run(timeout=1.0)
