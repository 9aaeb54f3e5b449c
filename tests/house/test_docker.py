"""Kafka in Docker: what compose.yaml starts, and the container that the tests run on."""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import testkafka
from tests.support.kafka_container import READY, KafkaContainer, compose_service

pytestmark = pytest.mark.docker
ROOT = Path(__file__).parents[2]

HOLD = """
import sys, time
from tests.support.kafka_container import KafkaContainer
with KafkaContainer(sys.argv[1]) as kafka:
    print(kafka.get_container_id(), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def image(pytestconfig: pytest.Config) -> str:
    """The image, where this run has a Docker engine."""
    named = {name: value for name, value in os.environ.items() if name == 'WORKSHOP_KAFKA_IMAGE'}
    choice = testkafka.choose(
        'docker' if pytestconfig.getoption('--kafka') == 'docker' else 'auto', named
    )
    if choice.place != 'docker' or choice.missing:
        pytest.skip(
            'No Docker engine answers: start one, or run '
            '.ci/docker-kafka .venv/bin/python -m pytest -m docker'
        )
    return choice.image


@pytest.fixture
def composed(image: str) -> Iterator[str]:
    """What `docker compose up` starts: the same image, environment and ports."""
    import docker

    service = compose_service()
    address, port, inner = service['ports'][0].split(':')
    client = docker.from_env()
    container = client.containers.run(
        image,
        environment=service['environment'],
        ports={f'{inner}/tcp': (address, int(port))},
        detach=True,
        auto_remove=True,
    )
    try:
        deadline = time.monotonic() + 90
        while READY not in container.logs():
            assert time.monotonic() < deadline, container.logs().decode()
            time.sleep(0.1)
        yield f'localhost:{port}'
    finally:
        container.kill()
        container.wait(condition='removed')
        client.close()


def _echo(servers: str) -> list[bytes]:
    """Send in a transaction, read what was committed.

    Needs the broker's groups and transactions, and its advertised address.
    """
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

    producer = KafkaProducer(bootstrap_servers=servers, transactional_id='echo')
    consumer = KafkaConsumer(
        bootstrap_servers=servers, isolation_level='read_committed', consumer_timeout_ms=10_000
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send('echo', b'hello')
        producer.commit_transaction()
        consumer.assign([TopicPartition('echo', 0)])
        consumer.seek_to_beginning()
        return [next(consumer).value]
    finally:
        consumer.close()
        producer.close()


def test_compose_starts_a_kafka_that_answers_on_this_machine(composed: str) -> None:
    """With the environment and ports of compose.yaml, a client on this machine sends.

    Reads what it sent.
    """
    assert _echo(composed) == [b'hello']


def test_the_container_is_a_whole_kafka(image: str) -> None:
    """The tests' container serves transactions, on a port that Docker gave out."""
    with KafkaContainer(image) as kafka:
        assert kafka.bootstrap_servers != 'localhost:9092'
        assert _echo(kafka.bootstrap_servers) == [b'hello']


def test_the_container_goes_when_pytest_is_killed(image: str) -> None:
    """A container whose Python was killed is gone soon, with nobody there to remove it."""
    import docker

    holder = subprocess.Popen(
        [sys.executable, '-c', HOLD, image], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    identity = holder.stdout.readline().strip()
    client = docker.from_env()
    try:
        assert identity in [container.id for container in client.containers.list()]
        holder.kill()
        holder.wait()
        deadline = time.monotonic() + 15
        while identity in [
            container.id for container in client.containers.list(all=True, ignore_removed=True)
        ]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        holder.kill()
        holder.communicate()
        client.close()


def test_without_the_image_the_embedded_broker_steps_in(image: str) -> None:
    """Where Docker has no such image and can pull none.

    The embedded broker is used and a note says so; if Docker was forced, it fails.
    """
    import docker

    notes: list[str] = []
    missing = testkafka.Choice('docker', 'auto', image='localhost:1/no-such-image:1', forced=False)
    assert missing.image != image
    with testkafka.started(missing, notes) as kafka:
        assert _echo(kafka.bootstrap_servers) == [b'hello']
    assert missing.image in notes[0]
    with (
        pytest.raises(docker.errors.APIError),
        testkafka.started(dataclasses.replace(missing, forced=True), notes),
    ):
        pass
