"""What Kafka refuses for good fails alone, at once, with the cause and the way out."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import kafka.errors
import pytest

import producer
from client.refused_records import RefusedRecords, RefusedSequences
from errors import AccessError, DeliveryError
from producer import send_msg
from tests.support.logread import records, values
from tests.support.plain import skip_without

pytestmark = pytest.mark.client

SAID = {'sender': 'red', 'contents': 'x'}
NEAR = {'message.timestamp.before.max.ms': '60000'}
REFUSALS: dict[str, tuple[dict[str, str], Any, dict[str, Any], str]] = {
    'ahead': ({}, SAID, {'timestamp': time.time() + 7200}, 'INVALID_TIMESTAMP.*after.max.ms'),
    'past': (NEAR, SAID, {'timestamp': 1e9}, 'Timestamp 1000000000000.*INVALID_TIMESTAMP'),
    'no-key': ({'cleanup.policy': 'compact'}, {'some': 'dict'}, {}, 'INVALID_RECORD.*key='),
    'large': ({'max.message.bytes': '5000'}, {'sender': 'red', 'c': 'x' * 9000}, {}, 'TOO_LARGE'),
}


@pytest.mark.parametrize(
    ('case', 'codec'),
    [*((case, '') for case in REFUSALS), ('ahead', 'gzip'), ('past', 'gzip'), ('no-key', 'gzip')],
)
def test_a_refused_message_takes_no_other_along(
    case: str, codec: str, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three refused ones among a hundred fail, each for its own reason; the others arrive once."""
    skip_without(RefusedRecords)
    skip_without(RefusedSequences)
    config, value, options, says = REFUSALS[case]
    if codec:
        monkeypatch.setenv('KAFKA_COMPRESSION_TYPE', codec)
    monkeypatch.setenv('KAFKA_LINGER_MS', '200')  # so that they share batches
    topic, other = make_topic(**config), make_topic()
    promises = [
        send_msg(topic, value, **options)
        if number in {0, 50, 99}
        else send_msg(topic, number, key='red')
        for number in range(100)
    ]
    beside = [send_msg(other, number) for number in range(10)]
    producer.flush()
    failed = [number for number, promise in enumerate(promises) if promise.failed()]
    assert failed == [0, 50, 99]
    assert all(promise.succeeded() for promise in beside)
    found = {promise.value.offset: n for n, promise in enumerate(promises) if promise.succeeded()}
    assert values(topic) == [number for number in range(100) if number not in failed]
    assert [found[record.offset] for record in records(topic)] == values(topic)
    began = time.monotonic()
    with pytest.raises(DeliveryError, match=says) as caught:
        send_msg(topic, value, **options, block=True)
    assert time.monotonic() - began < 3
    assert 'Send it again' not in str(caught.value)
    assert type(promises[50].exception) is type(caught.value.__cause__)


@pytest.mark.parametrize('case', REFUSALS)
def test_what_was_refused_is_told_with_its_cure(
    case: str, make_topic: Callable[..., str], capfd: Any
) -> None:
    """Kafka's name of the error and what to do stand in the message; the loss is counted."""
    config, value, options, says = REFUSALS[case]
    topic = make_topic(**config)
    with pytest.raises(DeliveryError, match=says) as caught:
        send_msg(topic, value, **options, block=True)
    assert 'Send it again' not in str(caught.value)
    send_msg(topic, 'after', key='red', block=True)
    assert values(topic) == ['after']
    producer.close()
    assert '1 message(s) could not be delivered' in capfd.readouterr().err


@pytest.mark.parametrize(('there', 'wanted'), [('a.{}', 'a_{}'), ('a_b_{}', 'a.b.{}')])
def test_names_that_collide_are_told(kafka: Any, there: str, wanted: str) -> None:
    """'a_b' cannot be created beside 'a.b': the error names the topic that is in the way."""
    name = secrets.token_hex(4)
    there, wanted = there.format(name), wanted.format(name)
    send_msg(there, SAID, block=True)
    began = time.monotonic()
    with pytest.raises(AccessError, match=rf"'{there}' is there.*INVALID_TOPIC_EXCEPTION"):
        send_msg(wanted, SAID, block=True)
    assert time.monotonic() - began < 2


def test_other_refusals_are_not_said_to_be_worth_another_try(topic: str) -> None:
    """A cure depends on the error: what Kafka refuses for good is not sent again."""
    from client.send_errors import cure

    assert 'refused again' in cure(kafka.errors.PolicyViolationError('no'))
    assert cure(kafka.errors.KafkaTimeoutError('late')) == 'Send it again.'
    assert cure(kafka.errors.NotEnoughReplicasError('few')) == 'Send it again.'
