"""What the tests of the embedded broker share: talking to it, and waiting until something is so."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kafka
import pytest

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0


@pytest.fixture(autouse=True)
def temporary_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test has a folder of its own for temporary folders, which is empty afterwards."""
    folder = tmp_path / 'temporary'
    folder.mkdir()
    monkeypatch.setenv('TMPDIR', str(folder))
    monkeypatch.setattr(tempfile, 'tempdir', None)
    yield folder
    assert list(folder.iterdir()) == []


def eventually(condition: Callable[[], Any], timeout: float = DEADLINE) -> Any:
    """Poll until the condition holds, and return what it returned; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f'this did not become so within {timeout:g} s'
        time.sleep(0.05)
    return result


def gone(pid: int) -> bool:
    """Whether there is no such process (a dead one whose parent did not look counts as gone)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f'/proc/{pid}/stat')
    return status.exists() and status.read_text().rpartition(')')[2].split()[0] == 'Z'


def options(environment: dict[str, str]) -> dict[str, Any]:
    """The settings of ``Broker.env`` as arguments of kafka-python's own clients."""
    return {name.removeprefix('KAFKA_').lower(): value for name, value in environment.items()}


def send(environment: dict[str, str], topic: str, *values: bytes, **more: Any) -> None:
    """Send, and wait for the acknowledgements."""
    producer = kafka.KafkaProducer(**options(environment), max_block_ms=15_000, **more)
    try:
        for promise in [producer.send(topic, value) for value in values]:
            promise.get(timeout=15)
    finally:
        producer.close(timeout=1)


def read(environment: dict[str, str], topic: str, count: int, **more: Any) -> list[bytes]:
    """The first `count` values of a topic; fewer if no more come for ten seconds."""
    consumer = kafka.KafkaConsumer(
        topic,
        **options(environment),
        auto_offset_reset='earliest',
        consumer_timeout_ms=10_000,
        **more,
    )
    try:
        return [record.value for _, record in zip(range(count), consumer, strict=False)]
    finally:
        consumer.close()
