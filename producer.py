"""Send messages (walkthrough step 1).

``send_msg`` hands a message to the client and returns at once with a promise: kafka-python's own future. There is one
producer a process, made at the first send, shared by all threads, made anew after a fork, flushed and closed at exit.

The one idea to take away: sending is asynchronous. The promise is kept when every replica that must have the message
has it (acks=all), and idempotence keeps a retry from writing it twice.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import kafka.errors

import settings
from client import send_errors, tuning, workarounds
from connection import diagnosis
from errors import AccessError, DeliveryError
from schemas import encode, validate

__all__ = ['close', 'flush', 'get_producer', 'send_msg', 'send_raw']

log = logging.getLogger(__name__)


class _State:
    """What this process knows about its producer."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.pid = os.getpid()
        self.producer: Any = None
        self.flow: tuning.Flow | None = None
        self.topics: dict[str, str] = {}
        self.lost = 0

    def note_failure(self, error: BaseException) -> None:
        """Count a message that was not delivered; a producer that is spent by it is used no more."""
        if not self.lost:
            log.warning('a message was not delivered: %s (more of them are only counted)', error)
        self.lost += 1
        if self.producer is not None and tuning.is_spent(self.producer):
            tuning.abandon(self.producer)
            self.producer, self.flow = None, None


_state = _State()


def get_producer() -> Any:
    """This process's KafkaProducer, made at the first call.

    Raises:
        UnreachableError: no Kafka there, within 5 s; it names the address, the cause and the way out.
        SettingsError: a setting is wrong.
    """
    return _get_flow().producer


def _get_flow() -> tuning.Flow:
    if _state.flow is not None and _state.pid == os.getpid():
        return _state.flow
    return _begin(
        settings.client_options('producer', partitioner=tuning.KeyPartitioner()), knock=True
    )


def _begin(options: settings.Options, knock: bool) -> tuning.Flow:
    with _state.lock:
        if _state.flow is None:
            made = tuning.make_producer(options, knock)
            _state.flow = tuning.Flow(made, lingers='linger_ms' not in options)
            _state.producer = made
            atexit.register(close)
        return _state.flow


def _forget_after_fork() -> None:
    """A producer's thread and sockets do not survive a fork: leave it to the parent, and make another when asked."""
    global _state
    abandoned = _state.producer
    if abandoned is not None:
        tuning.abandon(abandoned)
        atexit.unregister(close)
    _state = _State()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forget_after_fork)


def send_msg(
    topic: str,
    value: Any,
    key: str | bytes | None = None,
    *,
    block: bool = False,
    timeout: float = 10.0,
    headers: Sequence[tuple[str, bytes]] | None = None,
    timestamp: float | None = None,
    schema: Any = None,
) -> Any:
    """Send a message, and return a promise of it.

    Args:
        topic: where to; Kafka creates it if it may.
        value: any JSON value, such as ``{'sender': 'red', 'contents': 'hello'}``.
        key: messages of one key stay in order on one partition. None takes the value's ``sender``, if it has one.
        block: wait until Kafka has acknowledged, and raise if it does not.
        timeout: seconds to wait with ``block``.
        headers: pairs of name and bytes.
        timestamp: the record's time in seconds since 1970; None is now.
        schema: a TypedDict to check the value against, such as ``schemas.HumanMessage``.

    Returns:
        kafka-python's future: ``succeeded()``, ``failed()``, ``get(timeout=...)``, ``add_callback``, ``exception``.

    Raises:
        MessageError: the value, key, topic or a header cannot be sent; nothing reached the wire.
        UnreachableError: no Kafka there.
        AccessError: no right to write to the topic, or it is not there and Kafka creates none.
        DeliveryError: with ``block``, Kafka refused the message or did not acknowledge it in time.

    >>> promise = send_msg(topic='human-messages', key='red', value={'some': 'dict'})
    >>> promise.get(timeout=10).topic
    'human-messages'
    """
    if block:
        send_errors.check_patience(timeout)
    data = encode(value)
    if schema is not None:
        validate(value, schema)
    if key is None and isinstance(value, dict):
        sender = value.get('sender')
        key = sender if isinstance(sender, str) else None
    state = _state
    wire_topic = state.topics.get(topic) if isinstance(topic, str) else None
    if wire_topic is None:
        wire_topic = _meet(topic)
    flow = state.flow or _get_flow()
    try:
        flow.admit(len(data), block)
        when = None if timestamp is None else send_errors.milliseconds(timestamp)
        future = flow.send(
            wire_topic, data, key.encode() if isinstance(key, str) else key, headers, when
        )
    except kafka.errors.KafkaTimeoutError as error:
        raise send_errors.unanswered(topic, error) from error
    except (TypeError, ValueError, OverflowError, kafka.errors.MessageSizeTooLargeError) as error:
        raise send_errors.unfit(key, data, headers, timestamp, error) from error
    except kafka.errors.IllegalStateError:  # another thread has just closed the producer
        with state.lock:
            if state.flow is flow:
                state.flow = state.producer = None
        return send_msg(
            topic, value, key, block=block, timeout=timeout, headers=headers, timestamp=timestamp
        )
    future.add_errback(state.note_failure)
    if block:
        send_errors.wait(future, topic, timeout)
    return future


def send_raw(
    topic: str,
    value: bytes | None,
    key: bytes | None,
    headers: Any = (),
    timestamp_ms: int | None = None,
) -> Any:
    """Send bytes as they are, by this process's producer, to a topic with its prefix; returns the client's future."""
    producer, state = get_producer(), _state
    future = producer.send(topic, value, key, list(headers), timestamp_ms=timestamp_ms)
    future.add_errback(state.note_failure)
    return future


def _meet(topic: Any) -> str:
    """Before the first message to a topic: be sure that Kafka lets us write to it. One walk serves the topic and a new producer."""
    send_errors.check_topic(topic)
    wire_topic = settings.topic_name(topic)
    options = settings.client_options('producer', partitioner=tuning.KeyPartitioner())
    try:
        diagnosis.require_access(options, [wire_topic], 'write')
    except AccessError:
        _begin(
            options, knock=False
        )  # settings that do not fit together are told before a right that is missing
        raise
    _begin(options, knock=False)
    _state.topics[topic] = wire_topic
    return wire_topic


def flush(timeout: float = 10.0) -> None:
    """Wait until everything sent so far has been acknowledged or has failed.

    Args:
        timeout: seconds.

    Raises:
        DeliveryError: says how many messages are still under way.
    """
    producer = _state.producer
    if producer is None or _state.pid != os.getpid():
        return
    try:
        producer.flush(timeout=timeout)
    except kafka.errors.KafkaTimeoutError as error:
        raise DeliveryError(
            f'{tuning.pending(producer)} messages not acknowledged after {timeout:g} s. They are still being tried.'
        ) from error


def close(timeout: float = 10.0) -> None:
    """Flush, close this process's producer, and say on stderr what could not be delivered. The next send makes another.

    Args:
        timeout: seconds to wait for acknowledgements.
    """
    global _state
    with _state.lock:
        state, _state = _state, _State()
        atexit.unregister(close)
    lost = state.lost
    if state.producer is not None:
        with contextlib.suppress(kafka.errors.KafkaTimeoutError):
            state.producer.flush(timeout=timeout)
        lost = state.lost + tuning.pending(state.producer)
        workarounds.close(state.producer)
    if lost:
        print(
            f'{lost} message(s) could not be delivered: Kafka did not acknowledge them.',
            file=sys.stderr,
        )
