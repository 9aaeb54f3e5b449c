"""A log that is sent to Kafka must not report its own sending: each record would cause the next.

A logging handler may send what it gets by ``send_msg``. On the root logger it also gets what
kafka-python logs about this very sending, and what else is logged while a message is being sent.
Such records are kept from a handler that sends; all other handlers get them as ever. (log4j's
appender for Kafka does the same with what Kafka's own client logs.)

A handler that sends is recognised by its first ``send_msg``, beneath ``logging.Handler.handle``,
and gets a filter. One that sends from a thread of its own goes without: it should leave out the
loggers below ``kafka`` by itself.

The one idea to take away: whatever watches itself needs a rule for where to stop.
"""

import logging
import sys
from collections.abc import Collection
from types import CodeType, FrameType
from typing import Any

from kafka.future import Future

from client.call_backs import is_call_back
from errors import DeliveryError

__all__ = ['NotSent', 'is_about_sending']

CLIENTS = ('kafka',)  # the logger above all of kafka-python's
OURS = ('producer', 'client', 'connection', 'settings')  # in the client's thread only
HANDLE = logging.Handler.handle.__code__
_handlers = (logging.getLogger().handlers, logging.getLogger('kafka').handlers)


class NotSent(Future):  # type: ignore[misc]
    """The promise of a record that was not sent. It has failed; nothing is raised or logged.

    A handler could only report an error by logging it, which would begin all over again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failure(
            DeliveryError(
                'Not sent: this is a log record about sending. Each one would cause the next.'
            )
        )

    def get(self, timeout: float | None = None) -> Any:
        """Raise the reason, as the client's future does when it has failed."""
        raise self.exception


def is_about_sending(sending: Collection[CodeType]) -> bool:
    """Whether the caller's caller handles a log record about sending.

    Programs whose root logger has no handlers pay next to nothing for the question, others some
    tenths of a microsecond.

    Args:
        sending: the code of the functions that send.
    """
    return any(_handlers) and _is_handled(sys._getframe(2), sending)


def _is_handled(frame: FrameType | None, sending: Collection[CodeType]) -> bool:
    """Whether a log record about sending is handled there; the handler is given its filter."""
    while frame is not None:
        if frame.f_code is HANDLE:
            handler, record = frame.f_locals['self'], frame.f_locals['record']
            if not any(isinstance(each, _NotAboutSending) for each in handler.filters):
                handler.addFilter(_NotAboutSending(sending))
            return _concerns_sending(record, frame, sending)
        frame = frame.f_back
    return False


def _concerns_sending(
    record: logging.LogRecord, frame: FrameType | None, sending: Collection[CodeType]
) -> bool:
    """Whether a record is of the client, or was logged while this thread sends."""
    top = record.name.partition('.')[0]
    if top in CLIENTS or (top in OURS and is_call_back()):
        return True
    while frame is not None:
        if frame.f_code in sending:
            return True
        frame = frame.f_back
    return False


class _NotAboutSending(logging.Filter):
    """Asked before the handler takes its lock.

    The client's thread must not wait for that: whoever holds it may wait for the client.
    """

    def __init__(self, sending: Collection[CodeType]) -> None:
        super().__init__()
        self._sending = sending

    def filter(self, record: logging.LogRecord) -> bool:
        return not _concerns_sending(record, sys._getframe(1), self._sending)
