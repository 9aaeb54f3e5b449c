"""Where the tests' Kafka comes from.

The one in the environment, a Docker container, or the embedded broker.

`choose` decides without starting anything, so that pytest's header can say which; `started` starts
it.
"""

import gc
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

PLACES = ('auto', 'env', 'docker', 'embedded')
IMAGE = 'apache/kafka:4.4.0'


@dataclass(frozen=True)
class Kafka:
    """A running Kafka: its address, and the environment in which this library finds it."""

    bootstrap_servers: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """Where Kafka is going to come from, and why."""

    place: str
    why: str
    image: str = IMAGE
    given: dict[str, str] = field(default_factory=dict)
    missing: str = ''
    forced: bool = True


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without settings of this library.

    So that no developer's own Kafka is met by accident.
    """
    return {name: value for name, value in environ.items() if not name.startswith('KAFKA_')} | {
        'WORKSHOP_ENV_FILE': ''
    }


def choose(wanted: str, environ: Mapping[str, str]) -> Choice:
    """Decide where Kafka comes from.

    Args:
        wanted: one of PLACES; a place that is forced and missing gives a Choice with `missing` set.
        environ: the environment pytest was started in.
    """
    given = {name: value for name, value in environ.items() if name.startswith('KAFKA_')}
    image = environ.get('WORKSHOP_KAFKA_IMAGE', IMAGE)
    servers = given.get('KAFKA_BOOTSTRAP_SERVERS', '')
    why = 'auto' if wanted == 'auto' else f'--kafka={wanted}'
    if wanted == 'env' or (wanted == 'auto' and servers):
        missing = (
            ''
            if servers
            else 'KAFKA_BOOTSTRAP_SERVERS is not set: set it, or leave --kafka=env out.'
        )
        return Choice(
            'env', f'KAFKA_BOOTSTRAP_SERVERS={servers} ({why})', given=given, missing=missing
        )
    if wanted in ('auto', 'docker'):
        trouble = _engine_trouble()
        if wanted == 'docker' or not trouble:
            missing = (
                f'No Docker engine answers ({trouble}): start one, or leave --kafka=docker out.'
                if trouble
                else ''
            )
            return Choice(
                'docker',
                f'Docker testcontainer of {image} ({why})',
                image=image,
                missing=missing,
                forced=wanted == 'docker',
            )
    return Choice('embedded', f'the embedded broker ({why})')


@contextmanager
def started(choice: Choice, notes: list[str]) -> Iterator[Kafka]:
    """Start the chosen Kafka, and end it afterwards.

    What came otherwise than chosen is added to `notes`.
    """
    if choice.missing and os.environ.get('CI'):
        pytest.fail(choice.missing, pytrace=False)
    elif choice.missing:
        pytest.skip(choice.missing)
    elif choice.place == 'env':
        yield Kafka(choice.given['KAFKA_BOOTSTRAP_SERVERS'], choice.given)
    else:
        with _own(choice, notes) as servers:
            yield Kafka(servers, {'KAFKA_BOOTSTRAP_SERVERS': servers})


@contextmanager
def _own(choice: Choice, notes: list[str]) -> Iterator[str]:
    if choice.place == 'docker':
        import docker

        from tests.support.kafka_container import KafkaContainer

        container = KafkaContainer(choice.image)
        try:
            container.start()
        except docker.errors.APIError as error:
            container.stop()
            if choice.forced:
                raise
            notes.append(
                f'The embedded broker was used: Docker has no image {choice.image} '
                f'({error.explanation}).'
            )
        except BaseException:
            container.stop()
            raise
        else:
            try:
                yield container.bootstrap_servers
            finally:
                container.stop()
            return
    from broker import Broker

    with Broker() as broker:
        yield broker.bootstrap_servers


def _engine_trouble() -> str:
    try:
        import docker
    except ImportError:  # of what a learner's own tests need, it is no part
        return 'its Python package is not installed'

    with warnings.catch_warnings():
        warnings.simplefilter(
            'ignore', ResourceWarning
        )  # a client that cannot be built leaves its socket to the collector
        try:
            client = docker.from_env(timeout=3)
            client.close()
        except (docker.errors.DockerException, OSError) as error:
            return type(error).__name__
        finally:
            gc.collect()
    return ''
