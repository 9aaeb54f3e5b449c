"""Send messages (walkthrough step 1).

``send_msg`` hands a message to the client and returns at once with a promise: kafka-python's own
future. There is one producer a process, made at the first send, shared by all threads, made anew
after a fork, flushed and closed at exit.

The one idea to take away: sending is asynchronous. The promise is kept when every replica that must
have the message has it (acks=all), and idempotence keeps a retry from writing it twice.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import contextlib
import logging
import os
import threading
from collections.abc import Iterable
from typing import Any

import kafka.errors

import settings
from client import send_errors
from client.call_backs import refuse_in_call_back
from client.chat_producer import make_producer
from client.last_flush import EXIT_TIMEOUT, LastFlush, say_lost
from client.log_records import NotSent, is_about_sending
from client.partitioner import make_partitioner
from client.sending import Sending
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
        self.sending: Sending | None = None
        self.topics: dict[str, str] = {}  # those that Kafka lets us write to, with their prefix
        self.lost = 0

    def begin(self, options: settings.Options, knock: bool) -> Sending:
        """Make the producer, unless there is one."""
        with self.lock:
            if self.sending is None:
                producer = make_producer(options, knock)
                lingers = 'linger_ms' not in options
                self.sending = Sending(producer, lingers, self._note_failure)
                if _last_flush.is_ending or _is_exit_handler():
                    self.sending.send_each_to_the_end()
                _last_flush.arm()
            _last_flush.listen()
            return self.sending

    def forget_if_closed(self, sending: Sending, topic: str, error: Exception) -> None:
        """Have the next message make another producer, if another thread has closed this one."""
        with self.lock:
            if self.sending is not sending:
                return
            if isinstance(error, kafka.errors.KafkaTimeoutError):
                raise send_errors.unanswered(topic, error) from error
            if isinstance(error, RuntimeError):
                raise error
            self.sending = None

    def let_go(self) -> Sending | None:
        """Take the producer away from whoever sends: the next message makes another."""
        with self.lock:
            sending, self.sending, self.topics = self.sending, None, {}
            return sending

    def end(self, sending: Sending | None) -> None:
        """Close a producer, if any, and say how many messages were lost until now."""
        lost, self.lost = self.lost, 0
        if sending is not None:
            lost += sending.backlog.pending()
            sending.is_counted = True
            sending.end()
        if lost:
            say_lost(lost)

    def _note_failure(self, sending: Sending, error: BaseException) -> None:
        """Count a message that was not delivered, and use a producer that is spent no more.

        Called in the client's own thread, so it takes no lock and waits for nothing.
        """
        if sending.is_counted:
            return
        if not self.lost:
            log.warning(
                'A message was not delivered: %s. %s Further ones are only counted.',
                send_errors.describe(error),
                send_errors.cure(error),
            )
        self.lost += 1
        if self.sending is sending and sending.is_spent_by(error):
            self.sending = None
            sending.producer.close_soon()


_state = _State()


def get_producer() -> Any:
    """This process's KafkaProducer, made at the first call.

    Raises:
        UnreachableError: no Kafka there, within 5 s; it names the address, the cause, the way out.
        SettingsError: a setting is wrong.
    """
    return _get_sending().producer


def _get_sending() -> Sending:
    sending = _state.sending
    if sending is not None and _state.pid == os.getpid():
        return sending
    return _state.begin(_options(), knock=True)


def _options() -> settings.Options:
    return settings.client_options('producer', partitioner=make_partitioner())


def _forget_after_fork() -> None:
    """A producer's thread and sockets do not survive a fork: leave it to the parent."""
    global _state, _last_flush
    abandoned = _state.sending
    if abandoned is not None:
        abandoned.producer.leave()
    _state = _State()
    _last_flush.disarm()
    _last_flush = LastFlush(_deliver_all)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forget_after_fork)


def send_msg(
    topic: str,
    value: Any,
    key: str | bytes | None = None,
    *,
    block: bool = False,
    timeout: float = 10.0,
    headers: Iterable[tuple[str, bytes | None]] | None = None,
    timestamp: float | None = None,
    schema: Any = None,
) -> Any:
    """Send a message, and return a promise of it.

    Args:
        topic: where to; Kafka creates it if it may.
        value: any JSON value, such as ``{'sender': 'red', 'contents': 'hello'}``.
        key: messages of one key stay in order on one partition. None takes the value's
            ``sender``, if it has one.
        block: wait until Kafka has acknowledged, and raise if it does not.
        timeout: seconds to wait with ``block``.
        headers: pairs of name and bytes; None in place of bytes is Kafka's null.
        timestamp: the record's time in seconds since 1970; None is now.
        schema: a TypedDict to check the value against, such as ``schemas.HumanMessage``.

    Returns:
        kafka-python's future: ``succeeded()``, ``failed()``, ``get(timeout=...)``,
        ``add_callback``, ``exception``.

    Raises:
        MessageError: the value, key, topic or a header cannot be sent; nothing reached the wire.
        UnreachableError: no Kafka there.
        AccessError: not authorized to write to the topic, or it does not exist and Kafka creates
            none.
        DeliveryError: with ``block``, Kafka refused the message or did not acknowledge it in time;
            or it would have to wait inside a call-back.

    >>> promise = send_msg(topic='human-messages', key='red', value={'some': 'dict'})
    >>> promise.get(timeout=10).topic
    'human-messages'
    """
    if is_about_sending(_SENDING):
        return NotSent()
    if block:
        send_errors.check_timeout(timeout)
        refuse_in_call_back('send_msg(block=True)')
    data = encode(value)
    if schema is not None:
        validate(value, schema)
    if key is None and isinstance(value, dict):
        sender = value.get('sender')
        key = sender if isinstance(sender, str) else None
    state = _state
    wire_topic = state.topics.get(topic) if isinstance(topic, str) else None
    if wire_topic is None:
        wire_topic = _require_access(topic)
    sending = state.sending or _get_sending()
    try:
        headers = None if headers is None else list(headers)  # an iterator is read only once
        key_bytes = key.encode() if isinstance(key, str) else key
        when = None if timestamp is None else send_errors.milliseconds(timestamp)
        sending.admit(len(data), block)
        future = sending.send(wire_topic, data, key_bytes, headers, when)
    except (kafka.errors.KafkaTimeoutError, kafka.errors.IllegalStateError, RuntimeError) as error:
        state.forget_if_closed(sending, topic, error)
        return send_msg(
            topic, value, key, block=block, timeout=timeout, headers=headers, timestamp=timestamp
        )
    except (TypeError, ValueError, OverflowError, kafka.errors.MessageSizeTooLargeError) as error:
        raise send_errors.unfit(key, data, headers, timestamp, error) from error
    sending.watch(future)
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
    """Send bytes as they are, by this process's producer; returns the client's future.

    Args:
        topic: where to, with its prefix.
        value: bytes, or None for a tombstone.
        key: bytes, or None.
        headers: pairs of name and bytes.
        timestamp_ms: the record's time in milliseconds since 1970; None is now.
    """
    if is_about_sending(_SENDING):
        return NotSent()
    headers = list(headers or ())
    sending = _get_sending()
    try:
        future = sending.send(topic, value, key, headers, timestamp_ms)
    except kafka.errors.IllegalStateError as error:
        _state.forget_if_closed(sending, topic, error)
        return send_raw(topic, value, key, headers, timestamp_ms)
    sending.watch(future)
    return future


_SENDING = (send_msg.__code__, send_raw.__code__)


def _require_access(topic: Any) -> str:
    """Before the first message to a topic: be sure that Kafka lets us write to it.

    One connection serves the topic and a new producer. Returns the topic's name with its prefix.
    """
    send_errors.check_topic(topic)
    refuse_in_call_back(f'The first message to {topic!r}')
    wire_topic = settings.topic_name(topic)
    options = _options()
    try:
        diagnosis.require_access(options, [wire_topic], 'write')
    except AccessError:
        # Settings that do not fit together are told before an authorization that is missing.
        _state.begin(options, knock=False)
        raise
    _state.begin(options, knock=False)
    _state.topics[topic] = wire_topic
    return wire_topic


def flush(timeout: float = 10.0) -> None:
    """Wait until everything sent so far has been acknowledged or has failed.

    Args:
        timeout: seconds.

    Raises:
        DeliveryError: says how many messages are still under way; or this is a call-back.
    """
    refuse_in_call_back('flush()')
    sending = _state.sending
    if sending is None or _state.pid != os.getpid():
        return
    try:
        sending.producer.flush(timeout=timeout)
    except kafka.errors.KafkaTimeoutError as error:
        raise DeliveryError(
            f'{sending.backlog.pending()} messages not acknowledged after {timeout:g} s. They are '
            'still being tried.'
        ) from error


def close(timeout: float = 10.0) -> None:
    """Flush, and close this process's producer. The next send makes another.

    What could not be delivered is counted on stderr.

    Args:
        timeout: seconds to wait for acknowledgements.

    Raises:
        DeliveryError: this is a call-back.
    """
    refuse_in_call_back('close()')
    sending = _state.let_go()
    if sending is not None:
        with contextlib.suppress(kafka.errors.KafkaTimeoutError):
            sending.producer.flush(timeout=timeout)
    _state.end(sending)


def _is_exit_handler() -> bool:
    """Whether Python runs exit handlers; threads that it waits for come before those."""
    main = threading.main_thread()
    return threading.current_thread() is main and not main.is_alive()


def _deliver_all(cut_short: threading.Event, by_signal: bool) -> None:
    """At the end of the process: deliver what is under way, or count it and say so."""
    sending = _state.sending
    if sending is None:
        _state.end(None)
        return
    if by_signal:
        sending.hold_up()
    else:
        sending.send_each_to_the_end()
    if sending.deliver(EXIT_TIMEOUT, cut_short):
        sending.producer.keep_open()
        _state.end(None)
    else:
        _state.end(_state.let_go())


_last_flush = LastFlush(_deliver_all)
