"""A KafkaProducer from its making to its end (behind ``send_msg`` and the alert services).

Everything here is done by public means.

The one idea to take away: how a client ends matters as much as how it begins. A message that is
not delivered must fail, not wait for ever, and a process must not touch what its parent opened.
"""

import threading
from typing import Any

import kafka
import kafka.errors

import settings
from client.call_backs import note_thread, refuse_in_call_back
from client.first_steps import FirstStepsSending
from client.flushing import FlushInTime, flush_in_steps
from client.idempotence import LongOutages
from client.null_headers import Headers, NullHeaders
from client.refused_records import RefusedRecords
from connection import diagnosis

__all__ = ['REFUSALS', 'ChatProducer', 'make_producer']

# What kafka-python raises for options that do not fit together.
REFUSALS = (
    kafka.errors.KafkaConfigurationError,
    ValueError,
    AssertionError,
    RuntimeError,
)
# Not retriable, but kafka-python goes on with a new epoch by itself (KIP-360).
RECOVERABLE = (
    kafka.errors.OutOfOrderSequenceNumberError,
    kafka.errors.UnknownProducerIdError,
    kafka.errors.InvalidProducerEpochError,
)
LAST_ACT = 1.0  # seconds for what is still in flight when a producer is closed


class ChatProducer(kafka.KafkaProducer):  # type: ignore[misc]
    """A KafkaProducer that can be closed while something is undelivered, and left after a fork.

    kafka-python's own ``close`` flushes first, and if that fails it raises and closes nothing.
    """

    outlives_refusals = False  # whether it takes messages after one was refused
    flushes_in_time = False
    _gives_up = False
    _is_left = False
    _is_kept = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._null_headers = NullHeaders(self)
        note_thread(self)

    def send(
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        headers: Headers | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Any:
        """As kafka-python's; headers may be any sequence of pairs, and their values null."""
        if self._is_left:
            raise kafka.errors.IllegalStateError('this KafkaProducer belongs to the parent process')
        listed = self._null_headers.admit(headers) if headers else []
        return super().send(topic, value, key, listed, partition, timestamp_ms)

    def flush(self, timeout: float | None = None) -> None:
        """As kafka-python's; nothing is waited for once the producer has been given up."""
        if self._gives_up:
            return
        refuse_in_call_back('flush()')
        if self.flushes_in_time:
            super().flush(timeout)
        else:
            flush_in_steps(super().flush, timeout)

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
        """As kafka-python's: flush, then close. What was left to the parent is not touched."""
        if not self._is_left and not self._is_kept:
            super().close(timeout, null_logger)

    def close_now(self, timeout: float = LAST_ACT) -> None:
        """Close without a flush: what is not delivered within the time fails. Never raises.

        Args:
            timeout: seconds; with 0, what is under way fails at once.
        """
        self._gives_up = True
        self.close(timeout)

    def close_soon(self) -> None:
        """Close without waiting; this may be the client's own thread, as in a call-back."""
        self._gives_up = True
        threading.Thread(target=self.close, args=(LAST_ACT,), daemon=True).start()

    def keep_open(self) -> None:
        """At the end of the process: exit handlers may still send, so nobody closes it any more."""
        self._is_kept = True

    def leave(self) -> None:
        """After a fork: the connections belong to the parent, and the thread is not there."""
        self._is_left = True

    def is_spent_by(self, error: BaseException) -> bool:
        """Whether a message that failed was the last one that this producer took.

        To kafka-python one refused record is fatal to an idempotent producer, and every later one
        fails with the same error. Java's producer goes on; so does this one where
        ``RefusedSequences`` is on.
        """
        if not self.config['enable_idempotence']:
            return False
        if self.outlives_refusals:
            return bool(self._transaction_manager.has_fatal_error())
        return not isinstance(error, (kafka.errors.RetriableError, *RECOVERABLE))


def make_producer(options: settings.Options, knock: bool = True) -> ChatProducer:
    """A producer of the caller's own, whose errors tell the way out.

    Args:
        options: for kafka-python.
        knock: ask first whether Kafka lets us in; no need where that was just seen.

    Raises:
        UnreachableError: there is no Kafka, or it does not let us in.
        SettingsError: kafka-python refuses the options.
    """
    if knock:
        diagnosis.require_listener(options)
    try:
        producer = ChatProducer(**options)
    except kafka.errors.KafkaTimeoutError as error:
        raise diagnosis.explain(options, error) from error
    except REFUSALS as error:
        raise diagnosis.invalid_options(error) from error
    FirstStepsSending.apply(producer)
    LongOutages.apply(producer)
    RefusedRecords.apply(producer)
    producer.flushes_in_time = FlushInTime.apply(producer)
    return producer
