"""Whatever is switched off, or has moved in the client, a message goes the same way."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.producer.sender import Sender

import producer
from client.backlog import PendingCount
from client.idempotence import LongOutages
from client.lingering import Lingering
from client.refused_records import RefusedSequences
from client.short_send import ShortSend
from errors import DeliveryError, MessageError
from producer import send_msg
from tests.support.logread import records, values

SWITCHES = ['', '1', 'short-send', 'lingering', 'pending-count', 'key-partitioner']


@pytest.mark.parametrize('switch', SWITCHES)
def test_a_message_is_the_same_with_and_without_accelerations(
    switch: str, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partition, order, key, headers and time do not depend on them, and each promise is kept."""
    monkeypatch.setenv('WORKSHOP_PLAIN_CLIENT', switch)
    topic = make_topic(partitions=3)
    promises = [
        send_msg(topic, {'sender': f'sender {number % 5}', 'number': number})
        for number in range(200)
    ]
    promises.append(send_msg(topic, 'odd', headers=[('trace', b'\x00')], timestamp=1.7e9))
    producer.flush()
    sending = producer._state.sending
    assert sending is not None
    assert sending.backlog.pending() == 0
    found = {
        (record.partition, record.offset): (record.key, record.value) for record in records(topic)
    }
    assert all(promise.succeeded() for promise in promises)
    for promise, number in zip(promises, range(200), strict=False):
        key, value = found[promise.value.partition, promise.value.offset]
        assert key == f'sender {number % 5}'.encode()
        assert b'%d' % number in value
    partitions = {promise.value.partition for promise in promises[0:200:5]}
    assert len(partitions) == 1
    assert promises[-1].value.timestamp == 1_700_000_000_000


def test_where_private_names_have_moved_the_plain_client_sends(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client whose private methods look otherwise is used by its public ones; nothing fails."""
    monkeypatch.setenv('WORKSHOP_PLAIN_CLIENT', '')
    append, run_once = RecordAccumulator.append, Sender.run_once

    def append_otherwise(buffer: Any, *record: Any, **options: Any) -> Any:
        return append(buffer, *record, **options)

    def run_once_more(sender: Any, times: int = 1) -> None:
        for _ in range(times):
            run_once(sender)

    monkeypatch.setattr(RecordAccumulator, 'append', append_otherwise)
    monkeypatch.setattr(Sender, 'run_once', run_once_more)
    send_msg(topic, {'sender': 'red', 'contents': 'hello'}, block=True)
    client = producer.get_producer()
    assert 'append cannot be called as' in ShortSend.why_off(client)
    assert Lingering.why_off(client) == PendingCount.why_off(client) == ''
    assert LongOutages.why_off(client) == ''  # a method that may take more is as good
    assert len(values(topic)) == 1


@pytest.mark.client
def test_max_request_size_holds_for_every_message(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that is larger than the setting is refused, however small the setting is."""
    monkeypatch.setenv('KAFKA_MAX_REQUEST_SIZE', '2000')
    send_msg(topic, {'sender': 'red', 'contents': 'x' * 1700}, block=True)
    with pytest.raises(MessageError, match=r'max_request_size=2000 \(MESSAGE_TOO_LARGE\)'):
        send_msg(topic, {'sender': 'red', 'contents': 'x' * 3000})


@pytest.mark.client
def test_one_refused_message_does_not_stop_the_others(make_topic: Callable[..., str]) -> None:
    """After a refused message the next one goes: by the same producer, or (plain) by another."""
    topic = make_topic(**{'max.message.bytes': '500'})
    send_msg(topic, 'before', block=True)
    first = producer.get_producer()
    with pytest.raises(DeliveryError, match=r'larger than topic .* takes \(MESSAGE_TOO_LARGE\)'):
        send_msg(topic, 'x' * 2000, block=True)
    send_msg(topic, 'after', block=True)
    assert (producer.get_producer() is not first) == RefusedSequences.is_switched_off()
    assert values(topic) == ['before', 'after']
    if not RefusedSequences.is_switched_off():
        return
    deadline = time.monotonic() + 10
    while not first._closed:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.client
def test_closing_leaves_no_promise_open(
    topic: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """What is not delivered when the producer is closed fails, and is counted on stderr."""
    monkeypatch.setenv('KAFKA_LINGER_MS', '20000')  # so that nothing leaves without a flush
    send_msg(topic, 'before')
    client = producer.get_producer()
    producer.flush()
    monkeypatch.setattr(client, 'flush', lambda timeout=None: None)
    promises = [send_msg(topic, number) for number in range(3)]
    producer.close()
    assert [promise.is_done for promise in promises] == [True] * 3
    assert '3 message(s) could not be delivered' in capfd.readouterr().err
    assert values(topic) == ['before']
