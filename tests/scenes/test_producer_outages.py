"""What send_msg does where Kafka is away, frozen or restarted.

It waits no longer than it says, and tells what was lost.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

import producer
from broker import Broker
from errors import ChatError, DeliveryError, MessageError, UnreachableError
from producer import send_msg
from tests.support.brokers import eventually
from tests.support.logread import values
from tests.support.rig import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def whole_broker() -> Iterator[Broker]:
    """A broker that may be broken."""
    with Broker() as kafka:
        yield kafka


@pytest.fixture
def own(whole_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """The broker that may be broken, in force; it serves again afterwards."""
    monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', whole_broker.bootstrap_servers)
    yield whole_broker
    whole_broker.resume()
    producer.close()
    eventually(lambda: is_registered(whole_broker))


def is_registered(broker: Broker) -> bool:
    """Whether Kafka names its broker: one that was frozen for long has to register again."""
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin:
        return any(not each['is_fenced'] for each in admin.describe_cluster()['brokers'])


def python(source: str, env: dict[str, str] | None = None) -> 'subprocess.Popen[str]':
    """Run Python code in a process of its own, with the environment that is in force."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, '-c', source],
        cwd=ROOT,
        text=True,
        env=env,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )


def test_where_nobody_listens_an_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Kafka there: within 5 s an error with the address, the cause, and how to start one."""
    address = f'localhost:{free_port()}'
    monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', address)
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=rf'{address}.*refused.*python -m broker') as caught:
        send_msg('human-messages', {'some': 'dict'})
    assert time.monotonic() - began < 5
    assert caught.value.stage == 'connection'


@pytest.mark.broker
def test_a_frozen_broker_holds_no_prompt(own: Broker) -> None:
    """While the broker is frozen, sends return at once, and waiting ends when it should.

    Afterwards every promise is kept, once.
    """
    send_msg('known', 'before', block=True)
    own.pause()
    began = time.monotonic()
    promises = [send_msg('known', number) for number in range(10)]
    assert time.monotonic() - began < 1
    with pytest.raises(DeliveryError, match=r'10 messages not acknowledged after 0\.5 s'):
        producer.flush(timeout=0.5)
    with pytest.raises(
        DeliveryError, match=r'not acknowledged within 0\.5 s\. .*frozen broker.*may arrive'
    ):
        send_msg('known', 10, block=True, timeout=0.5)
    assert time.monotonic() - began < 4
    own.resume()
    producer.flush(timeout=30)
    assert all(promise.succeeded() for promise in promises)
    assert values('known') == ['before', *range(11)]


@pytest.mark.broker
def test_what_could_not_be_delivered_is_said_at_the_end(own: Broker) -> None:
    """A program that ends while Kafka is frozen does so within 15 s, and says what is lost."""
    source = """
from producer import send_msg
send_msg('known', 'before', block=True)
print('ready', flush=True)
input()
for number in range(3): send_msg('known', number)
"""
    quick = {'KAFKA_DELIVERY_TIMEOUT_MS': '2000', 'KAFKA_REQUEST_TIMEOUT_MS': '1000'}
    process = python(source, env=os.environ | quick)
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready\n'
    own.pause()
    began = time.monotonic()
    _, said = process.communicate('\n', timeout=60)
    assert time.monotonic() - began < 15
    assert '3 message(s) could not be delivered' in said
    assert 'Traceback' not in said


@pytest.mark.broker
def test_a_broker_that_restarts_is_waited_for(
    own: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """What is sent while the broker is away arrives when it is back, in order.

    Nobody has to do anything about it.
    """
    caplog.set_level(logging.CRITICAL)
    send_msg('restarted', 'before', block=True)
    own.kill()
    promises = [send_msg('restarted', number) for number in range(5)]
    own.restart()
    producer.flush(timeout=40)
    assert all(promise.succeeded() for promise in promises)
    assert values('restarted') == ['before', *range(5)]


def test_all_errors_are_of_one_tree() -> None:
    """Whatever send_msg raises on purpose can be caught as ChatError."""
    assert issubclass(MessageError, ChatError)
    assert issubclass(DeliveryError, ChatError)
    assert issubclass(UnreachableError, ChatError)
