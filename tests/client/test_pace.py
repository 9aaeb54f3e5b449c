"""Large steps only for loops that are quick."""

import time
from typing import Any

import pytest

import producer
from consumer import get_consumer
from services import Service

pytestmark = pytest.mark.client


def test_a_slow_loop_gets_small_steps_and_a_quick_one_large_ones(kafka: Any, topic: str) -> None:
    """A poll takes about as many records as the loop worked off in a second.

    So a slow loop in a group does not miss its next poll.
    """
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
    """No more records a poll than it has worked off in a second.

    So its group does not take it for dead.
    """
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
