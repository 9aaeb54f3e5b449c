"""What is said when a message cannot be sent, or was not acknowledged (used by ``producer.py``).

The one idea to take away: the client knows what failed, and not why. Ask again, one stage after the other, before you tell a person.
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

__all__ = ['check_patience', 'check_topic', 'milliseconds', 'unanswered', 'unfit', 'wait']

TOPIC_NAME = re.compile(
    r'(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}'
)  # Kafka's own rule (org.apache.kafka.common.internals.Topic)
LATEST = (
    1e12  # seconds: some 30,000 years; less than today in milliseconds, which is the usual mistake
)


def check_topic(topic: Any) -> None:
    """Raise a MessageError if this is no topic's name."""
    if not isinstance(topic, str) or not TOPIC_NAME.fullmatch(topic):
        raise MessageError(
            f'{topic!r} is no topic name. Use 1 to 249 letters, digits, dots, underscores and hyphens: human-messages.'
        )


def milliseconds(timestamp: float) -> int:
    """A time in seconds since 1970 as Kafka has it.

    Raises:
        TypeError, ValueError: it is none.
    """
    if not 0 <= timestamp < LATEST:
        raise ValueError(f'{timestamp!r} is no time in seconds since 1970')
    return int(timestamp * 1000)


def check_patience(timeout: Any) -> None:
    """Raise a MessageError if this is no time to wait, before anything is sent."""
    if (
        isinstance(timeout, bool)
        or not isinstance(timeout, int | float)
        or not 0 <= timeout <= threading.TIMEOUT_MAX
    ):
        raise MessageError(f'timeout={timeout!r} is no time to wait. Give seconds, such as 10.0.')


def unfit(key: Any, data: bytes, headers: Any, timestamp: Any, error: Exception) -> MessageError:
    """The error for a message that the client did not take."""
    if isinstance(error, kafka.errors.MessageSizeTooLargeError):
        limit = settings.client_options('producer').get(
            'max_request_size', kafka.KafkaProducer.DEFAULT_CONFIG['max_request_size']
        )
        return MessageError(
            f'A value of {len(data)} bytes is more than max_request_size={limit}. Send less, or set KAFKA_MAX_REQUEST_SIZE.'
        )
    if key is not None and not isinstance(key, str | bytes):
        return MessageError(
            f'The key {key!r} is a {type(key).__name__}. Use text or bytes: {str(key)!r}.'
        )
    return MessageError(
        f'Not sent: {error}. Headers are pairs of (str, bytes), a timestamp is seconds: headers={headers!r}, {timestamp=}.'
    )


def unanswered(topic: str, error: Exception) -> UnreachableError:
    """The error for a message that found no room."""
    options = settings.client_options('producer')
    found = diagnosis.explain(options, error)
    return UnreachableError(
        f'{topic!r} got no answer within {options["max_block_ms"] / 1000:g} s: nothing was sent. {found}',
        found.stage,
    )


def wait(future: Any, topic: str, timeout: float) -> None:
    """Return once a message is acknowledged.

    Raises:
        AccessError: no right to write there. DeliveryError: it was refused, or not acknowledged in time.
    """
    began, why = time.monotonic(), ''
    try:
        with contextlib.suppress(kafka.errors.KafkaTimeoutError):
            future.get(timeout=0.85 * timeout)
        if not future.is_done:
            why = _why(0.1 * timeout)
        future.get(timeout=max(began + timeout - time.monotonic(), 0))
    except kafka.errors.AuthorizationError as error:
        raise AccessError(
            f'No right to write to {topic!r} ({error}). Ask for WRITE on it, or choose another topic.'
        ) from error
    except kafka.errors.MessageSizeTooLargeError as error:
        raise DeliveryError(
            f'The message is larger than {topic!r} takes ({error}). Send less, or raise its max.message.bytes.'
        ) from error
    except kafka.errors.KafkaError as error:
        hint = (
            f'{error}. Send it again.'
            if future.is_done
            else f'{why} The message is still being tried, and may arrive.'
        )
        raise DeliveryError(
            f'A message to {topic!r} was not acknowledged within {timeout:g} s. {hint}'
        ) from error


def _why(timeout: float) -> str:
    try:
        diagnosis.require_listener(settings.client_options('producer'), timeout)
    except ChatError as error:
        return str(error)
    return 'Kafka does answer: look for brokers that are gone (python -m settings).'
