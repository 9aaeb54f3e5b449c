"""A transaction that is cut short at each of its steps, and what others see of it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from alerts import AlertService
from client.transactions import TransactionalProducer
from consumer import get_consumer
from processing.exactly_once import ExactlyOnceLoop
from producer import flush, send_msg
from tests.support.logread import records

ROOT = Path(__file__).parents[2]
MakeTopic = Callable[..., str]
Say = Callable[..., None]

STEPS = range(1, 11)  # begin, send, send_offsets, commit, after it, for each of two transactions
# A killed member is missed, and its transaction given up, after these; 6 s each outside the tests.
EXPIRY = {'KAFKA_SESSION_TIMEOUT_MS': '1500', 'KAFKA_TRANSACTION_TIMEOUT_MS': '2000'}
# Each child ends itself at one step, the next child of the topic goes on; all topics at once.
CHILDREN = """
import os, sys, traceback
from alerts import AlertService
from processing.exactly_once import ExactlyOnceLoop
from tests.support.dying import Dying

def service(topic):
    class Echo(AlertService):
        alert_type, duration = 'echo', 3600.0
        def process_message(self, message):
            self.emit_alert(message)
    return Echo(topic, topic + '-alerts', topic, 'earliest', dead_letter_topic=topic + '-dead')

def run(topic, at):
    Dying.at = at
    ExactlyOnceLoop.producer_class = Dying
    service(topic).run(timeout=0.5)
    os._exit(0)

for at in (True, False):  # whoever is cut short, and whoever goes on
    children = {}
    for number, topic in enumerate(sys.argv[1:], start=1):
        child = os.fork()
        if child == 0:
            try:
                run(topic, number if at else 0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        children[child] = number
    ended = sorted((children[os.wait()[0]]) for _ in list(children))
for topic in sys.argv[1:]:  # and once more, with a replay of the whole window
    child = os.fork()
    if child == 0:
        run(topic, 0)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""


@pytest.mark.broker
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='Windows has no fork')
def test_a_service_whose_nth_step_ends_its_process_alerts_exactly_once(
    make_topic: MakeTopic,
) -> None:
    """Ten messages and two that cannot be read; the n-th step of the service ends its process.

    Whoever goes on, with a replay of the window, writes each alert and each dead letter once.
    """
    topics = [make_topic() for _ in STEPS]
    for topic in topics:
        for number in range(12):
            bad = number in (2, 9)
            value = 'no message' if bad else {'sender': 'red', 'contents': str(number)}
            send_msg(topic, value, key='red')
    flush()
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', CHILDREN, *topics],
        env=os.environ | EXPIRY | {'KAFKA_MAX_POLL_RECORDS': '6'},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert 'Traceback' not in done.stderr, done.stderr
    expected = [number for number in range(12) if number not in (2, 9)]
    for step, topic in zip(STEPS, topics, strict=True):
        alerts = records(f'{topic}-alerts', isolation_level='read_committed')
        found = [int(dict(alert.headers)['triggered-by'].rpartition(b'/')[2]) for alert in alerts]
        dead = records(f'{topic}-dead', isolation_level='read_committed')
        assert (sorted(found), len(dead)) == (expected, 2), f'step {step}'


class Echo(AlertService):
    """Alerts about every message."""

    alert_type = 'echo'

    def process_message(self, message: Any) -> None:
        self.emit_alert(message)


def alerted(topic: str) -> list[str]:
    """Which messages of a topic have been alerted about, by the alerts that count."""
    alerts = records(f'{topic}-alerts', isolation_level='read_committed')
    return sorted(dict(alert.headers)['triggered-by'].decode() for alert in alerts)


def abort(topic: str) -> None:
    """Write a message in a transaction that is aborted."""
    producer = TransactionalProducer(f'{topic}-aborted')
    producer.begin()
    value = b'{"sender": "red", "contents": "aborted"}'
    producer.send(topic=topic, value=value).get(10)
    producer.give_up()


@pytest.mark.parametrize('options', [{}, {'group_id': 'readers'}])
def test_an_aborted_transaction_is_not_seen(topic: str, say: Say, options: dict[str, Any]) -> None:
    """get_consumer gives what counts, alone and in a group."""
    say('red', 'before')
    abort(topic)
    say('red', 'after')
    with closing(get_consumer(topic, offset='earliest', timeout=1.0, **options)) as reader:
        assert [msg.value['contents'] for msg in reader] == ['before', 'after']


def test_a_durable_service_never_sees_an_aborted_transaction(
    topic: str, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the settings say read_uncommitted: its promise depends on it."""
    monkeypatch.setenv('KAFKA_ISOLATION_LEVEL', 'read_uncommitted')
    say('red', 'before')
    abort(topic)
    say('red', 'after')
    assert Echo(topic, f'{topic}-alerts', topic, 'earliest').run(timeout=1.0) == 2


def test_a_member_that_was_replaced_commits_nothing(
    topic: str, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has looked at ten messages when another member takes over, alerts about them and leaves.

    Kafka refuses the offsets of its old generation, and so its alerts.
    """
    monkeypatch.setenv('KAFKA_SESSION_TIMEOUT_MS', '1500')
    monkeypatch.setenv('KAFKA_MAX_POLL_INTERVAL_MS', '2000')
    for number in range(10):
        say('red', str(number))
    replaced: list[int] = []

    class Sleeper(TransactionalProducer):
        def begin(self) -> None:
            if not replaced:
                replaced.append(0)
                monkeypatch.setattr(ExactlyOnceLoop, 'producer_class', TransactionalProducer)
                other = Echo(topic, f'{topic}-alerts', topic, 'earliest')
                replaced[0] = other.run(count=10, timeout=10.0)
            super().begin()

    monkeypatch.setattr(ExactlyOnceLoop, 'producer_class', Sleeper)
    Echo(topic, f'{topic}-alerts', topic, 'earliest').run(timeout=1.0)
    assert replaced == [10]
    assert len(alerted(topic)) == len(set(alerted(topic))) == 10


@contextmanager
def running(service: AlertService) -> Iterator[AlertService]:
    """A service that runs in a thread."""
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    yield service
    service.stop()
    thread.join(20)
    assert not thread.is_alive()


def wait_for(condition: Callable[[], Any], timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f'not within {timeout:g} s'
        time.sleep(0.05)


def test_a_member_that_only_loses_partitions_goes_on_committing(
    make_topic: MakeTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cooperative assignor takes two of four partitions from it, and tells it nothing more."""
    monkeypatch.setenv('KAFKA_PARTITION_ASSIGNMENT_STRATEGY', 'cooperative-sticky')
    topic = make_topic(partitions=4)
    first, second = (Echo(topic, f'{topic}-alerts', topic, 'earliest') for _ in range(2))
    with running(first):
        wait_for(first._has_partitions)
        with running(second):
            wait_for(second._has_partitions)
            for number in range(40):
                value = {'sender': f's{number}', 'contents': str(number)}
                send_msg(topic, value, key=str(number), block=True)
            wait_for(lambda: len(alerted(topic)) >= 40)
    assert len(alerted(topic)) == len(set(alerted(topic))) == 40
