"""A record that cannot be read is passed by whatever its size: its letter fits, and says so."""

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka.consumer.fetcher import ConsumerRecord
from kafka.record.default_records import DefaultRecordBatchBuilder

from alerts import OffensiveContentAlertService
from client.consumer_loop import LargeSteps
from client.dead_letters import Forwarder
from producer import send_msg, send_raw
from schemas import HumanMessage, Malformed
from tests.support.brokers import eventually
from tests.support.logread import records
from tests.support.reading import Get, readers

pytestmark = pytest.mark.client

MakeTopic = Callable[..., str]
WORDS = {'sender': 'red', 'contents': 'damn'}
SMALL = b'no json'
# Value, key and headers of a record that its topic takes and that leaves no room for our headers.
LARGE = {
    'value': (b'?' * 1_048_000, b'k', [('trace', b'1')]),
    'key': (SMALL, b'k' * 1_048_000, [('trace', b'1')]),
    'header': (SMALL, b'k', [('trace', b'1'), ('large', b'h' * 1_047_900), ('trace', b'2')]),
    'headers': (SMALL, b'k', [('trace', b'1' * 100)] * 9_690),
    'name': (SMALL, b'k', [('trace', b'1'), ('n' * 1_047_900, b'h')]),
    'all': (b'?' * 400_000, b'k' * 300_000, [('large', b'h' * 300_000)]),
    'tombstone': (None, b'k' * 1_048_000, []),
}


@pytest.fixture
def get(kafka: Any) -> Iterator[Get]:
    """get_consumer, whose consumers are closed after the test."""
    with readers() as get:
        yield get


@pytest.fixture
def large(make_topic: MakeTopic) -> str:
    """A topic with all of them, and a message before and after each."""
    topic = make_topic()
    for value, key, headers in LARGE.values():
        send_msg(topic, WORDS)
        send_raw(topic, value, key, headers)
    send_msg(topic, WORDS, block=True)
    return topic


def check(dead: str) -> None:
    """The letters are there once each, in order, within the limit, and say what was cut."""
    letters = records(dead, isolation_level='read_committed')
    assert len(letters) == len(LARGE)
    for letter, (name, (value, key, headers)) in zip(letters, LARGE.items(), strict=True):
        said = {header: data for header, data in letter.headers if header.startswith('dead-letter')}
        cut = {header.removeprefix('dead-letter-') for header in said if '-cut' in header}
        expected = {'cut': value, 'cut-key': key, 'cut-headers': headers}
        if name in ('value', 'key', 'header', 'headers', 'name'):
            wanted = {'value': 'cut', 'key': 'cut-key'}.get(name, 'cut-headers')
            assert cut == {wanted}
        assert cut, name
        if 'cut' in cut:
            assert said['dead-letter-cut'] == b'%d' % len(value or b'')
        if 'cut-key' in cut:
            assert said['dead-letter-cut-key'] == b'%d' % len(key)
        rest = [each for each in letter.headers if not each[0].startswith('dead-letter')]
        assert rest == headers[: len(rest)]
        if 'cut-headers' in cut:
            kept = f'{len(rest)} of {len(headers)} kept'
            assert said['dead-letter-cut-headers'] == kept.encode()
        assert (value or b'').startswith(letter.value or b'')
        assert key.startswith(letter.key)
        whole = {'cut': letter.value, 'cut-key': letter.key, 'cut-headers': rest}
        assert {part for part in whole if whole[part] != expected[part]} == cut


def test_a_loop_passes_large_records_by(large: str, get: Get) -> None:
    """Large as a value, a key, or headers: the loop gives what is around them, and goes on."""
    dead = f'{large}.dead'
    c = get(large, offset='earliest', schema=HumanMessage, dead_letter_topic=dead, timeout=1.0)
    assert [msg.value for msg in c] == [WORDS] * (len(LARGE) + 1)
    check(dead)


@pytest.mark.parametrize('group', [None, 'durable'], ids=['view', 'group'])
def test_a_service_passes_large_records_by(large: str, group: str | None) -> None:
    """The same for alert services, with each letter once."""
    service = OffensiveContentAlertService(
        large, f'{large}.alerts', group and large, 'earliest', dead_letter_topic=f'{large}.dead'
    )
    assert service.run(timeout=1.0) == len(LARGE) + 1
    assert len(records(f'{large}.alerts', isolation_level='read_committed')) == len(LARGE) + 1
    check(f'{large}.dead')


@pytest.mark.parametrize('limit', [2000, 30_000, 900_000, 1_100_000])
def test_a_letter_fits_into_a_request(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Whatever is large, no letter is larger than max_request_size, nor than what topics take.

    What fits is not cut.
    """
    monkeypatch.setenv('KAFKA_MAX_REQUEST_SIZE', str(limit))
    forwarder = Forwarder('dead')
    sizes = (0, 100, limit // 5, limit // 2, limit, 2 * limit)
    for value, key, header in itertools.product(map(bytes, sizes), repeat=3):
        headers = [('a', b'1'), ('h', header)]
        bad = unreadable(Malformed(value, 'why ' * limit), key, headers)
        letter = forwarder.letter(bad)
        parts = (letter['key'], letter['value'], letter['headers'])
        size = DefaultRecordBatchBuilder.estimate_size_in_bytes(*parts)
        assert size <= min(limit, 1_000_000)
        is_cut = any(name.startswith('dead-letter-cut') for name, _ in letter['headers'])
        assert is_cut != (parts[:2] == (key, value) and parts[2][:2] == headers)
        if len(value) + len(key) + len(header) < min(limit, 1_000_000) - 1800:
            assert not is_cut


@pytest.mark.parametrize('timestamp', [-1, 0, 1_700_000_000_123, 2**62])
def test_a_letter_says_when_its_original_was(timestamp: int) -> None:
    """In milliseconds, and as a date where a calendar has one."""
    letter = Forwarder('dead').letter(unreadable(Malformed(b'?', 'why'), None, [], timestamp))
    said = dict(letter['headers'])
    assert said['dead-letter-original-timestamp'] == b'%d' % timestamp
    dates = {
        0: b'1970-01-01T00:00:00.000+00:00',
        1_700_000_000_123: b'2023-11-14T22:13:20.123+00:00',
    }
    assert said.get('dead-letter-original-time') == dates.get(timestamp)


def unreadable(value: Malformed, key: Any, headers: list[Any], timestamp: int = 0) -> Any:
    """A record as a reader gives it."""
    empty = dict.fromkeys(ConsumerRecord._fields)
    known = {'topic': 't', 'partition': 0, 'offset': 0, 'timestamp': timestamp}
    return ConsumerRecord(**empty | known | {'value': value, 'key': key, 'headers': headers})


def test_all_letters_of_a_poll_are_sent_before_one_is_waited_for(topic: str) -> None:
    """Forwarding a hundred takes one round trip, not a hundred."""
    sent: list[Any] = []

    class Promise:
        def __init__(self, promise: Any) -> None:
            self._promise = promise

        @property
        def is_done(self) -> bool:
            done: bool = self._promise.is_done
            return done

        def get(self, timeout: float) -> Any:
            assert len(sent) == 100
            return self._promise.get(timeout)

    def send(**letter: Any) -> Promise:
        promise = Promise(send_raw(**letter))
        sent.append(promise)
        return promise

    bad = [unreadable(Malformed(b'%d' % number, 'why'), b'k', []) for number in range(100)]
    Forwarder(topic, send=send).forward_all(bad)
    assert [record.value for record in records(topic)] == [b'%d' % number for number in range(100)]


def test_a_loop_forwards_all_of_a_poll_at_once(topic: str, get: Get) -> None:
    """Hundreds that cannot be read are a few round trips; the producer goes with the consumer."""
    if LargeSteps.is_switched_off():
        pytest.skip('records come one by one without large steps, and so do their letters')
    for number in range(400):
        send_raw(topic, b'no json %d' % number, b'k', [])
    send_msg(topic, WORDS, block=True)
    calls: list[int] = []
    before = threading.active_count()
    c = get(topic, offset='earliest', dead_letter_topic=f'{topic}.dead')
    forward = c.on_malformed

    def count(bad: list[Any]) -> None:
        calls.append(len(bad))
        forward(bad)

    c.on_malformed = count
    assert next(c).value == WORDS
    c.close()
    assert sum(calls) == len(records(f'{topic}.dead')) == 400
    assert len(calls) <= 5
    eventually(lambda: threading.active_count() <= before)
