"""What a producer has taken and Kafka has not yet acknowledged: how many messages, how many bytes.

Java's producer is bounded by ``buffer.memory`` and ``max.block.ms``. kafka-python 3.0 has only the
latter: by itself it would take messages without end while Kafka does not answer.

The one idea to take away: whoever produces faster than Kafka takes must be made to wait somewhere.
If nobody decides where, it is the memory that ends.
"""

import threading
import time
from collections import deque
from typing import Any

import kafka.errors

from client.call_backs import is_call_back
from client.private_names import Acceleration

__all__ = ['FUTURE_BYTES', 'STEP_BYTES', 'Backlog', 'PendingCount']

MEMORY = 64 * 2**20  # bytes of messages and their futures that may wait for an acknowledgement
FUTURE_BYTES = 1000  # what a message takes besides its value
STEP_BYTES = 4 * 2**20  # what is taken between two looks at the backlog
POLL = 0.005  # seconds between two looks while one waits


class PendingCount(Acceleration):
    """Reads the number of unacknowledged messages where the client has it: 2.5 us less a message.

    Without it each future gets a call-back that counts.
    """

    name = 'pending-count'
    needs = (
        '_accumulator._incomplete.all()',
        'kafka.producer.producer_batch.ProducerBatch.record_count: property',
    )

    def __init__(self, producer: Any) -> None:
        self._unfinished = producer._accumulator._incomplete

    def pending(self) -> int:
        """How many messages are neither acknowledged nor failed."""
        return sum(batch.record_count for batch in self._unfinished.all())

    def add(self, future: Any) -> None:
        """Nothing to do: the client counts."""


class CountedFutures:
    """Counts the messages that are under way by call-backs, as anybody may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending = 0

    def pending(self) -> int:
        """How many messages are neither acknowledged nor failed."""
        return self._pending

    def add(self, future: Any) -> None:
        """Count the message that this future stands for, until it is done."""
        self._change(1)
        future.add_both(lambda _: self._change(-1))

    def _change(self, by: int) -> None:
        with self._lock:
            self._pending += by


class Backlog:
    """Bounds what a producer may have under way.

    Args:
        producer: whose messages are counted.
        limit: bytes.
    """

    def __init__(self, producer: Any, limit: int = MEMORY) -> None:
        self._counter: PendingCount | CountedFutures = CountedFutures()
        if PendingCount.is_on(producer):
            self._counter = PendingCount(producer)
        self.counts_futures = isinstance(self._counter, CountedFutures)
        self.pending = self._counter.pending
        self.add = self._counter.add
        self._patience = producer.config['max_block_ms'] / 1000
        self._limit = limit
        self._steps: deque[tuple[int, int]] = deque()  # messages and bytes, oldest first

    def take(self, messages: int, size: int) -> None:
        """Return when there is room for more; to be called for each ``STEP_BYTES`` that were taken.

        Args:
            messages: how many were taken since the last call.
            size: their bytes, with ``FUTURE_BYTES`` for each.

        Raises:
            KafkaTimeoutError: there was no room for ``max_block_ms``.
        """
        self._steps.append((messages, size))
        if not is_call_back():  # it must not wait for itself
            self._wait_for_room()

    def wait_until_empty(self, timeout: float) -> None:
        """Return when everything is acknowledged or has failed, or after so many seconds."""
        deadline = time.monotonic() + timeout
        while self.pending() and time.monotonic() < deadline:
            time.sleep(POLL)

    def _wait_for_room(self) -> None:
        deadline = time.monotonic() + self._patience
        while self._weight() >= self._limit:
            if time.monotonic() > deadline:
                raise kafka.errors.KafkaTimeoutError(
                    f'{self.pending()} messages wait to be acknowledged'
                )
            time.sleep(POLL)

    def _weight(self) -> int:
        """The bytes under way: those of the newest messages, as many as are pending."""
        pending = self.pending()
        weight = 0
        older = 0  # steps that are acknowledged as a whole
        for messages, size in reversed(list(self._steps)):
            if pending <= 0:
                older += 1
            else:
                weight += size * min(pending, messages) // messages
                pending -= messages
        for _ in range(older):
            self._steps.popleft()
        return weight
