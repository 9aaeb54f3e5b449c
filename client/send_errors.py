"""What is said when a message cannot be sent, or was not acknowledged (used by ``producer.py``).

The one idea to take away: the client knows what failed, and not why. Ask again, one stage after the
other, before you tell a person.
"""

import contextlib
import re
import threading
import time
from typing import Any

import kafka
import kafka.errors

import settings
from connection import diagnosis
from errors import AccessError, ChatError, DeliveryError, MessageError, UnreachableError

__all__ = [
    'check_timeout',
    'check_topic',
    'cure',
    'describe',
    'milliseconds',
    'unanswered',
    'unfit',
    'wait',
]

# Kafka's own rule (org.apache.kafka.common.internals.Topic).
TOPIC_NAME = re.compile(r'(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}')
# Seconds: some 30,000 years. A time in milliseconds, which is the usual mistake, is more than that.
LATEST = 1e12
# Kafka's documentation calls this error MESSAGE_TOO_LARGE; kafka-python has another name for it.
NAMES = {kafka.errors.MessageSizeTooLargeError: 'MESSAGE_TOO_LARGE'}


def describe(error: BaseException) -> str:
    """An error of kafka-python in one line, with the name under which Kafka documents it.

    >>> describe(kafka.errors.TopicAuthorizationFailedError('human-messages'))
    'human-messages (TOPIC_AUTHORIZATION_FAILED)'
    >>> describe(kafka.errors.KafkaTimeoutError('no answer'))
    'no answer (KafkaTimeoutError)'
    """
    kind = type(error)
    name = NAMES.get(kind) or getattr(kind, 'message', None) or kind.__name__
    said = ', '.join(str(each) for each in error.args if each is not None)
    said = said or getattr(kind, 'description', None) or ''
    said = said.removeprefix(f'{kind.__name__}: ').rstrip('.')
    return f'{said} ({name})' if said else name


def cure(error: BaseException) -> str:
    """What to do about a message that was refused, or was given up: one sentence or two."""
    if isinstance(error, kafka.errors.InvalidTimestampError):
        return (
            'Sent again as it is, it is refused again: give it a timestamp in seconds that lies '
            'nearer to now, or raise message.timestamp.after.max.ms (before.max.ms for the past) '
            'of the topic.'
        )
    if isinstance(error, kafka.errors.InvalidRecordError):
        return (
            'Sent again as it is, it is refused again: a topic with cleanup.policy=compact takes '
            "no message without a key. Give it one: send_msg(..., key='red')."
            if 'without key' in str(error)
            else 'Sent again as it is, it is refused again: change what Kafka says is wrong.'
        )
    if isinstance(
        error, (kafka.errors.MessageSizeTooLargeError, kafka.errors.RecordListTooLargeError)
    ):
        return "Send less, or raise the topic's max.message.bytes."
    is_refusal = isinstance(error, kafka.errors.BrokerResponseError)
    if is_refusal and not isinstance(
        error, kafka.errors.RetriableError | kafka.errors.UnknownError
    ):
        return 'Kafka refused it for good: sent again as it is, it is refused again.'
    return 'Send it again.'


def check_topic(topic: Any) -> None:
    """Raise a MessageError if this is no topic's name."""
    if not isinstance(topic, str) or not TOPIC_NAME.fullmatch(topic):
        raise MessageError(
            f'{topic!r} is no topic name. Use 1 to 249 letters, digits, dots, underscores and '
            'hyphens: human-messages.'
        )


def milliseconds(timestamp: float) -> int:
    """A time in seconds since 1970 as Kafka has it.

    Raises:
        TypeError, ValueError: it is none.
    """
    if not 0 <= timestamp < LATEST:
        raise ValueError(f'timestamp={timestamp!r} is no time in seconds since 1970')
    return int(timestamp * 1000)


def check_timeout(timeout: Any) -> None:
    """Raise a MessageError if this is no time to wait, before anything is sent."""
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not is_number or not 0 <= timeout <= threading.TIMEOUT_MAX:
        raise MessageError(f'timeout={timeout!r} is no time to wait. Give seconds, such as 10.0.')


def unfit(key: Any, data: bytes, headers: Any, timestamp: Any, error: Exception) -> MessageError:
    """The error for a message that the client did not take."""
    if isinstance(error, kafka.errors.MessageSizeTooLargeError):
        limit = settings.client_options('producer').get(
            'max_request_size', kafka.KafkaProducer.DEFAULT_CONFIG['max_request_size']
        )
        return MessageError(
            f'A value of {len(data)} bytes is more than max_request_size={limit} '
            '(MESSAGE_TOO_LARGE). Send less, or set KAFKA_MAX_REQUEST_SIZE.'
        )
    if key is not None and not isinstance(key, str | bytes):
        kind = type(key).__name__
        return MessageError(
            f'The key must be a str or bytes, not {kind}: {key!r}. Use text: {str(key)!r}.'
        )
    return MessageError(
        f'Not sent: {error}. Headers must be pairs of (str, bytes), a timestamp is seconds: '
        f'headers={headers!r}, {timestamp=}.'
    )


def unanswered(topic: str, error: Exception) -> UnreachableError:
    """The error for a message that found no room, or whose topic Kafka told nothing about."""
    options = settings.client_options('producer')
    found = diagnosis.explain(options, error)
    seconds = options['max_block_ms'] / 1000
    return UnreachableError(
        f'Kafka did not answer within {seconds:g} s (max_block_ms): nothing was sent to {topic!r}. '
        f'{found}',
        found.stage,
    )


def wait(future: Any, topic: str, timeout: float) -> None:
    """Return once a message is acknowledged.

    Raises:
        AccessError: not authorized to write to the topic.
        DeliveryError: the message was refused, or not acknowledged in time.
    """
    began = time.monotonic()
    why = ''
    try:
        if not _is_done_within(future, 0.85 * timeout):
            why = _why(0.1 * timeout)
        future.get(timeout=max(began + timeout - time.monotonic(), 0))
        if not future.is_done:  # kafka-python 3.1.0.dev returns None instead of raising
            raise kafka.errors.KafkaTimeoutError(f'no acknowledgement within {timeout:g} s')
    except kafka.errors.AuthorizationError as error:
        raise AccessError(
            f'Not authorized to write to topic {topic!r} ({_name(error)}). Ask for WRITE on it, or '
            'choose another topic.'
        ) from error
    except kafka.errors.MessageSizeTooLargeError as error:
        raise DeliveryError(
            f'The message is larger than topic {topic!r} takes ({_name(error)}). Send less, or '
            'raise its max.message.bytes.'
        ) from error
    except kafka.errors.KafkaError as error:
        if future.is_done:
            raise DeliveryError(
                f'A message to {topic!r} was not delivered: {describe(error)}. {cure(error)}'
            ) from error
        raise DeliveryError(
            f'A message to {topic!r} was not acknowledged within {timeout:g} s. {why} The message '
            'is still being tried, and may arrive.'
        ) from error


def _is_done_within(future: Any, seconds: float) -> bool:
    with contextlib.suppress(kafka.errors.KafkaTimeoutError):
        future.get(timeout=seconds)
    return bool(future.is_done)


def _name(error: BaseException) -> str:
    """Kafka's own name of an error."""
    return describe(error).rpartition('(')[2].rstrip(')')


def _why(timeout: float) -> str:
    try:
        diagnosis.require_listener(settings.client_options('producer'), timeout)
    except ChatError as error:
        return str(error)
    return 'Kafka does answer: look for brokers that are gone (python -m settings).'
