"""Batches that cannot be unpacked: the same clear error at once, in every loop and service."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import kafka.codec
import kafka.record.default_records
import pytest
from kafka import KafkaProducer, TopicPartition

from alerts import OffensiveContentAlertService
from errors import UnreadableError
from producer import send_msg
from services import Service
from settings import client_options
from tests.support.reading import Get, readers
from tests.support.testkafka import Kafka

pytestmark = pytest.mark.client

ROOT = Path(__file__).parents[2]
CODECS = ('gzip', 'snappy', 'lz4', 'zstd')
WORDS = {'sender': 'red', 'contents': 'crap ' * 300}  # long enough to become shorter


@pytest.fixture
def get(kafka: Kafka) -> Iterator[Get]:
    """get_consumer, whose consumers are closed after the test."""
    with readers() as get:
        yield get


def send_compressed(topic: str, codec: str) -> int:
    """Send one record as another client would; returns its offset."""
    options = client_options('producer', compression_type=codec)
    with closing(KafkaProducer(**options)) as other:
        value = str(WORDS).replace("'", '"').encode()
        return int(other.send(topic, value).get(10).offset)


@pytest.mark.parametrize('codec', CODECS)
def test_every_codec_is_read(topic: str, get: Get, codec: str) -> None:
    """What another client, the topic or the broker has compressed is read."""
    send_msg(topic, 'before', block=True)
    send_compressed(topic, codec)
    send_msg(topic, 'after', block=True)
    found = [msg.value for msg in get(topic, offset='earliest', timeout=1.0)]
    assert found == ['before', WORDS, 'after']


def lose_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on zstd is not installed in this process."""
    monkeypatch.setattr(kafka.codec, 'has_zstd', lambda: False)


def damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on what is compressed does not unpack."""

    def decode(_: bytes) -> bytes:
        raise ValueError('Zstd decompress error')

    monkeypatch.setattr(kafka.record.default_records, 'zstd_decode', decode)


@pytest.mark.parametrize(
    ('spoil', 'said'), [(lose_codec, 'zstd'), (damage, 'Zstd decompress error')]
)
def test_every_loop_raises_the_same_error_at_once(
    topic: str, get: Get, spoil: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands before is given; then each loop raises with topic, partition, offset and cure."""
    send_msg(topic, 'before', block=True)
    bad = send_compressed(topic, 'zstd')
    send_msg(topic, 'after', block=True)
    spoil(monkeypatch)
    c = get(topic, offset='earliest', timeout=30.0)
    found = []
    with pytest.raises(UnreadableError, match=said):
        found += [next(c).value, next(c).value]
    assert [*found, *[None] * (1 - len(found))] in (['before'], [None])
    for use in (lambda: list(c), lambda: next(c), lambda: c.poll(1000)):
        began = time.monotonic()
        with pytest.raises(UnreadableError) as error:
            use()
        assert time.monotonic() - began < 15.0  # not the loop's timeout
        text = str(error.value)
        assert topic in text
        assert f'offset {bad}' in text
        assert 'partition 0' in text
        assert 'pip install' in text or 'seek' in text
    c.seek(TopicPartition(topic, 0), bad + 1)
    assert next(c).value == 'after'


class Count(Service):
    """Does nothing with a record."""

    def on_message(self, record: Any) -> None:
        pass


def test_a_service_ends_with_the_error(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A durable alert service and a service in a group end at once, and say why."""
    send_compressed(topic, 'zstd')
    lose_codec(monkeypatch)
    durable = OffensiveContentAlertService(topic, f'{topic}-alerts', f'{topic}-d', 'earliest')
    with pytest.raises(UnreadableError, match='zstd'):
        durable.monitor(print_msgs=False)
    with pytest.raises(UnreadableError, match='zstd'):
        Count(topic, group_id=f'{topic}-s', offset='earliest').run(timeout=20.0)


def test_the_codecs_are_installed_with_what_a_learner_installs() -> None:
    """requirements.txt brings all four."""
    check = 'from kafka import codec; print(codec.has_lz4(), codec.has_snappy(), codec.has_zstd())'
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', check], capture_output=True)
    assert run.stdout.split() == [b'True'] * 3
    needed = (ROOT / 'requirements.txt').read_text(encoding='utf-8')
    assert all(f'\n{name}>=' in needed for name in ('lz4', 'python-snappy', 'zstandard'))
