"""How often a visitor of the room may do something (used by `state`, `server` and `access`).

The one idea to take away: a limit for each visitor keeps one of them from shutting out the others.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

__all__ = ['RateLimit']

MOST_VISITORS = 2000  # remembered; after that the one who has been away longest is forgotten


class RateLimit:
    """At most so many actions in any so many seconds (a sliding window), for each visitor.

    Args:
        count: actions.
        seconds: the length of the window.
        clock: what tells the time, in seconds.

    >>> limit = RateLimit(count=1, seconds=5.0)
    >>> limit.allow('192.0.2.7'), limit.allow('192.0.2.7')
    (True, False)
    """

    def __init__(
        self, count: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.count = count
        self.seconds = seconds
        self.clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allow(self, visitor: str) -> bool:
        """Whether this visitor may act now; if so, the action counts."""
        if self.is_used_up(visitor):
            return False
        times = self._times.setdefault(visitor, deque(maxlen=self.count))
        self._times.move_to_end(visitor)
        if len(self._times) > MOST_VISITORS:
            self._times.popitem(last=False)
        times.append(self.clock())
        return True

    def is_used_up(self, visitor: str) -> bool:
        """Whether this visitor would have to wait; to ask counts nothing."""
        times = self._times.get(visitor) or deque()
        return len(times) == self.count and self.clock() - times[0] < self.seconds
