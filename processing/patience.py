"""How long a loop tries again: what waiting can mend, with growing pauses; the rest ends at once.

The one idea to take away: wait longer each time, say so now and then, and never for ever what
waiting cannot mend.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from client.fatal_errors import explain, is_temporary, is_vague

__all__ = ['Patience']

log = logging.getLogger(__name__)

# Seconds: Kafka's own defaults of retry.backoff.ms and retry.backoff.max.ms.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
REMINDER = 60.0  # seconds between two lines about the same trouble
VAGUE_TRIES = 10  # of an error that does not tell what failed


class Patience:
    """Waits after an error that another try may mend, and raises any other.

    Args:
        stopping: ends a pause when it is set.
        clock: tells seconds, from any beginning.
    """

    def __init__(
        self, stopping: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stopping = stopping
        self._clock = clock
        self._tries = 0  # since the last success
        self._said_at = float('-inf')
        self._next_try = float('-inf')

    def succeed(self) -> None:
        """Something was made durable: the next trouble is a new one."""
        if self._tries:
            log.warning('It goes on, after %d failed tries.', self._tries)
        self._tries = 0
        self._said_at = float('-inf')

    def wait(self, error: Exception, who: object, **values: Any) -> None:
        """Pause before the next try.

        Args:
            error: what went wrong.
            who: named in the log.
            **values: for `client.fatal_errors.explain`.

        Raises:
            ChatError: waiting would not mend it; names cause and cure.
            Exception: the error itself, if it is neither Kafka's nor ours.
        """
        lasts = is_vague(error) and self._tries >= VAGUE_TRIES
        if not is_temporary(error) or lasts:
            explained = explain(error, **values)
            if explained is error:
                raise error
            raise explained from error
        self._stopping.wait(self.put_off(error, who))

    def put_off(self, error: Exception, who: object) -> float:
        """Note an error that another try may mend. Returns the seconds until then."""
        now = self._clock()
        if now - self._said_at >= REMINDER:
            self._said_at = now
            log.warning('%s: nothing was committed (%s). It is tried again.', who, error)
        pause: float = min(FIRST_PAUSE * 2**self._tries, LONGEST_PAUSE)
        self._tries = min(self._tries + 1, 1000)
        self._next_try = now + pause
        return pause

    def is_due(self) -> bool:
        """Whether the pause after the last error is over."""
        return self._clock() >= self._next_try
