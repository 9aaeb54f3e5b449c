"""Wall time and CPU time of a part of a job.

The CPU time is that of all threads, and hardly moves with the machine's load.
"""

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

SERVERS = 'KAFKA_BOOTSTRAP_SERVERS'
LIMIT = 100
DURATION = 60.0


@contextlib.contextmanager
def measured(result: dict[str, Any]) -> Iterator[None]:
    """Put the seconds that the block took into ``result``, also if Ctrl-C ended it."""
    began, cpu = time.perf_counter(), time.process_time()
    result['began'] = time.time()
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        result['cpu'] = time.process_time() - cpu
        result['seconds'] = time.perf_counter() - began


class Window:
    """The throttle in its simplest form: all timestamps of a sender within the duration."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.times: dict[str, deque[float]] = {}

    def exceeded(self, sender: str, now: float) -> bool:
        """Whether this message is one too many."""
        times = self.times.setdefault(sender, deque())
        times.append(now)
        while times[0] <= now - DURATION:
            times.popleft()
        return len(times) > self.limit


def alert(value: dict[str, str]) -> dict[str, Any]:
    """What a throttle says."""
    return {
        'alert_type': 'throttled',
        'alert_message': f'{value["sender"]} sent too many messages',
        'triggered_by': value,
    }
