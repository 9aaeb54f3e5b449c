"""How long a loop tries again: growing pauses, one reminder a minute, and never for ever."""

import logging
import threading
from typing import Any

import kafka.errors
import pytest

from errors import AccessError, ChatError, SettingsError, UnreachableError
from processing.patience import Patience


class Pauses(threading.Event):
    """Moves a made-up clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        self.now += timeout or 0.0
        return False


def test_pauses_grow_and_trouble_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """From a tenth of a second to a second; two minutes of trouble are three lines."""
    pauses = Pauses()
    patience = Patience(pauses, clock=lambda: pauses.now)
    with caplog.at_level(logging.WARNING):
        while pauses.now < 121:
            patience.wait(kafka.errors.KafkaTimeoutError('no answer'), 'throttle')
    assert pauses.seconds[:6] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert [record.getMessage() for record in caplog.records] == [
        'throttle: nothing was committed (KafkaTimeoutError: no answer). It is tried again.'
    ] * 3
    patience.succeed()
    patience.wait(kafka.errors.CommitFailedError(), 'throttle')
    assert pauses.seconds[-1] == 0.1


@pytest.mark.parametrize(
    'error',
    [
        kafka.errors.NotLeaderForPartitionError(),
        kafka.errors.KafkaConnectionError('lost'),
        kafka.errors.ProducerFencedError(),
        kafka.errors.CommitFailedError(),
        kafka.errors.NotEnoughReplicasError(),
        UnreachableError('nobody there'),
    ],
)
def test_what_waiting_can_mend_is_tried_for_ever(error: Exception) -> None:
    """Retriable errors, time-outs, lost connections, fencing, failed commits."""
    pauses = Pauses()
    patience = Patience(pauses, clock=lambda: pauses.now)
    for _ in range(2000):
        patience.wait(error, 'throttle')


@pytest.mark.parametrize(
    ('error', 'kind', 'says'),
    [
        (kafka.errors.UnsupportedVersionError(), SettingsError, 'UNSUPPORTED_VERSION'),
        (kafka.errors.InvalidTopicError('a/b'), AccessError, 'INVALID_TOPIC_EXCEPTION'),
        (kafka.errors.UnknownError(), ChatError, 'UNKNOWN_SERVER_ERROR'),
        (
            kafka.errors.KafkaError('Unexpected: [Error 50] InvalidTransactionTimeoutError'),
            SettingsError,
            'INVALID_TRANSACTION_TIMEOUT',
        ),
        (
            kafka.errors.KafkaError({'a': kafka.errors.InvalidTopicError}),
            AccessError,
            'INVALID_TOPIC_EXCEPTION',
        ),
    ],
)
def test_what_waiting_cannot_mend_ends_at_once(error: Exception, kind: Any, says: str) -> None:
    """With Kafka's own name, also where kafka-python hides it in another error."""
    with pytest.raises(kind, match=says):
        Patience(threading.Event()).wait(error, 'throttle')


def test_what_does_not_tell_its_cause_is_not_tried_for_ever() -> None:
    """A bare KafkaError may be a client that is confused, or anything."""
    pauses = Pauses()
    patience = Patience(pauses, clock=lambda: pauses.now)
    for _ in range(10):
        patience.wait(kafka.errors.KafkaError('invalid transition'), 'throttle')
    with pytest.raises(ChatError, match='invalid transition'):
        patience.wait(kafka.errors.KafkaError('invalid transition'), 'throttle')
