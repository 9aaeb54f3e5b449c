"""One producer, and what is decided before each of its messages (behind ``send_msg``).

The one idea to take away: what makes a send quick is chosen once for each producer, from what this
version of the client allows; what a send promises does not depend on it.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import kafka.errors

from client.backlog import FUTURE_BYTES, STEP_BYTES, Backlog
from client.call_backs import NoWaitInCallBacks, is_call_back
from client.chat_producer import ChatProducer
from client.last_flush import EXIT_TIMEOUT, say_lost
from client.lingering import Lingering
from client.null_headers import Headers
from client.short_send import ShortSend

__all__ = ['Sending']

STEP = 0.1  # seconds of one flush
LOOK_AGAIN = 0.01  # seconds


class Sending:
    """Sends the messages of one producer.

    Args:
        producer: just made.
        lingers: whether ``linger_ms`` may be chosen for each message.
        note_failure: is told of this object, and why a message was not delivered.
    """

    def __init__(
        self,
        producer: ChatProducer,
        lingers: bool,
        note_failure: Callable[['Sending', BaseException], None],
    ) -> None:
        self.producer = producer
        self._note_failure = partial(note_failure, self)
        self.backlog = Backlog(producer)
        # Each future of the one class is to be made one of the other.
        self._plain_kind, self._kind = NoWaitInCallBacks.kinds(producer)
        self._kind_that_tells: type | None = None  # of futures that tell of failures by themselves
        self._failed_before_the_wire: BaseException | None = None
        self._lingering: Lingering | None = None
        if lingers and Lingering.is_on(producer):
            self._lingering = Lingering(producer)
        self._messages = 0
        self._bytes = 0
        self._patience = EXIT_TIMEOUT  # seconds, for all that exit handlers send
        self.is_counted = False  # what fails from now on is counted already
        # Takes what send_plainly takes, and returns the same future. It is an attribute because a
        # call in between would cost as much as all that is decided in `admit`.
        self.send: Callable[..., Any] = self.send_plainly
        if ShortSend.is_on(producer):
            short = ShortSend(producer, self.send_plainly, self._note_failure)
            self.send = short.send
            self._kind_that_tells = short.kind_that_tells
        if self.backlog.counts_futures:
            self.send = partial(self._send_and_count, self.send)

    def admit(self, size: int, alone: bool) -> None:
        """Make ready for a message; to be called before ``send``.

        Args:
            size: bytes of its value.
            alone: somebody waits for this very message.

        Raises:
            KafkaTimeoutError: there was no room for it for ``max_block_ms``.
        """
        if self._lingering is not None:
            self._lingering.choose(alone)
        self._messages += 1
        self._bytes += size + FUTURE_BYTES
        if self._bytes > STEP_BYTES:
            messages, taken = self._messages, self._bytes
            self._messages = self._bytes = 0
            self.backlog.take(messages, taken)

    def send_plainly(
        self,
        topic: str,
        value: bytes | None,
        key: Any,
        headers: Headers | None,
        timestamp_ms: int | None,
    ) -> Any:
        """Send a message by the client's public method.

        Args:
            topic: with its prefix.
            value: bytes, or None for a tombstone.
            key: bytes, or None.
            headers: pairs of name and bytes (or null), or None.
            timestamp_ms: the record's time, or None for now.

        Returns:
            The client's future.

        Raises:
            KafkaTimeoutError: Kafka tells nothing about the topic for ``max_block_ms``.
            IllegalStateError: the producer is closed.
            TypeError, ValueError, MessageSizeTooLargeError: it cannot be sent.
        """
        future = self.producer.send(topic, value, key, headers, timestamp_ms=timestamp_ms)
        if future.is_done:  # the topic's metadata was refused: nothing reached the wire
            self._failed_before_the_wire = future.exception
        return future

    def watch(self, future: Any) -> None:
        """Make a future ready for the user; to be called with each that ``send`` returned."""
        if type(future) is self._kind_that_tells:
            return
        future.add_errback(self._note_failure)
        if type(future) is self._plain_kind:
            future.__class__ = self._kind

    def deliver(self, timeout: float, cut_short: threading.Event) -> bool:
        """Wait until nothing is under way, for so many seconds, or until it is cut short.

        Returns:
            Whether nothing is under way.
        """
        deadline = time.monotonic() + timeout
        was_empty = False  # looked at twice: another thread may be in the middle of a send
        while (left := deadline - time.monotonic()) > 0 and not cut_short.is_set():
            if self.backlog.pending():
                was_empty = False
                with contextlib.suppress(kafka.errors.KafkaError):
                    self.producer.flush(min(left, STEP))
            elif was_empty:
                return True
            else:
                was_empty = True
                time.sleep(LOOK_AGAIN)
        return not self.backlog.pending()

    def send_each_to_the_end(self) -> None:
        """Python is ending, and nobody will flush: from now on each message is waited for."""
        self.send = partial(self._send_and_deliver, self.send)

    def hold_up(self) -> None:
        """The process is about to end: whoever sends waits for that, except for call-backs."""
        self.send = partial(self._wait_for_the_end, self.send)

    def _send_and_deliver(self, send: Callable[..., Any], *arguments: Any) -> Any:
        future = send(*arguments)
        began = time.monotonic()
        if not is_call_back() and not self.deliver(self._patience, threading.Event()):
            say_lost(self.backlog.pending())
        self._patience -= time.monotonic() - began
        return future

    def _wait_for_the_end(self, send: Callable[..., Any], *arguments: Any) -> Any:
        if not is_call_back():
            threading.Event().wait(2 * EXIT_TIMEOUT)
        return send(*arguments)

    def _send_and_count(self, send: Callable[..., Any], *arguments: Any) -> Any:
        future = send(*arguments)
        self.backlog.add(future)
        return future

    def is_spent_by(self, error: BaseException) -> bool:
        """Whether the producer takes no more messages, because one failed with this error."""
        return error is not self._failed_before_the_wire and self.producer.is_spent_by(error)

    def end(self) -> None:
        """Close the producer; what it has not delivered fails, so that no future stays open."""
        if self.backlog.pending():
            self.producer.close_now(timeout=0)
            self.backlog.wait_until_empty(1.0)
        else:
            self.producer.close_now()
