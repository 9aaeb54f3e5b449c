"""What a loop over a consumer promises.

Nothing ends or empties it unasked, nothing is lost when it is left, a group goes on.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition

import producer
from errors import ClosedError
from producer import get_producer, send_msg
from schemas import HumanMessage
from tests.support.reading import Get, readers, rest, send, take
from tests.support.testkafka import Kafka

pytestmark = pytest.mark.client

ROOT = Path(__file__).parents[2]
MakeTopic = Callable[..., str]


@pytest.fixture
def get(kafka: Kafka) -> Iterator[Get]:
    """get_consumer, whose consumers are closed after the test.

    Whose loops end after 5 s of silence.
    """
    with readers() as get:
        yield get


def test_the_timeout_ends_the_loop(topic: str, get: Get) -> None:
    """A loop ends after so many seconds of silence, not sooner while messages come.

    The next loop goes on.
    """
    c = get(topic, timeout=1.5)
    began = time.monotonic()
    assert list(c) == []
    assert 1.4 < time.monotonic() - began < 4
    timer = threading.Timer(0.3, send, [topic, 'late'])
    timer.start()
    assert [msg.value for msg in c] == ['late']
    timer.join()
    send(topic, 'later')
    assert [msg.value for msg in c] == ['later']


def test_an_interrupted_loop_loses_nothing(topic: str, get: Get) -> None:
    """A loop that is left after any record, for whatever reason, is gone on with at the next."""
    send(topic, *range(100))
    c = get(topic, offset='earliest')
    found = take(3, c)
    for msg in c:
        found.append(msg.value)
        if msg.value == 10:
            break
    found.append(next(c).value)
    assert found + take(88, c) == list(range(100))


def test_ctrl_c_leaves_the_loop_and_the_consumer_goes_on(topic: str) -> None:
    """Ctrl-C ends a waiting loop within a second, as KeyboardInterrupt.

    The same consumer then reads what came meanwhile.
    """
    source = f"""
import consumer
c = consumer.get_consumer({topic!r})
print('ready', flush=True)
for turn in range(3):
    try:
        for msg in c:
            print(msg.value, flush=True)
    except KeyboardInterrupt:
        print('left', flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, '-u', '-c', source],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == 'ready\n'
        for turn in range(3):
            send(topic, f'turn {turn}')
            assert process.stdout.readline() == f'turn {turn}\n'
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == 'left\n'
            assert time.monotonic() - began < 2
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def bad_payloads() -> list[bytes | None]:
    """A hundred payloads that are no HumanMessage, of every kind."""
    kinds: list[bytes | None] = [
        None,
        b'',
        b'no json',
        b'{"sender": "red", "contents": "cut',
        b'{}',
        b'[]',
        b'null',
        b'42',
        b'{"some": "dict"}',
        b'{"sender": "red"}',
        b'{"contents": "hello"}',
        b'{"sender": 1, "contents": "hello"}',
        b'{"sender": "red", "contents": null}',
        b'{"sender": null, "contents": []}',
        b'\xff\xfe\x00',
        b'{"sender": "\xc3", "contents": ""}',
        b'{"sender": "\\ud800", "contents": ""}',
        b'[' * 50_000,
        b'{"sender":' * 50_000,
        b'\x1b[2J\x1b]0;gotcha\x07',
        'gotcha\u202e\n'.encode(),
        b'x' * 1_000_000,
        b'{"sender": "red", "contents": "' + b'x' * 1_000_000,
        b'NaN',
    ]
    return (kinds * 5)[:100]


def test_a_hundred_bad_payloads_end_no_loop(
    topic: str, get: Get, caplog: pytest.LogCaptureFixture
) -> None:
    """Among bad payloads of every kind each good one is read.

    The first three bad ones are reported with their place, then they are counted, and nothing spins
    or ends.
    """
    bad, good = {}, []
    raw = get_producer()
    for number, payload in enumerate(bad_payloads()):
        bad[raw.send(topic, payload, b'k').get(30).offset] = payload
        good.append({'sender': 'red', 'contents': str(number)})
        send_msg(topic, good[-1])
    producer.flush()
    c = get(topic, offset='earliest', schema=HumanMessage)
    cpu = time.process_time()
    assert take(100, c) == good
    said = [record.getMessage() for record in caplog.records if 'skipped' in record.name]
    assert len(bad) == 100
    assert [line.split(',')[0] for line in said[3:]] == [
        f'skipped {count} records so far' for count in (10, 100)
    ]
    for offset, line in zip(bad, said[:3], strict=False):
        assert line.startswith(f'skipped {topic}, partition 0, offset {offset}: ')
        assert len(line) < 500
        assert line.isprintable()
    assert rest(c, 1.0) == []
    assert time.process_time() - cpu < 5
    send(topic, good[0])
    assert take(1, c) == good[:1]


def test_bad_payloads_at_the_end_do_not_spin(topic: str, get: Get) -> None:
    """With nothing but bad payloads left, a loop waits out its timeout.

    Hardly works meanwhile.
    """
    raw = get_producer()
    for payload in bad_payloads()[:25]:
        raw.send(topic, payload, b'k').get(30)
    c = get(topic, offset='earliest', schema=HumanMessage, timeout=2.0)
    cpu, began = time.process_time(), time.monotonic()
    assert list(c) == []
    assert 1.5 < time.monotonic() - began < 5
    assert time.process_time() - cpu < 1


def test_without_a_schema_any_json_is_read(topic: str, get: Get) -> None:
    """Without a schema only what is no JSON is passed by."""
    raw = get_producer()
    for payload in (b'{"some": "dict"}', b'no json', b'42', None, b'"text"'):
        raw.send(topic, payload, b'k').get(10)
    assert rest(get(topic, offset='earliest')) == [{'some': 'dict'}, 42, None, 'text']


@pytest.mark.parametrize('given', [1, 7, 20, 21, 40])
def test_a_group_goes_on_behind_the_last_record_that_was_given(
    make_topic: MakeTopic, get: Get, given: int
) -> None:
    """A loop left after any record, then closed.

    The group's next member begins exactly with what was not given, on every partition.
    """
    topic = make_topic(partitions=2)
    send(topic, *[{'sender': f's{number % 7}', 'contents': str(number)} for number in range(40)])
    first = get(topic, offset='earliest', group_id=f'{topic}-group')
    found = take(given, first)
    first.close()
    second = get(topic, offset='earliest', group_id=f'{topic}-group')
    found += take(40 - given, second) if given < 40 else []
    assert sorted(int(value['contents']) for value in found) == list(range(40))
    assert rest(second, 0.5) == []


def test_commit_says_how_far_the_loop_has_come(topic: str, get: Get) -> None:
    """Commit in mid-batch commits what was given, position names the next record.

    A member that closes later does not go back.
    """
    send(topic, *range(10))
    c = get(topic, offset='earliest', group_id=f'{topic}-group', enable_auto_commit=False)
    place = TopicPartition(topic, 0)
    assert take(4, c) == [0, 1, 2, 3]
    assert c.position(place) == 4
    c.commit()
    assert c.committed(place) == 4
    assert take(2, c) == [4, 5]
    c.close(autocommit=False)
    assert take(6, get(topic, offset='earliest', group_id=f'{topic}-group')) == [4, 5, 6, 7, 8, 9]


def test_a_groups_place_wins_over_the_offset(topic: str, get: Get) -> None:
    """A group that has committed goes on there, whatever the offset says."""
    send(topic, *range(5))
    first = get(topic, offset='earliest', group_id=f'{topic}-group')
    assert take(2, first) == [0, 1]
    first.close()
    assert take(3, get(topic, offset='latest', group_id=f'{topic}-group')) == [2, 3, 4]


def test_members_of_a_group_share_the_partitions(make_topic: MakeTopic, get: Get) -> None:
    """Two members read each message once between them; when one leaves, the other has it all."""
    topic = make_topic(partitions=2)
    members = [get(topic, group_id=f'{topic}-group', timeout=0.1) for _ in range(2)]
    deadline = time.monotonic() + 30
    while not all(len(member.assignment()) == 1 for member in members):
        assert time.monotonic() < deadline
        for member in members:
            list(member)
    numbers = range(40)
    said = [{'sender': f's{number}', 'contents': str(number)} for number in numbers]
    send(topic, *said)
    found: list[list[int]] = [[], []]
    while sum(map(len, found)) < len(numbers):
        assert time.monotonic() < deadline, found
        for member, mine in zip(members, found, strict=True):
            mine += [int(msg.value['contents']) for msg in member]
    assert all(found)
    assert sorted(found[0] + found[1]) == list(numbers)
    members[0].close()
    send(topic, *said)
    members[1].config['consumer_timeout_ms'] = 15_000
    assert len(take(len(numbers), members[1])) == len(numbers)


def test_seek_goes_back_in_mid_batch(topic: str, get: Get) -> None:
    """A seek between two records is where the loop goes on; what was fetched ahead is not given."""
    send(topic, *range(10))
    c = get(topic, offset='earliest')
    assert take(5, c) == list(range(5))
    c.seek(TopicPartition(topic, 0), 2)
    assert take(3, c) == [2, 3, 4]
    c.seek_to_end()
    assert c.position(TopicPartition(topic, 0)) == 10
    send(topic, 'new')
    assert take(1, c) == ['new']
    c.seek_to_beginning()
    assert take(2, c) == [0, 1]


def test_a_closed_consumer_is_an_error(topic: str, get: Get) -> None:
    """After close, every use says so and what to do.

    Closing again does nothing, and a loop that closes its consumer ends.
    """
    send(topic, 1, 2)
    c = get(topic, offset='earliest')
    for _ in c:
        c.close()
    c.close()
    for use in (
        lambda: next(c),
        lambda: next(iter(c)),
        lambda: list(c),
        c.poll,
        c.commit,
        lambda: c.seek(TopicPartition(topic, 0), 0),
    ):
        with pytest.raises(ClosedError, match='get_consumer'):
            use()
