"""Copies of a topic: each record once, whatever others write beside them and however old it is."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest
from kafka import KafkaProducer

from bots import AnswerBot
from client.retention import retention
from processing.replay import Causes, causes, origin
from producer import get_producer, send_msg
from services import Rekey
from settings import client_options
from tests.support.logread import records

Say = Callable[..., None]
MakeTopic = Callable[..., str]


def test_a_copy_of_an_answer_is_no_copy_of_the_question(
    topic: str, say: Say, make_topic: MakeTopic
) -> None:
    """An answer names its question in the same header in which a copy names its original.

    Where only the answer was copied before a crash, the question still is to be copied.
    """
    to = make_topic()
    say('red', '!ping')
    AnswerBot(topic, answers={'!ping': 'pong'}, group_id='bot', offset='earliest').run(count=1)
    assert Rekey(topic, to, offset=1).run(count=1) == 1
    assert Rekey(topic, to).run(timeout=1.0) == 2
    assert [each.key for each in records(to)] == [b'bot', b'red']


def test_a_copy_is_made_once_whatever_transaction_is_open(
    topic: str, say: Say, make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies that stand behind an open transaction of another program are seen, and do not double.

    What is given up is no copy; what is committed is one.
    """
    monkeypatch.setattr('processing.replay.SHORT_WAIT', 0.2)
    monkeypatch.setattr('client.read_to_end.BETWEEN_QUESTIONS', 0.05)
    to = make_topic(partitions=3)
    for number in range(9):
        say(f'sender {number}', 'hello')
    options = client_options(
        'producer', transactional_id=f'{topic}-other', transaction_timeout_ms=60_000
    )
    with closing(KafkaProducer(**options)) as other:
        other.init_transactions()

        def begin(offset: int) -> None:
            """Another program copies a record, in a transaction that is open on all partitions."""
            other.begin_transaction()
            for partition in range(3):
                headers = [('because', f'{topic}/0/{offset}'.encode())]
                other.send(to, b'{}', headers=headers, partition=partition).get(10)

        begin(offset=8)
        assert Rekey(topic, to).run(count=6) == 6
        for _ in range(2):
            assert Rekey(topic, to).run(timeout=0.5) == 9
        known = Causes(to)
        known.catch_up()
        assert set(known) == {origin(each) for each in records(topic)}
        other.abort_transaction()
        known.catch_up()
        assert set(known) == {origin(each) for each in records(topic)[:8]}
        begin(offset=9)
        say('last', 'hello')
        assert Rekey(topic, to).run(timeout=0.5) == 10
        other.commit_transaction()
        assert causes(to) == {origin(each) for each in records(topic)}
    copies = Counter(each.key for each in records(to, isolation_level='read_committed'))
    assert copies == Counter([*(f'sender {number}'.encode() for number in range(9)), *[None] * 3])


def test_what_has_no_time_is_copied_too(topic: str, make_topic: MakeTopic) -> None:
    """Kafka has -1 for "no time": the copy has the time when it is made."""
    to = make_topic()
    get_producer().send(topic, b'{"sender": "red"}', timestamp_ms=-1).get(10)
    assert [each.timestamp for each in records(topic)] == [-1]
    before = time.time() - 60
    assert Rekey(topic, to).run(timeout=0.5) == 1
    assert [each.timestamp / 1000 > before for each in records(to)] == [True]


@pytest.mark.parametrize('group', [None, 'rekey'])
def test_copies_of_old_records_are_kept_or_it_says_so(
    make_topic: MakeTopic, caplog: pytest.LogCaptureFixture, group: str | None
) -> None:
    """A new topic keeps them as long as it would keep one of now; of another one it is told.

    A group is told when it begins, and not each time it goes on.
    """
    topic = make_topic(partitions=2, **{'retention.ms': '-1'})
    day = 86_400.0
    for sender, age in (('red', 1), ('green', 40), ('blue', 3)):
        stamp = time.time() - age * day
        send_msg(topic, {'sender': sender, 'contents': 'hello'}, timestamp=stamp, block=True)
    new = f'{topic}-new'
    assert Rekey(topic, new, group_id=group).run(timeout=0.3) == 3
    assert retention(new).keeps == pytest.approx(47 * day, abs=60)
    assert 'The copies are' not in caplog.text
    group = group and f'{group}-other'
    there = make_topic()
    assert Rekey(topic, there, group_id=group).run(timeout=0.3) == 3
    assert 'The copies are up to 40 days old: the topic deletes what is older' in caplog.text
    assert '(retention.ms=604800000). Set that higher' in caplog.text
    caplog.clear()
    assert Rekey(topic, there, group_id=group).run(timeout=0.3) == (0 if group else 3)
    assert ('The copies are' in caplog.text) == (group is None)
