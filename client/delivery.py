"""Counting what is sent: under way, acknowledged, failed (walkthrough step 5, behind ``simulate``).

The one idea to take away: ``send_msg`` returns before Kafka has the message. Whoever sends much
must not keep every promise in memory, nor run ahead of Kafka without end, nor be cut off halfway
through a message.
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
        limit: how many messages may be under way. kafka-python 3 has no bound of its own
            (``buffer_memory`` is gone).
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
        """Count a message, now and when it is answered.

        Args:
            future: what ``send_msg`` returned for it. It is not kept.
        """
        if not self.under_way:
            self._heard = self.clock()
        self.sent += 1
        future.add_callback(self._acknowledge)
        future.add_errback(self._fail)

    def wait_for_room(self) -> None:
        """Return once few enough messages are under way; to be called before each message.

        Each message is acknowledged or given up within kafka-python's ``delivery_timeout_ms``. If
        Kafka does not answer, that is said once.
        """
        self._note_silence()
        if self.under_way < self.limit:
            return
        with self._changed:
            while self.under_way > self.limit // 2:
                self._changed.wait(1.0)  # with a timeout, so that Ctrl-C gets through on Windows
                self._note_silence()

    def settle(self, flush: Callable[[float], None]) -> int:
        """Wait for the answers that are missing, and say so if it takes long.

        How many messages failed is logged in one line.

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
                    'Waiting for Kafka, at most 10 s: %d messages to %s are not acknowledged.',
                    self.under_way,
                    self.topic,
                )
            flush(10.0)
        if self.failed:
            logger.warning(
                '%d of %d messages to %s were not delivered: Kafka did not take them.',
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
                'Kafka does not answer: %d messages to %s wait to be acknowledged.',
                self.under_way,
                self.topic,
            )

    def _wake(self) -> None:
        if self.under_way == self.limit // 2:
            self._changed.notify_all()
