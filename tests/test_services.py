"""What is built on the log says what the log says.

Trends, presence and another key against two real days of chat.
"""

import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from processing.replay import causes, origin
from producer import send_msg
from schemas import decode
from services import Presence, Rekey, TrendingWords
from testing import record
from tests.support.groups import committed
from tests.support.logread import records
from tests.support.reallog import COUNT, needs_chatlogs, replay, said

ROOT = Path(__file__).parents[1]
Say = Callable[..., None]
MakeTopic = Callable[..., str]


@needs_chatlogs
def seconds(presence: Presence) -> dict[str, float]:
    """Who is here, and when last, in seconds since 1970."""
    return {sender: seen.timestamp() for sender, seen in presence.who_is_here().items()}


def test_trending_words_are_those_of_the_window(make_topic: MakeTopic) -> None:
    """After two real days the counts are those of the last window, counted from the log.

    The order of the partitions does not matter.
    """
    topic = make_topic(partitions=3)
    assert replay(topic) == COUNT
    log = records(topic)
    newest = max(each.timestamp for each in log)
    for window in (600.0, 3600.0):
        counts = Counter(
            word
            for each in log
            if each.timestamp / 1000 > newest / 1000 - window
            for word in re.findall(r"[^\W\d_][\w']{3,}", decode(each.value)['contents'].lower())
        )
        trends = TrendingWords(topic, window=window, offset='earliest')
        assert trends.run(timeout=1.0) == COUNT
        assert dict(trends.top(100_000)) == counts
        assert sum(counts.values()) > 100


@needs_chatlogs
def test_trending_words_survive_a_restart(topic: str) -> None:
    """A durable one, stopped halfway and started anew with nothing in memory.

    It counts what one that never stopped counts.
    """
    replay(topic)
    whole = TrendingWords(topic, window=3600.0, offset='earliest')
    whole.run(timeout=1.0)
    first = TrendingWords(topic, window=3600.0, group_id='trends', offset='earliest')
    assert first.run(count=2000) == 2000
    assert 0 < committed(topic, 'trends') < 2000
    second = TrendingWords(topic, window=3600.0, group_id='trends', offset='earliest')
    assert COUNT > second.run(timeout=1.0) > COUNT - 2000
    assert dict(second.top(100_000)) == dict(whole.top(100_000)) != {}


def test_a_window_slides_over_record_time() -> None:
    """Words leave with the window, late ones count if they are in it.

    No clock of a sender moves it into the future.
    """
    trends = TrendingWords('human-messages', window=60.0, clock=lambda: 1000.0)
    for text, at in [
        ('first', 900.0),
        ('second', 950.0),
        ('third third', 955.0),
        ('late', 940.0),
        ('later', 880.0),
    ]:
        trends.on_message(record('red', text, timestamp=at))
    assert trends.top() == [('third', 2), ('first', 1), ('second', 1), ('late', 1)]
    trends.on_message(record('red', 'future', timestamp=5000.0))
    assert trends.top() == [('third', 2), ('second', 1), ('future', 1)]


@pytest.mark.parametrize('first', [True, False], ids=['first', 'later'])
def test_a_wrong_clock_takes_nobody_elses_words_out_of_the_window(first: bool) -> None:
    """Fifty minutes ahead while an old log is read: the others' words are counted as they were.

    Also if nobody has spoken before.
    """
    trends = TrendingWords('human-messages', window=60.0, clock=lambda: 9000.0)
    log = [(f's{number % 3}', f'words{number // 100}', 1000.0 + number) for number in range(300)]
    log.insert(0 if first else 250, ('wrong', 'ahead', 4000.0))
    for sender, text, at in log:
        trends.on_message(record(sender, text, timestamp=at))
    counts = dict(trends.top())
    assert counts == {'ahead': 1, 'words2': 60}


def test_nobody_is_present_in_the_future(topic: str, say: Say) -> None:
    """A sender whose clock is ahead goes away as everybody does, and nobody else is concerned."""
    now, table = [time.time()], f'{topic}-presence'
    say('wrong', 'hello', timestamp=now[0] + 3000.0)
    say('red', 'hello', timestamp=now[0])
    presence = Presence(topic, table, group_id='presence', offset='earliest', clock=lambda: now[0])
    assert presence.run(count=2, timeout=10.0) == 2
    assert presence.who_is_here().keys() == {'wrong', 'red'}
    now[0] += 301.0
    assert presence.who_is_here() == {}


@needs_chatlogs
def test_presence_is_who_said_something_lately(make_topic: MakeTopic) -> None:
    """After two real days, the table read back from its topic is right.

    It is who spoke within the time, and when last.
    """
    topic, table = make_topic(partitions=3), f'{make_topic()}-presence'
    replay(topic)
    log = records(topic)
    now = max(each.timestamp for each in log) / 1000
    last = {
        each.key.decode(): each.timestamp / 1000
        for each in sorted(log, key=lambda each: each.timestamp)
    }
    expected = {sender: seen for sender, seen in last.items() if seen > now - 1800.0}
    presence = Presence(
        topic, table, away=1800.0, group_id='presence', offset='earliest', clock=lambda: now
    )
    assert presence.run(timeout=1.0) == COUNT
    assert seconds(presence) == expected
    assert 20 < len(expected) < len(last)
    assert {sender: row['last_seen'] for sender, row in presence.rows().items()} == expected
    tombstones = {each.key.decode() for each in records(table) if each.value is None}
    assert tombstones >= set(last) - set(expected)
    again = Presence(
        topic, table, away=1800.0, group_id='again', offset='earliest', clock=lambda: now
    )
    assert again.run(timeout=1.0) == COUNT
    assert seconds(again) == expected


def test_presence_remembers_nothing_but_its_topic(topic: str, say: Say) -> None:
    """Another instance, later, removes who went away while nobody looked.

    The topic is compacted.
    """
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType

    import settings

    now, table = time.time(), f'{topic}-presence'
    for sender in ('red', 'blue'):
        say(sender, 'hello', timestamp=now)
    Presence(topic, table, group_id='presence', offset='earliest', clock=lambda: now).run(
        timeout=1.0
    )
    later = Presence(
        topic, table, group_id='presence', offset='earliest', clock=lambda: now + 301.0
    )
    say('red', 'still here', timestamp=now + 200.0)
    assert later.run(count=1, timeout=10.0) == 1
    assert seconds(later) == {'red': pytest.approx(now + 200.0, abs=0.002)}
    assert list(later.rows()) == ['red']
    with closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
        found = str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, table)]))
    assert 'compact' in found


@needs_chatlogs
def test_rekeying_puts_each_sender_into_order(make_topic: MakeTopic) -> None:
    """Two real days, without keys, are copied whole to another topic.

    There each sender is on one partition, in order.
    """
    topic, to = make_topic(partitions=1), make_topic(partitions=3)
    for sender, contents in said():
        send_msg(
            topic, {'sender': sender, 'contents': contents}, key=b'', headers=[('mood', b'good')]
        )
    assert Rekey(topic, to, group_id='rekey').run(timeout=1.0) == COUNT
    copies = records(to)
    places: dict[str, set[int]] = {}
    spoken: dict[str, list[str]] = {}
    for each in copies:
        value = decode(each.value)
        assert each.key.decode() == value['sender']
        places.setdefault(value['sender'], set()).add(each.partition)
        spoken.setdefault(value['sender'], []).append(value['contents'])
    expected: dict[str, list[str]] = {}
    for sender, contents in said():
        expected.setdefault(sender, []).append(contents)
    assert spoken == expected
    assert {len(numbers) for numbers in places.values()} == {1}
    assert set.union(*places.values()) == {0, 1, 2}
    originals = {each.offset: each for each in records(topic)}
    for each in copies:
        headers = dict(each.headers)
        original = originals[int(headers['because'].decode().split('/')[2])]
        assert (each.timestamp, each.value, headers['mood']) == (
            original.timestamp,
            original.value,
            b'good',
        )


def test_a_copy_is_made_once(topic: str, say: Say, make_topic: MakeTopic) -> None:
    """If Kafka lost the commit, the copies themselves say what was done.

    Nothing doubles, nothing is missing.
    """
    to = make_topic(partitions=2)
    for number in range(6):
        say(f'sender {number}', 'hello')
    Rekey(topic, to, group_id='first').run(count=4)
    assert causes(to) == {origin(each) for each in records(topic)[:4]}
    assert Rekey(topic, to, group_id='second').run(timeout=1.0) == 6
    assert sorted(each.key for each in records(to)) == sorted(each.key for each in records(topic))


def test_what_has_no_sender_is_copied_too(topic: str, make_topic: MakeTopic) -> None:
    """Any JSON may stand in a topic: what has no sender has no key."""
    to = make_topic()
    values: list[Any] = [{'some': 'dict'}, [1, 2], 'text', {'sender': 'red', 'extra': 1}]
    for value in values:
        send_msg(topic, value, block=True)
    Rekey(topic, to).run(count=4)
    assert [(each.key, decode(each.value)) for each in records(to)] == [
        (None, values[0]),
        (None, [1, 2]),
        (None, 'text'),
        (b'red', values[3]),
    ]


KILLED = """
import sys
from services import Rekey

class Slow(Rekey):
    def on_message(self, record):
        super().on_message(record)
        if record.offset == 2999:
            for promise in self._promises[:2500]:
                promise.get(timeout=30)
            print('here', flush=True)
            sys.stdin.readline()

Slow(sys.argv[1], sys.argv[2]).run()
"""


@needs_chatlogs
def test_copying_that_was_killed_doubles_nothing(topic: str, make_topic: MakeTopic) -> None:
    """Killed with -9 when most copies were made and none committed.

    The next one makes the others: each original has one copy.
    """
    to = make_topic(partitions=3)
    replay(topic)
    command = [sys.executable, '-c', KILLED, topic, to]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith('Slow reads')
        assert process.stdout.readline() == 'here\n'
        process.kill()
    made = len(records(to))
    assert 2500 <= made < COUNT
    assert Rekey(topic, to, group_id='rekey').run(timeout=1.0) == COUNT
    copies = records(to)
    assert len(copies) == COUNT
    assert len(causes(to)) == COUNT
    assert Counter(each.value for each in copies) == Counter(each.value for each in records(topic))


def test_members_that_share_a_room_agree_on_who_is_here(
    make_topic: MakeTopic, capsys: pytest.CaptureFixture[str]
) -> None:
    """A member that gave a partition away removes nobody there, however old its own knowledge is.

    One that takes over goes on. Each says in one line which partitions it has, when that changes.
    """
    topic, table = make_topic(partitions=2), f'{make_topic()}-presence'
    clock = [time.time()]
    options: dict[str, Any] = {
        'table': table,
        'away': 60.0,
        'group_id': 'presence',
        'offset': 'earliest',
        'clock': lambda: clock[0],
    }
    members = [Presence(topic, **options) for _ in range(2)]
    threads = [threading.Thread(target=member.run, daemon=True) for member in members]
    deadline = time.monotonic() + 30

    def wait(found: Callable[[], Any], expected: Any) -> None:
        while found() != expected:
            assert time.monotonic() < deadline, (found(), expected)
            time.sleep(0.05)

    def talk(who: list[str]) -> None:
        for sender in who:
            send_msg(topic, {'sender': sender, 'contents': 'hello'}, timestamp=clock[0], block=True)

    threads[0].start()
    people = [f'person {number}' for number in range(8)]
    talk(people)
    wait(lambda: seconds(members[0]), dict.fromkeys(people, pytest.approx(clock[0], abs=0.002)))
    threads[1].start()
    wait(lambda: [len(member.partitions) for member in members], [1, 1])
    (kept,) = {partition.partition for partition in members[0].partitions}
    on_kept = {each.key.decode() for each in records(topic) if each.partition == kept}
    assert 0 < len(on_kept) < 8
    clock[0] += 61.0
    given = [person for person in people if person not in on_kept]
    talk(given)
    wait(lambda: set(given) & members[1].who_is_here().keys(), set(given))
    talk(sorted(on_kept))
    wait(lambda: members[0].who_is_here().keys(), set(people))
    members[0].stop()
    threads[0].join(10)
    assert members[0].who_is_here().keys() == set(people)
    wait(lambda: len(members[1].partitions), 2)
    clock[0] += 61.0
    talk(people[:4])
    wait(lambda: members[1].rows().keys(), set(people[:4]))
    members[1].stop()
    threads[1].join(10)
    lines = [line for line in capsys.readouterr().out.splitlines() if 'now reads' in line]
    reads = 'presence: this instance now reads'
    assert lines[0] == lines[-1] == f'{reads} partitions 0 and 1 of {topic}'
    assert sorted(lines[1:-1]) == [f'{reads} partition {number} of {topic}' for number in (0, 1)]
