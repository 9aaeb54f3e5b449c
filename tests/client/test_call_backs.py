"""Waiting inside a promise's call-back is refused at once, and holds nobody up."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import producer
from client.call_backs import NoWaitInCallBacks
from errors import DeliveryError
from producer import send_msg
from tests.support.brokers import eventually
from tests.support.logread import values
from tests.support.plain import skip_without

pytestmark = pytest.mark.client

WAITS: dict[str, Callable[[str], object]] = {
    'block=True': lambda topic: send_msg(topic, 'no', block=True),
    'producer.flush()': lambda topic: producer.flush(),
    'get_producer().flush()': lambda topic: producer.get_producer().flush(8),
    'producer.close()': lambda topic: producer.close(),
    'a new topic': lambda topic: send_msg(f'{topic}-new', 'no'),
    'get()': lambda topic: send_msg(topic, 'sent').get(timeout=8),
}


@pytest.mark.parametrize('wait', WAITS)
def test_waiting_in_a_call_back_is_refused_at_once(wait: str, topic: str) -> None:
    """Whichever way it would wait, it is told why it must not; others go on sending meanwhile."""
    if wait == 'get()':
        skip_without(NoWaitInCallBacks)
    send_msg(topic, 'first', block=True)
    told: list[Any] = []
    client = producer.get_producer()

    def call_back(_: object) -> None:
        began = time.monotonic()
        try:
            told.append(WAITS[wait](topic))
        except DeliveryError as error:
            told.append(str(error))
        told.append(time.monotonic() - began)

    send_msg(topic, 'second').add_callback(call_back)
    eventually(lambda: len(told) == 2)
    assert 'inside a call-back would wait for itself' in told[0]
    assert told[1] < 1
    send_msg(topic, 'last', block=True, timeout=2)
    assert producer.get_producer() is client
    assert 'no' not in values(topic)


def test_waiting_is_refused_where_a_message_failed_too(make_topic: Callable[..., str]) -> None:
    """An errback is a call-back as well, also if it was the last one of its producer."""
    topic, small = make_topic(), make_topic(**{'max.message.bytes': '100'})
    send_msg(topic, 'first', block=True)
    told: list[Any] = []

    def call_back(_: object) -> None:
        for wait in (producer.flush, lambda: send_msg(topic, 'no', block=True)):
            with pytest.raises(DeliveryError, match='wait for itself'):
                wait()
            told.append(wait)

    send_msg(small, 'x' * 200).add_errback(call_back)
    eventually(lambda: len(told) == 2)
    send_msg(topic, 'last', block=True, timeout=2)
    assert values(topic) == ['first', 'last']


def test_a_call_back_may_send_and_look_at_what_is_done(topic: str) -> None:
    """What does not wait is allowed: to send on, and to get what is there already."""
    done = send_msg(topic, 0, block=True)
    found: list[Any] = []
    send_msg(topic, 1).add_callback(lambda _: found.append(done.get(timeout=0).offset))
    send_msg(topic, 2).add_callback(lambda _: found.append(send_msg(topic, 3)))
    eventually(lambda: len(found) == 2)
    producer.flush()
    assert found[0] == 0
    assert values(topic) == [0, 1, 2, 3]


@pytest.mark.parametrize('key', ['red', None], ids=['key', 'no key'])
def test_sys_exit_in_a_call_back_ends_nothing(
    key: str | None, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The messages beside it and after it are acknowledged; one line says what happened."""
    skip_without(NoWaitInCallBacks)
    send_msg(topic, 0, key=key, block=True)
    promises = [send_msg(topic, number, key=key) for number in range(1, 4)]
    for promise in promises:
        promise.add_callback(sys.exit)
    promises += [send_msg(topic, number, key=key) for number in range(4, 7)]
    producer.flush(5)
    assert all(promise.succeeded() for promise in promises)
    assert values(topic) == list(range(7))
    assert 'in a call-back ends nothing' in caplog.text
    with pytest.raises(SystemExit):  # it is kept already, so this is our own thread
        promises[-1].add_callback(sys.exit)


def test_a_thread_of_ones_own_may_wait_whatever_its_name(topic: str) -> None:
    """Only the client's own thread is told apart, not others that have to do with Kafka."""
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(send_msg(topic, 1, block=True).get().offset),
        name='kafka-network-thread',
    )
    thread.start()
    thread.join(10)
    assert found == [0]
