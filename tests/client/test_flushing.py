"""A flush ends on time, with all there or each loss counted, where batches are split."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import kafka.errors
import pytest
from kafka.producer.future import FutureProduceResult

import producer
from client.flushing import FlushInTime
from producer import send_msg
from tests.support.logread import records, values
from tests.support.plain import skip_without

pytestmark = pytest.mark.client

ROOT = Path(__file__).parents[2]
BULK = """
import sys
from producer import send_msg
for number in range(6000):
    send_msg(sys.argv[1], {'sender': 'red', 'contents': 'x' * 100 + str(number)})
"""


@pytest.mark.parametrize(('limit', 'codec'), [('100000', ''), ('3000', 'gzip')])
def test_what_is_split_at_the_end_of_a_program_is_all_there(
    limit: str,
    codec: str,
    make_topic: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bulk to a topic that takes small batches: all of it arrives, in order, without a word."""
    if codec:
        monkeypatch.setenv('KAFKA_COMPRESSION_TYPE', codec)
    topic = make_topic(**{'max.message.bytes': limit})
    done = subprocess.run(
        [sys.executable, '-c', BULK, topic],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert 'Traceback' not in done.stderr
    assert 'could not be delivered' not in done.stderr
    found = [int(value['contents'][100:]) for value in values(topic)]
    assert found == list(range(6000))


def test_flush_waits_for_what_is_split(make_topic: Callable[..., str]) -> None:
    """Flush returns when the parts are acknowledged, and each promise tells its own offset."""
    topic = make_topic(**{'max.message.bytes': '10000'})
    promises = [send_msg(topic, {'sender': 'red', 'number': n}) for n in range(3000)]
    producer.flush(30)
    assert all(promise.succeeded() for promise in promises)
    assert [promise.value.offset for promise in promises] == list(range(3000))
    assert len(records(topic)) == 3000


def test_the_time_limit_of_a_flush_is_one_for_all_batches() -> None:
    """Ten batches that are acknowledged slowly: a flush gives up in time."""
    skip_without(FlushInTime)
    futures = [FutureProduceResult(None) for _ in range(10)]
    batches = [SimpleNamespace(created=0.0, produce_future=future) for future in futures]
    accumulator = SimpleNamespace(
        await_flush_completion=lambda timeout: None,
        _flushes_in_progress=SimpleNamespace(decrement=lambda: None),
        _incomplete=SimpleNamespace(all=lambda: batches),
    )
    assert FlushInTime.apply(SimpleNamespace(_accumulator=accumulator))
    timers = [threading.Timer(0.2 * n, future.success, [1]) for n, future in enumerate(futures)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    began = time.monotonic()
    with pytest.raises(kafka.errors.KafkaTimeoutError):
        accumulator.await_flush_completion(timeout=0.3)
    assert time.monotonic() - began < 1.0
