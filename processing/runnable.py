"""What all services answer to: ``run``, ``stop``, ``open``, ``close`` and ``with`` (steps 6 to 8).

The one idea to take away: what runs for ever must say so, end cleanly, and be able to be bounded.
"""

import threading
import time
from typing import Any, Self

import kafka.errors

from client.interrupts import CtrlC
from client.subclassing import Subclassable
from errors import ChatError
from processing.patience import Patience

__all__ = ['Runnable']

MAX_STEP = 10_000  # records at most between two commits
# Seconds until a member of a group has its partitions, if another one was killed. No timeout counts
# meanwhile.
JOINING = 15.0


class Runnable(Subclassable):
    """Runs until it is told to stop, step by step.

    A child says what a step is (``_step``), how to open and close, whether it is open
    (``_is_open``), and whether it still waits for its turn (``_has_partitions``,
    ``_is_replaying``).
    """

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._patience = Patience(self._stopping)

    def run(self, count: int | None = None, timeout: float | None = None) -> int:
        """Work until Ctrl-C or ``stop()``.

        Args:
            count: end after so many records; None has no such end.
            timeout: end after so many seconds without a record, unless the topic holds more;
                None waits for ever.

        Returns:
            How many records were worked on.

        Raises:
            UnreachableError: no Kafka there.
            AccessError: not authorized to use a topic or a group.
            DeliveryError: something that was sent was refused; the records are done again at the
                next run.
            ChatError: anything else that waiting cannot mend. What it can is tried again.
        """
        done = 0
        opened_here = not self._is_open()
        try:
            with CtrlC(on_press=self.stop) as ctrl_c:
                try:
                    self.open()
                    self._announce(is_endless=count is None and timeout is None)
                    begun = last = time.monotonic()
                    while not self._stopping.is_set() and (count is None or done < count):
                        with ctrl_c.held():
                            most = MAX_STEP if count is None else min(count - done, MAX_STEP)
                            worked = self._try_step(most)
                            done += worked
                        now = time.monotonic()
                        if worked or self._is_starting(now - begun):
                            last = now
                        elif timeout is not None and now - last >= timeout:
                            if self._is_behind():
                                continue
                            break
                finally:
                    if opened_here:
                        self.close()
        finally:
            self._stopping.clear()
        return done

    def stop(self) -> None:
        """End ``run`` soon, in order; from any thread."""
        self._stopping.set()

    def open(self) -> Any:
        """Fix where to start, now: what is sent after this call is seen by ``run``.

        ``with service:`` opens and closes.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections. ``run`` opens them again."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_open(self) -> bool:
        raise NotImplementedError

    def _step(self, most: int) -> int:
        """Wait a moment for records, and work on them, at most so many. Returns how many."""
        raise NotImplementedError

    def _try_step(self, most: int) -> int:
        """A step; if it fails for a reason that may pass, a pause before the next one."""
        try:
            return self._step(most)
        except (kafka.errors.KafkaError, ChatError) as error:
            self._patience.wait(error, self, **self._named_in_errors())
            return 0

    def _named_in_errors(self) -> dict[str, Any]:
        """What an error may name: the client's options, and topics."""
        return {}

    def _has_partitions(self) -> bool:
        raise NotImplementedError

    def _is_replaying(self) -> bool:
        return False

    def _is_behind(self) -> bool:
        """Whether there is more to do, although nothing came in time."""
        return False

    def _is_starting(self, seconds: float) -> bool:
        """Whether a timeout does not count yet, so many seconds after the beginning."""
        if self._has_partitions():
            return self._is_replaying()
        return seconds < JOINING

    def _announce(self, is_endless: bool) -> None:
        """Say on the terminal that it runs."""
