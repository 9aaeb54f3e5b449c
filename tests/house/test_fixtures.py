"""What conftest.py gives to every test, and that nothing of it outlives pytest."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.testkafka import Kafka

ROOT = Path(__file__).parents[2]

HOLD = """
import time

def test_hold(kafka):
    print('KAFKA', kafka.bootstrap_servers, flush=True)
    time.sleep(60)
"""


def _partitions(topic: str) -> int:
    from kafka.admin import KafkaAdminClient

    import settings

    admin = KafkaAdminClient(**settings.client_options('admin'))
    try:
        return len(admin.describe_topics([settings.topic_name(topic)])[0]['partitions'])
    finally:
        admin.close()


def test_a_topic_is_fresh_and_there(topic: str, make_topic: Callable[..., str]) -> None:
    """Each topic has a name of its own, and as many partitions as were asked for."""
    other = make_topic(partitions=3)
    assert topic != other
    assert (_partitions(topic), _partitions(other)) == (1, 3)


def test_a_topic_can_be_configured(make_topic: Callable[..., str]) -> None:
    """A topic takes Kafka's own settings; one that Kafka does not know is refused."""
    from kafka.errors import KafkaError

    make_topic(**{'cleanup.policy': 'compact'})
    with pytest.raises(KafkaError):
        make_topic(**{'cleanup.policy': 'nonsense'})


@pytest.fixture(scope='module')
def earlier() -> list[Any]:
    """The producers that the tests below have used."""
    return []


@pytest.mark.parametrize('turn', [1, 2])
def test_a_producer_is_closed_after_each_test(kafka: Kafka, earlier: list[Any], turn: int) -> None:
    """No test finds the producer of the one before it: that one is closed."""
    from producer import get_producer

    assert len(earlier) == turn - 1
    assert all(producer._closed for producer in earlier)
    assert get_producer() not in earlier
    earlier.append(get_producer())


@pytest.mark.broker
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_broker_goes_when_pytest_does(tmp_path: Path, how: signal.Signals) -> None:
    """The session's broker is gone within seconds after pytest was interrupted or killed."""
    test = tmp_path / 'test_hold.py'
    test.write_text(HOLD, encoding='utf-8')
    command = [
        sys.executable,
        '-m',
        'pytest',
        '-c',
        str(ROOT / 'pyproject.toml'),
        '-p',
        'conftest',
        '--kafka=embedded',
        '-s',
        str(test),
    ]
    pytest_run = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert pytest_run.stdout
        said = ''
        while 'KAFKA' not in said:
            said = pytest_run.stdout.readline()
            assert said, 'pytest ended before its broker ran'
        host, _, port = said.split('KAFKA ')[1].strip().partition(':')
        pytest_run.send_signal(how)
        pytest_run.communicate(timeout=20)
        deadline = time.monotonic() + 10
        while _open(host, int(port)):
            assert time.monotonic() < deadline, 'the broker still listens'
            time.sleep(0.05)
    finally:
        pytest_run.kill()
        pytest_run.communicate()


def _open(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_test_can_say_where_kafka_is(kafka: Kafka) -> None:
    """The fixture tells the address, and the environment to hand to a process."""
    assert kafka.environment['KAFKA_BOOTSTRAP_SERVERS'] == kafka.bootstrap_servers
