"""Bulk sends: bounded memory while Kafka does not keep up, and large steps only for loops that are quick."""

import time
from pathlib import Path
from typing import Any

import pytest

import producer
from broker import Broker
from consumer import get_consumer
from errors import UnreachableError
from services import Service


@pytest.mark.broker
@pytest.mark.slow
def test_a_bulk_loop_against_a_frozen_broker_ends_with_an_error_and_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Messages are taken up to a bound; then send_msg waits max_block_ms and tells that nobody answers. None of the taken is lost."""
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
            for number in range(
                1_000_000
            ):  # not as a list: what was taken before the error is wanted
                promise = producer.send_msg(
                    'human-messages', {'sender': 'red', 'contents': 'x' * 1000, 'number': number}
                )
                promises.append(promise)

        with pytest.raises(UnreachableError, match='nothing was sent'):
            send_without_end()
        assert 1000 < len(promises) < 100_000
        assert (
            producer._state.sending.backlog.pending()  # type: ignore[union-attr]
            == sum(not promise.is_done for promise in promises)
            > 1000
        )
        kafka.resume()
        producer.flush(60)
        assert all(promise.succeeded() for promise in promises)
        producer.close()


def test_a_slow_loop_gets_small_steps_and_a_quick_one_large_ones(kafka: Any, topic: str) -> None:
    """A poll takes about as many records as the loop worked off in a second, so that a slow loop in a group does not miss its next poll."""
    for number in range(2000):
        producer.send_msg(topic, {'number': number})
    producer.flush()
    reader = get_consumer(topic, offset='earliest', timeout=5.0)
    steps: list[Any] = []
    while sum(steps) < 2000:
        step = sum(map(len, reader.poll(1000).values()))
        steps.append(step)
        if len(steps) == 1:
            time.sleep(step / 100)  # a hundredth of a second each
    reader.close()
    assert steps[0] == 500
    assert 50 < steps[1] <= 100
    assert max(steps[2:]) > 500


def test_a_slow_service_takes_small_steps(kafka: Any, topic: str) -> None:
    """No more records a poll than it has worked off in a second, so that its group does not take it for dead."""
    batches: list[int] = []
    noted: list[str] = []

    class Slow(Service):
        def on_message(self, record: Any) -> None:
            time.sleep(0.001)
            noted.append(record.value['contents'])

        def on_batch(self) -> None:
            batches.append(len(noted))

    for number in range(2000):
        producer.send_msg(topic, {'sender': 'red', 'contents': str(number)})
    producer.flush()
    Slow(topic, offset='earliest').run(count=2000)
    steps = [after - before for before, after in zip([0, *batches], batches, strict=False)]
    assert max(steps) <= 1000
    assert sum(steps) == 2000
