"""Messages that could not be read are kept as they came, and go back once each."""

import datetime
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import producer
from deadletters import redrive
from errors import DeliveryError, MessageError
from producer import get_producer
from schemas import HumanMessage
from tests.support.logread import records
from tests.support.reading import Get, readers, rest, send, take
from tests.support.testkafka import Kafka

ROOT = Path(__file__).parents[1]
GOOD = {'sender': 'red', 'contents': 'hello'}
BAD = [
    (b'no json', b'key', [('trace', b'\x00\xff')], 1_700_000_000_123),
    (b'{"some": "dict"}', None, [], 1_700_000_001_000),
    (b'\xff\xfe', b'\xff', [('trace', b'1'), ('trace', b'2')], 1_700_000_002_000),
    (None, b'tombstone', [], 1_700_000_003_000),
    (b'', b'', [], 1_700_000_004_000),
    (b'x' * 900_000, b'large', [], 1_700_000_005_000),
]


@pytest.fixture
def topic(make_topic: Callable[..., str]) -> str:
    """A topic that keeps records with the times of the past."""
    return make_topic(**{'retention.ms': '-1'})


@pytest.fixture
def get(kafka: Kafka) -> Iterator[Get]:
    """get_consumer; its consumers are closed after the test, its loops end after 5 s of silence."""
    with readers() as get:
        yield get


def send_bad(topic: str) -> None:
    """The bad ones, as they are, between good ones."""
    for value, key, headers, timestamp in BAD:
        get_producer().send(topic, value, key, headers, timestamp_ms=timestamp).get(10)
        send(topic, GOOD)


def origin(record: Any) -> dict[str, str]:
    """What the headers say about where it came from."""
    return {
        name.removeprefix('dead-letter-'): value.decode()
        for name, value in record.headers
        if name.startswith('dead-letter-')
    }


def test_a_dead_letter_is_the_original_and_where_it_came_from(topic: str, get: Get) -> None:
    """Bytes, key and headers of each bad record are on the dead-letter topic, in order.

    With them stands where and when it was, when that was found out, and why. The letter's own time
    is when it was written, so that no retention deletes it for its original's age.
    """
    send_bad(topic)
    begun = time.time() * 1000
    dead = f'{topic}.dead'
    assert take(
        len(BAD), get(topic, offset='earliest', schema=HumanMessage, dead_letter_topic=dead)
    ) == [GOOD] * len(BAD)
    letters = records(dead)
    originals = [
        (
            letter.value,
            letter.key,
            [header for header in letter.headers if not header[0].startswith('dead-letter-')],
            int(origin(letter)['original-timestamp']),
        )
        for letter in letters
    ]
    assert originals == BAD
    for number, letter in enumerate(letters):
        said = origin(letter)
        assert begun - 1 <= letter.timestamp <= time.time() * 1000 + 1
        original = datetime.datetime.fromisoformat(said.pop('original-time'))
        assert original.timestamp() * 1000 == int(said.pop('original-timestamp'))
        when = datetime.datetime.fromisoformat(said.pop('time'))
        assert abs(datetime.datetime.now(datetime.UTC) - when) < datetime.timedelta(minutes=1)
        assert said.pop('why')
        assert said == {'topic': topic, 'partition': '0', 'offset': str(2 * number)}


def test_without_a_dead_letter_topic_nothing_is_sent(topic: str, get: Get) -> None:
    """A bad record is only reported, unless a topic is named."""
    send_bad(topic)
    take(len(BAD), get(topic, offset='earliest', schema=HumanMessage))
    assert len(records(topic)) == 2 * len(BAD)


def test_dead_letters_go_back_to_where_they_came_from_once(topic: str, get: Get) -> None:
    """Redrive sends each letter to its origin as it was before, without our headers.

    A second redrive sends only what is new.
    """
    dead = f'{topic}.dead'
    send_bad(topic)
    before = [
        (record.value, record.key, record.headers, record.timestamp) for record in records(topic)
    ]
    take(len(BAD), get(topic, offset='earliest', schema=HumanMessage, dead_letter_topic=dead))
    group = f'{topic}-redrive'
    assert redrive(dead, group_id=group, timeout=1.5) == len(BAD)
    after = [
        (record.value, record.key, record.headers, record.timestamp) for record in records(topic)
    ]
    assert after == before + BAD
    assert redrive(dead, group_id=group, timeout=0.5) == 0
    assert len(records(topic)) == len(after)


def test_a_letter_that_dies_again_says_where_it_died_last(topic: str, get: Get) -> None:
    """A redriven record that still cannot be read comes again, with one set of headers.

    Those of its last place.
    """
    dead = f'{topic}.dead'
    get_producer().send(topic, b'no json', b'key').get(10)
    group = f'{topic}-group'
    c = get(
        topic,
        offset='earliest',
        group_id=group,
        schema=HumanMessage,
        dead_letter_topic=dead,
        timeout=1.0,
    )
    assert rest(c) == []
    assert redrive(dead, group_id=f'{topic}-redrive', timeout=1.0) == 1
    assert rest(c) == []
    letters = records(dead)
    assert [origin(letter)['offset'] for letter in letters] == ['0', '1']
    assert [len(letter.headers) for letter in letters] == [7, 7]


def test_redrive_is_a_command(topic: str, get: Get) -> None:
    """`python -m deadletters TOPIC` does it and says how many.

    So it does with `--to`, and of what it passes by. Without a topic it says what it wants.
    """
    dead = f'{topic}.dead'
    get_producer().send(topic, b'no json', b'key').get(10)
    assert rest(get(topic, offset='earliest', dead_letter_topic=dead)) == []
    command = [sys.executable, '-m', 'deadletters']
    run = subprocess.run([*command, dead], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, '1 sent again\n', '')
    assert [record.value for record in records(topic)] == [b'no json', b'no json']
    run = subprocess.run(
        [*command, dead, '--to', f'{topic}-b', '--to', f'{topic}-c'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (0, '0 sent again, 1 passed by\n')
    assert f"{dead}, partition 0, offset 0 came from '{topic}'" in run.stderr
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    assert 'usage: python -m deadletters TOPIC' in run.stderr


def test_it_must_be_clear_where_letters_go(topic: str) -> None:
    """A dead-letter topic is named after the topic that its letters go back to, or `to` names it.

    They never go where only a header says, nor to their own topic.
    """
    with pytest.raises(
        MessageError, match=r"'dlq' is not named after a topic.*to='human-messages'"
    ):
        redrive('dlq')
    for to in (f'{topic}.dead', [topic, f'{topic}.dead']):
        with pytest.raises(MessageError, match='cannot go back to'):
            redrive(f'{topic}.dead', to=to)
    with pytest.raises(MessageError, match='is no topic name'):
        redrive(f'{topic}.dead', to='no name')


def test_a_letter_that_cannot_be_kept_is_not_passed_by(make_topic: Any, get: Get) -> None:
    """If the dead-letter topic refuses a letter, the loop says so instead of losing it.

    It meets it again at the next try.
    """
    topic, dead = make_topic(), make_topic(**{'max.message.bytes': '100'})
    group = f'{topic}-group'
    get_producer().send(topic, b'no json ' * 50, b'key').get(10)
    send(topic, GOOD)
    for _ in range(2):
        c = get(topic, offset='earliest', group_id=group, dead_letter_topic=dead)
        with pytest.raises(DeliveryError, match=rf'{topic}, partition 0, offset 0'):
            next(c)
        c.close()
        producer.close()
    c = get(topic, offset='earliest', group_id=group, dead_letter_topic=f'{topic}.dead')
    assert take(1, c) == [GOOD]
    assert len(records(f'{topic}.dead')) == 1
