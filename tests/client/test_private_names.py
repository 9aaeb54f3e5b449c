"""What reaches beneath kafka-python looks before it leaps, and can be switched off."""

import contextlib
import importlib
import logging
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import client
from client import private_names
from client.private_names import Acceleration, PrivateNames, Workaround
from client.transactions import TransactionalProducer
from consumer import get_consumer
from producer import send_msg
from tests.support.testkafka import Kafka


class Buffer:
    """Stands for a part of a client."""

    def __init__(self) -> None:
        self.config = {'linger_ms': 0}

    def append(self, key: bytes, value: bytes, now: float | None = None) -> None:
        """Takes a message."""


class Client:
    """Stands for a client."""

    def __init__(self) -> None:
        self._buffer: Any = Buffer()


UPSTREAM = Path(__file__).parents[2] / 'docs' / 'upstream.md'


def every(kind: type[PrivateNames]) -> Iterator[type[PrivateNames]]:
    """All accelerations and workarounds of the library."""
    for module in pkgutil.iter_modules(client.__path__, 'client.'):
        importlib.import_module(module.name)
    for each in kind.__subclasses__():
        if each.__module__.startswith('client.') and each not in (Acceleration, Workaround):
            yield each
        yield from every(each)


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_names, '_told', set())
    monkeypatch.delenv('WORKSHOP_PLAIN_CLIENT', raising=False)


@pytest.mark.parametrize(
    ('need', 'why'),
    [
        ('_buffer', ''),
        ('_buffer.config: dict', ''),
        ('_buffer.append(key, value)', ''),
        ('_buffer.append(key, value, now)', ''),
        ('kafka.record.util.decode_varint(buffer, pos)', ''),
        ('kafka.record.util.decode', "kafka-python has no 'kafka.record.util.decode'"),
        ('kafka.records.util.decode', "kafka-python has no 'kafka.records.util.decode'"),
        ('_queue', "kafka-python has no 'Client._queue'"),
        ('_buffer.add', "kafka-python has no 'Buffer.add'"),
        ('_buffer.config: list', '_buffer.config is a dict, not a list'),
        ('_buffer.append(key)', '_buffer.append cannot be called as (key)'),
        ('_buffer.append(value, key)', '_buffer.append cannot be called as (value, key)'),
        ('_buffer.config()', '_buffer.config cannot be called as ()'),
    ],
)
def test_a_private_name_that_moved_switches_off_what_needs_it(
    need: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that is missing or has another shape is told in one debug line, and nothing raises."""
    caplog.set_level(logging.DEBUG, logger='client.private_names')
    needed = need

    class Quick(Acceleration):
        """Quick."""

        name = 'quick'
        needs = (needed,)

    assert [Quick.is_on(Client()) for _ in range(3)] == [not why] * 3
    assert Quick.why_off(Client()) == why
    lines = [record.getMessage() for record in caplog.records]
    assert lines == ([f"the acceleration 'quick' is off: {why}"] if why else [])


@pytest.mark.parametrize(
    ('switch', 'on'),
    [('', True), ('0', True), ('1', False), ('mended', False), ('quick, mended', False)],
)
def test_one_environment_variable_switches_all_off_or_some(
    switch: str, on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WORKSHOP_PLAIN_CLIENT=1 is the plain client; names leave out only those that are named."""
    monkeypatch.setenv('WORKSHOP_PLAIN_CLIENT', switch)

    class Mended(Workaround):
        """Mended."""

        name = 'mended'
        promise = 'it works'

    class Other(Acceleration):
        """Another one."""

        name = 'other'

    assert Mended.is_on(Client()) is on
    assert Other.is_on(Client()) is (switch != '1')


@pytest.mark.parametrize('kind', [Acceleration, Workaround])
def test_each_one_says_what_it_is_for(kind: type[PrivateNames]) -> None:
    """Each has a name of its own and a docstring; a workaround names the promise it keeps."""
    found = list(every(kind))
    assert found
    assert len({each.name for each in found} - {''}) == len(found)
    for each in found:
        assert each.__doc__
        assert each.needs, f'{each.name} needs no private name, so it is none'
        if issubclass(each, Workaround):
            assert each.promise, f'{each.name} does not say which promise falls without it'
            reported = f'## `{each.name}`' in UPSTREAM.read_text()
            assert reported or not each.name, f'{UPSTREAM.name} does not say what to report'


def test_on_the_pinned_kafka_python_all_of_them_are_on(
    kafka: Kafka, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """None is off without a word: a wrong name in `needs` would go unnoticed, only slower."""
    caplog.set_level(logging.DEBUG, logger=private_names.__name__)
    send_msg(topic, 'hello', block=True)
    with contextlib.closing(get_consumer(topic, group_id=f'{topic}-group')):
        pass
    with contextlib.closing(TransactionalProducer(f'{topic}-id')):
        pass
    said = [each.getMessage() for each in caplog.records if each.name == private_names.__name__]
    assert said == []
