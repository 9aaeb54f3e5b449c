"""What is sent and not yet acknowledged is counted, and bounded, with and without accelerations."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

import producer
from broker import Broker
from client.backlog import Backlog
from client.call_backs import note_thread
from errors import UnreachableError

pytestmark = pytest.mark.client


@pytest.mark.broker
@pytest.mark.slow
def test_a_bulk_loop_against_a_frozen_broker_ends_with_an_error_and_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Messages are taken up to a bound; then send_msg waits max_block_ms, and tells who is away.

    None of those that were taken is lost.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('WORKSHOP_ENV_FILE', '')
    monkeypatch.setenv('KAFKA_MAX_BLOCK_MS', '500')
    producer.close()
    with Broker() as kafka:
        monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', kafka.bootstrap_servers)
        producer.send_msg('human-messages', {'sender': 'red', 'contents': 'first'}, block=True)
        kafka.pause()
        promises: list[Any] = []

        def send_without_end() -> None:
            for number in range(1_000_000):
                # Not as a list: what was taken before the error is wanted.
                value = {'sender': 'red', 'contents': 'x' * 1000, 'number': number}
                promises.append(producer.send_msg('human-messages', value))

        with pytest.raises(UnreachableError, match='nothing was sent'):
            send_without_end()
        assert 1000 < len(promises) < 100_000
        open_promises = sum(not promise.is_done for promise in promises)
        assert producer._state.sending is not None
        assert producer._state.sending.backlog.pending() == open_promises > 1000
        kafka.resume()
        producer.flush(60)
        assert all(promise.succeeded() for promise in promises)
        producer.close()


class Unanswered:
    """Stands for a producer; its backlog is made by hand."""

    def __init__(self) -> None:
        self.config = {'max_block_ms': 200}


def made(pending: list[int], limit: int) -> Backlog:
    """A backlog of a plain client with so many messages pending."""
    found = Backlog(Unanswered(), limit)
    assert found.counts_futures
    found.pending = lambda: pending[0]
    return found


def test_only_what_is_pending_counts() -> None:
    """The newest messages are those that wait, each with the size that it has about."""
    pending = [0]
    found = made(pending, limit=20_000)
    found.take(10, 1_000_000)  # all acknowledged
    pending[0] = 15
    found.take(10, 15_000)  # 5 older ones
    began = time.monotonic()
    with pytest.raises(KafkaTimeoutError, match='15 messages wait'):
        found.take(10, 15_000)  # 15,000 and half of 15,000
    assert 0.2 < time.monotonic() - began < 2
    pending[0] = 11
    found.take(10, 10_000)  # 10,000 and a tenth of 15,000


def test_room_that_is_made_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits goes on as soon as enough is acknowledged."""
    pending = [10]
    found = made(pending, limit=5_000)
    monkeypatch.setattr(time, 'sleep', lambda _: pending.__setitem__(0, pending[0] - 1))
    found.take(10, 10_000)
    assert pending == [4]


@pytest.mark.parametrize('name', ['me-network-thread', 'kafka-io-me'])
def test_a_call_back_never_waits_for_its_own_thread(name: str) -> None:
    """Who sends in a call-back is let through, under any client_id: only this thread makes room."""
    found = made([1000], limit=1)
    note_thread(SimpleNamespace(config={'client_id': 'me'}))
    thread = threading.Thread(target=found.take, args=(1000, 1_000_000), name=name)
    thread.start()
    thread.join(10)  # it would wait for max_block_ms otherwise
    assert not thread.is_alive()
