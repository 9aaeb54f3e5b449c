"""Send messages (walkthrough step 1).

``send_msg`` hands a message to the client and returns at once with a promise: kafka-python's own future. There is one
producer a process, made at the first send, shared by all threads, made anew after a fork, flushed and closed at exit.

The one idea to take away: sending is asynchronous. The promise is kept when every replica that must have the message
has it (acks=all), and idempotence keeps a retry from writing it twice.
"""

import atexit
import logging
import os
import re
import sys
import threading
from collections.abc import Sequence
from typing import Any

import kafka.errors

import clients
import diagnosis
import repairs
import settings
from errors import AccessError, DeliveryError, MessageError, UnreachableError
from schemas import encode, validate

__all__ = ['close', 'flush', 'get_producer', 'send_msg']

log = logging.getLogger(__name__)

TOPIC_NAME = re.compile(r'(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}')  # Kafka's own rule (org.apache.kafka.common.internals.Topic)


class _State:
    """What this process knows about its producer."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.pid = os.getpid()
        self.producer: Any = None
        self.flow: clients.Flow | None = None
        self.topics: dict[str, str] = {}
        self.lost = 0


_state = _State()


def get_producer() -> Any:
    """This process's KafkaProducer, made at the first call.

    Raises:
        UnreachableError: no Kafka there, within 5 s; it names the address, the cause and the way out.
        SettingsError: a setting is wrong.
    """
    return _get_flow().producer


def _get_flow() -> clients.Flow:
    if _state.flow is not None and _state.pid == os.getpid():
        return _state.flow
    return _begin(settings.client_options('producer', partitioner=clients.KeyPartitioner()), knock=True)


def _begin(options: settings.Options, knock: bool) -> clients.Flow:
    with _state.lock:
        if _state.flow is None:
            made = clients.make_producer(options, knock)
            _state.flow = clients.Flow(made, lingers='linger_ms' not in options)
            _state.producer = made
            atexit.register(close)
        return _state.flow


def _forget_after_fork() -> None:
    """A producer's thread and sockets do not survive a fork: leave it to the parent, and make another when asked."""
    global _state
    abandoned = _state.producer
    if abandoned is not None:
        clients.abandon(abandoned)
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
        when = None if timestamp is None else int(timestamp * 1000)
        future = flow.send(wire_topic, data, key.encode() if isinstance(key, str) else key, headers, when)
    except kafka.errors.KafkaTimeoutError as error:
        raise _unanswered(topic, error) from error
    except (TypeError, ValueError, OverflowError, kafka.errors.MessageSizeTooLargeError) as error:
        raise _refused(key, data, headers, timestamp, error) from error
    future.add_errback(_note_failure)
    if block:
        _wait(future, topic, timeout)
    return future


def _meet(topic: Any) -> str:
    """Before the first message to a topic: be sure that Kafka lets us write to it. One walk serves the topic and a new producer."""
    if not isinstance(topic, str) or not TOPIC_NAME.fullmatch(topic):
        raise MessageError(f'{topic!r} is no topic name. Use 1 to 249 letters, digits, dots, underscores and hyphens: human-messages.')
    wire_topic = settings.topic_name(topic)
    options = settings.client_options('producer', partitioner=clients.KeyPartitioner())
    try:
        diagnosis.require_access(options, [wire_topic], 'write')
    except AccessError:
        _begin(options, knock=False)  # settings that do not fit together are told before a right that is missing
        raise
    _begin(options, knock=False)
    _state.topics[topic] = wire_topic
    return wire_topic


def _refused(key: Any, data: bytes, headers: Any, timestamp: Any, error: Exception) -> MessageError:
    if isinstance(error, kafka.errors.MessageSizeTooLargeError):
        limit = get_producer().config['max_request_size']
        return MessageError(
            f'A value of {len(data)} bytes is more than max_request_size={limit}. Send less, or set KAFKA_MAX_REQUEST_SIZE.'
        )
    if key is not None and not isinstance(key, str | bytes):
        return MessageError(f'The key {key!r} is a {type(key).__name__}. Use text or bytes: {str(key)!r}.')
    return MessageError(f'Not sent: {error}. Headers are pairs of (str, bytes), a timestamp is seconds: headers={headers!r}, {timestamp=}.')


def _unanswered(topic: str, error: Exception) -> UnreachableError:
    options = settings.client_options('producer')
    found = diagnosis.explain(options, error)
    return UnreachableError(f'{topic!r} got no answer within {options["max_block_ms"] / 1000:g} s: nothing was sent. {found}', found.stage)


def _wait(future: Any, topic: str, timeout: float) -> None:
    try:
        future.get(timeout=timeout)
    except kafka.errors.AuthorizationError as error:
        raise AccessError(f'No right to write to {topic!r} ({error}). Ask for WRITE on it, or choose another topic.') from error
    except kafka.errors.MessageSizeTooLargeError as error:
        raise DeliveryError(f'The message is larger than {topic!r} takes ({error}). Send less, or raise its max.message.bytes.') from error
    except kafka.errors.KafkaError as error:
        hint = 'It may still arrive: keep the promise and ask it later.' if not future.is_done else 'Send it again.'
        raise DeliveryError(f'A message to {topic!r} was not acknowledged within {timeout:g} s ({error}). {hint}') from error


def _note_failure(error: BaseException) -> None:
    if not _state.lost:
        log.warning('a message was not delivered: %s (more of them are only counted)', error)
    _state.lost += 1
    if _state.producer is not None and clients.is_spent(_state.producer):
        clients.abandon(_state.producer)
        _state.producer, _state.flow = None, None


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
            f'{clients.pending(producer)} messages not acknowledged after {timeout:g} s. They are still being tried.'
        ) from error


def close(timeout: float = 10.0) -> None:
    """Flush, close this process's producer, and say on stderr what could not be delivered. The next send makes another.

    Args:
        timeout: seconds to wait for acknowledgements.
    """
    global _state
    with _state.lock:
        producer, unanswered = _state.producer, 0
        atexit.unregister(close)
        if producer is not None:
            try:
                producer.flush(timeout=timeout)
            except kafka.errors.KafkaTimeoutError:
                unanswered = clients.pending(producer)
        lost = _state.lost + unanswered
        if producer is not None:
            repairs.close(producer)
        _state = _State()
    if lost:
        print(f'{lost} message(s) could not be delivered: Kafka did not acknowledge them.', file=sys.stderr)
