"""Counting what is sent: how much is under way, acknowledged, failed (walkthrough step 5, behind ``simulate``).

The one idea to take away: ``send_msg`` returns before Kafka has the message. Whoever sends much must not keep every
promise in memory, nor run ahead of Kafka without end, nor be cut off halfway through a message.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from client.interrupts import CtrlC
from errors import DeliveryError

__all__ = ['Tally']

logger = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds without an answer before it is said


class Tally(CtrlC):
    """Counts messages; Ctrl-C leaves its ``with`` block between two of them.

    ``sent``, ``acknowledged`` and ``failed`` may be read at any time.

    Args:
        topic: named in the report.
        limit: how many messages may be under way. kafka-python 3 has no bound of its own (``buffer_memory`` is gone).
        clock: tells seconds, from any beginning.

    >>> from producer import send_msg
    >>> with Tally('human-messages') as tally:
    ...     with tally.held():
    ...         tally.add(send_msg('human-messages', {'sender': 'red', 'contents': 'hello'}))
    >>> tally.sent
    1
    """

    def __init__(
        self, topic: str, limit: int = 20_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.topic, self.limit, self.clock = topic, limit, clock
        self.sent = self.acknowledged = self.failed = 0
        self._changed = threading.Condition()
        self._heard = 0.0  # when Kafka last answered, or owed no answer
        self._silent = False

    @property
    def under_way(self) -> int:
        """How many messages are sent and not yet answered."""
        return self.sent - self.acknowledged - self.failed

    def add(self, future: Any) -> None:
        """Count the message that this future of ``send_msg`` stands for, now and when it is answered. Keeps no future."""
        if not self.under_way:
            self._heard = self.clock()
        self.sent += 1
        future.add_callback(self._acknowledge)
        future.add_errback(self._fail)

    def wait_for_room(self) -> None:
        """Return once few enough messages are under way. Each is answered or given up within kafka-python's ``delivery_timeout_ms``.

        To be called before each message: it says so, once, if Kafka does not answer.
        """
        self._note_silence()
        if self.under_way >= self.limit:
            with self._changed:
                while self.under_way > self.limit // 2:
                    self._changed.wait(1.0)  # with a time, so that Ctrl-C gets through on Windows
                    self._note_silence()

    def settle(self, flush: Callable[[float], None]) -> int:
        """Wait for the answers that are missing, and say so if it takes long; those that failed are logged in one line.

        Args:
            flush: waits for so many seconds, as ``producer.flush`` does.

        Returns:
            How many messages are acknowledged.

        Raises:
            DeliveryError: Kafka still does not answer.
        """
        if self.sent:
            with suppress(DeliveryError):
                flush(PATIENCE)
            if self.under_way:
                logger.warning(
                    'Kafka is waited for, 10 s at most: messages to %s that it has not acknowledged: %d.',
                    self.topic,
                    self.under_way,
                )
            flush(10.0)
        if self.failed:
            logger.warning(
                '%d of %d messages to %s were lost: Kafka did not take them.',
                self.failed,
                self.sent,
                self.topic,
            )
        return self.acknowledged

    def _acknowledge(self, _: object) -> None:
        with self._changed:
            self.acknowledged += 1
            self._heard = self.clock()
            if self._silent:
                self._silent = False
                logger.warning('Kafka answers again.')
            self._wake()

    def _fail(self, _: object) -> None:
        with self._changed:
            self.failed += 1
            self._wake()

    def _note_silence(self) -> None:
        if self.under_way and not self._silent and self.clock() - self._heard > PATIENCE:
            self._silent = True
            logger.warning(
                'Kafka does not answer. Messages to %s wait for it, until now %d.',
                self.topic,
                self.under_way,
            )

    def _wake(self) -> None:
        if self.under_way == self.limit // 2:
            self._changed.notify_all()
