"""Dead letters go back once each, and no record that is in the way stops another."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from client import redrive as module
from client.redrive import Redrive
from client.transactions import TransactionalProducer
from deadletters import redrive
from errors import RefusedError
from producer import flush, get_producer, send_raw
from settings import client_options
from tests.support.logread import records

ROOT = Path(__file__).parents[2]
MakeTopic = Callable[..., str]
Headers = list[tuple[str, bytes]]


def put(
    dead: str,
    value: bytes,
    origin: str | None,
    *more: tuple[str, bytes],
    key: bytes | None = b'key',
) -> None:
    """A dead letter from a topic; without one, a record that is no letter."""
    headers: Headers = [*more]
    if origin is not None:
        headers.append(('dead-letter-topic', origin.encode(errors='surrogateescape')))
    send_raw(dead, value, key, headers)


def counted(topic: str) -> list[bytes]:
    """What is in a topic and counts."""
    return [record.value for record in records(topic, isolation_level='read_committed')]


@pytest.mark.client
def test_what_cannot_be_sent_again_is_passed_by(
    topic: str, make_topic: MakeTopic, caplog: Any
) -> None:
    """A foreign record, an illegal name, a topic that is gone, one that nobody named, a cut letter.

    Each is told with its place and the reason, and counted. The letters between them are sent, and
    nothing goes where only a header says.
    """
    dead, other = f'{topic}.dead', make_topic()
    put(dead, b'1', topic)
    put(dead, b'foreign', None)
    put(dead, b'illegal', '../no name\x1b[2J')
    put(dead, b'no text', '\udcff\udcfe')
    put(dead, b'gone', f'{topic}-gone')
    put(dead, b'elsewhere', other)
    put(dead, b'cut', topic, ('dead-letter-cut', b'1048400'))
    put(dead, b'key cut', topic, ('dead-letter-cut-key', b'900000'))
    put(dead, b'2', topic)
    flush()
    sent = redrive(dead, group_id=topic)
    assert (sent, sent.passed_by) == (2, 7)
    assert counted(topic) == [b'1', b'2']
    assert counted(other) == []
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        assert f'{topic}-gone' not in admin.list_topics()
    said = [record.getMessage() for record in caplog.records if record.name == 'client.redrive']
    assert [line.partition('offset ')[2][0] for line in said] == list('1234567')
    assert 'offset 1 is no dead letter: it has no header dead-letter-topic' in said[0]
    assert 'no name\\x1b[2J' in said[1]
    assert f"came from '{other}', and may not go back there without --to" in said[4]
    assert 'too large to be kept whole' in said[5]
    sent = redrive(dead, group_id=topic)
    assert (sent, sent.passed_by) == (0, 0)


def test_letters_go_to_the_topics_that_are_named(topic: str, make_topic: MakeTopic) -> None:
    """Each to the one that it came from, in one call or one after the other, and once each.

    What was passed by for want of a name is sent once its topic is named.
    """
    dead, others = f'{topic}.dead', [make_topic(), make_topic()]
    for number in range(3):
        for origin in (topic, *others):
            put(dead, b'%d' % number, origin)
    flush()
    sent = redrive(dead, group_id=topic, to=others[0])
    assert (sent, sent.passed_by) == (3, 6)
    sent = redrive(dead, group_id=topic, to=[*others, topic])
    assert (sent, sent.passed_by) == (6, 0)
    assert redrive(dead, group_id=topic) == 0
    for origin in (topic, *others):
        assert counted(origin) == [b'0', b'1', b'2']


def test_what_comes_back_meanwhile_is_left_for_the_next_time(
    make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that is not repaired forwards the letter again, maybe to a later partition."""
    topic = make_topic()
    dead = make_topic(partitions=2)

    def come_back(partition: int) -> None:
        headers = [('dead-letter-topic', topic.encode())]
        get_producer().send(dead, b'1', b'key', headers, partition=partition).get(10)

    class ComingBack(TransactionalProducer):
        def commit(self) -> None:
            super().commit()
            for partition in (0, 1):
                come_back(partition)

    monkeypatch.setattr(Redrive, 'producer_class', ComingBack)
    come_back(0)
    assert redrive(dead, to=topic, group_id=topic) == 1
    assert counted(topic) == [b'1']


def test_names_with_a_prefix_are_the_same_topics(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a shared Kafka (KAFKA_PREFIX) letters name topics with the prefix, people without."""
    put(f'{topic}.dead', b'1', topic)
    flush()
    prefix = topic[:8]
    monkeypatch.setenv('KAFKA_PREFIX', prefix)
    assert redrive(f'{topic}.dead'.removeprefix(prefix), group_id=topic) == 1
    assert counted(topic) == [b'1']


def test_letters_of_a_topic_that_is_gone_wait_for_it(topic: str) -> None:
    """They are passed by, and sent once the topic is there again.

    Or once somebody names it: then Kafka creates it, as for any message. What no letter came from
    is not created.
    """
    dead = f'{topic}-x.dead'
    put(dead, b'1', f'{topic}-x')
    put(dead, b'2', f'{topic}-y')
    flush()
    sent = redrive(dead, group_id=topic)
    assert (sent, sent.passed_by) == (0, 2)
    assert redrive(dead, group_id=topic, to=[f'{topic}-y', f'{topic}-z']) == 1
    assert counted(f'{topic}-y') == [b'2']
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        assert not {f'{topic}-x', f'{topic}-z'} & set(admin.list_topics())
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        admin.create_topics([f'{topic}-x'], wait_for_metadata=True)
    assert redrive(dead, group_id=topic) == 1
    assert counted(f'{topic}-x') == [b'1']


@pytest.mark.parametrize(
    ('config', 'reason'),
    [
        ({'max.message.bytes': '500'}, 'MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE'),
        ({'message.timestamp.before.max.ms': '3600000'}, 'INVALID_TIMESTAMP'),
        ({'cleanup.policy': 'compact'}, 'INVALID_RECORD'),
    ],
    ids=['size', 'time', 'key'],
)
def test_a_refused_letter_is_found_and_passed_by(
    make_topic: MakeTopic, caplog: Any, config: dict[str, str], reason: str
) -> None:
    """Of eleven letters in one transaction two are refused: nine are sent once, in order."""
    topic = make_topic(**config)
    dead = f'{topic}.dead'
    for number in range(11):
        value, stamp = b'%d' % number, b'-1'
        key: bytes | None = value
        if number in (3, 10):
            value += b' ' * 600
            key = None if 'cleanup.policy' in config else key
            stamp = b'1000' if 'message.timestamp.before.max.ms' in config else stamp
        put(dead, value, topic, ('dead-letter-original-timestamp', stamp), key=key)
    flush()
    sent = redrive(dead, group_id=topic)
    assert (sent, sent.passed_by) == (9, 2)
    assert counted(topic) == [b'%d' % number for number in range(11) if number not in (3, 10)]
    found = [line for line in caplog.messages if 'was refused by' in line]
    assert len(found) == 2
    assert all(re.search(reason, line) for line in found), found
    assert redrive(dead, group_id=topic) == 0


STEPS = range(1, 7)  # begin, send, send_offsets, commit, after it; and the next begin
# Each child ends itself at one step of the redrive of its topic's letters; another goes on.
CHILDREN = """
import os, sys, traceback
import deadletters
from client import redrive
from client.redrive import Redrive
from tests.support.dying import Dying

redrive.MOST = 4
Redrive.producer_class = Dying
children = {}
for number, topic in enumerate(sys.argv[1:], start=1):
    child = os.fork()
    if child == 0:
        try:
            Dying.at = number
            deadletters.redrive(topic + '.dead', group_id=topic)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    children[child] = topic
for _ in list(children):
    child, status = os.wait()
    topic = children[child]
    assert os.waitstatus_to_exitcode(status) == 9, (topic, status)
    if os.fork() == 0:
        try:
            deadletters.redrive(topic + '.dead', group_id=topic)
        except BaseException:
            traceback.print_exc()
        os._exit(0)
for _ in children:
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='Windows has no fork')
def test_a_redrive_whose_nth_step_ends_its_process_sends_each_letter_once(
    make_topic: MakeTopic,
) -> None:
    """Eight letters in two transactions; whoever goes on has nothing to wait for."""
    topics = [make_topic() for _ in STEPS]
    for topic in topics:
        for number in range(8):
            put(f'{topic}.dead', b'%d' % number, topic)
    flush()
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', CHILDREN, *topics],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert 'Traceback' not in done.stderr, done.stderr
    for step, topic in zip(STEPS, topics, strict=True):
        assert counted(topic) == [b'%d' % number for number in range(8)], f'step {step}'


@pytest.mark.client
def test_a_redrive_that_another_one_has_overtaken_sends_nothing_more(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at the same time send each letter once; the one that came first says what happened."""
    dead = f'{topic}.dead'
    for number in range(12):
        put(dead, b'%d' % number, topic)
    flush()
    overtaken: list[int] = []

    class Slow(TransactionalProducer):
        def send_offsets(self, *arguments: Any) -> None:
            if not overtaken:
                monkeypatch.setattr(Redrive, 'producer_class', TransactionalProducer)
                overtaken.append(redrive(dead, group_id=topic))
            super().send_offsets(*arguments)

    monkeypatch.setattr(module, 'MOST', 4)
    monkeypatch.setattr(Redrive, 'producer_class', Slow)
    with pytest.raises(RefusedError, match=f"Another redrive of '{dead}' has begun"):
        redrive(dead, group_id=topic)
    assert overtaken == [12]
    assert counted(topic) == [b'%d' % number for number in range(12)]


@pytest.mark.client
def test_a_redrive_begins_where_the_one_before_it_ended(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks how far the group is only once nobody else can commit for it."""
    dead = f'{topic}.dead'
    put(dead, b'1', topic)
    flush()
    before: list[int] = []

    class Late(TransactionalProducer):
        def __init__(self, *arguments: Any) -> None:
            if not before:
                monkeypatch.setattr(Redrive, 'producer_class', TransactionalProducer)
                before.append(redrive(dead, group_id=topic))
            super().__init__(*arguments)

    monkeypatch.setattr(Redrive, 'producer_class', Late)
    assert redrive(dead, group_id=topic) == 0
    assert before == [1]
    assert counted(topic) == [b'1']


def test_a_letter_of_an_aborted_transaction_is_none(topic: str) -> None:
    """A service was killed before it committed: its letters do not count, and hold up nobody."""
    dead = f'{topic}.dead'
    for number in range(3):
        put(dead, b'%d' % number, topic)
        flush()
        producer = TransactionalProducer(f'{topic}-aborted')
        producer.begin()
        message = {'value': b'aborted', 'headers': [('dead-letter-topic', topic.encode())]}
        producer.send(topic=dead, **message).get(10)
        producer.give_up()
    assert redrive(dead, group_id=topic) == 3
    assert redrive(dead, group_id=topic) == 0
    assert counted(topic) == [b'0', b'1', b'2']


def test_letters_that_retention_has_deleted_are_told(topic: str, caplog: Any) -> None:
    """The group's offset is gone: the redrive goes on at the oldest letter, and says so."""
    dead = f'{topic}.dead'
    for number in range(3):
        put(dead, b'%d' % number, topic)
        flush()
        if number == 0:
            assert redrive(dead, group_id=topic) == 1
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        admin.delete_records({TopicPartition(dead, 0): 2})
    assert redrive(dead, group_id=topic) == 1
    assert f'offsets 1 to 1 of {dead}, partition 0 are no longer kept' in caplog.text
    assert counted(topic) == [b'0', b'2']


def test_letters_that_the_topic_will_not_keep_are_told(make_topic: MakeTopic, caplog: Any) -> None:
    """They go back with the times of their originals, which its retention has passed."""
    topic = make_topic(**{'retention.ms': '3600000'})
    put(f'{topic}.dead', b'1', topic, ('dead-letter-original-timestamp', b'1000'))
    flush()
    assert redrive(f'{topic}.dead', group_id=topic) == 1
    assert f"Letters for '{topic}' are up to " in caplog.text
    assert 'deletes what is older than 60 minutes' in caplog.text
