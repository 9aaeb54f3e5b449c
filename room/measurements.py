"""What the plots show: counts and delays, second by second, without any Kafka.

`history` counts what came, for all pages; each page measures its own delays.

The one idea to take away: a sum for each second is small, however many messages it stands for.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ['Delays', 'Lags', 'MessageCounts', 'Second']

KEPT = 90  # seconds
MOST_SENDERS = 500  # counted apart within a second; all others together
OTHERS = '(others)'


@dataclass(slots=True)
class Second:
    """What came within one second.

    Args:
        time: the second, since 1970.
        senders: how many messages came from each sender.
        alerts: how many alerts came.
    """

    time: int
    senders: Counter[str] = field(default_factory=Counter)
    alerts: int = 0


class MessageCounts:
    """Messages by sender, and alerts, for each of the last 90 seconds.

    Args:
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._seconds: deque[Second] = deque(maxlen=KEPT)

    def add_message(self, sender: str) -> None:
        """Count a message that came now."""
        senders = self._now().senders
        if sender not in senders and len(senders) >= MOST_SENDERS:
            sender = OTHERS
        senders[sender] += 1

    def add_alert(self) -> None:
        """Count an alert that came now."""
        self._now().alerts += 1

    def last(self, count: int) -> list[Second]:
        """The last full seconds, oldest first; a quiet one has no senders."""
        now = int(self.clock())
        known = {second.time: second for second in self._seconds}
        return [known.get(each) or Second(each) for each in range(now - count, now)]

    def _now(self) -> Second:
        now = int(self.clock())
        if not self._seconds or self._seconds[-1].time != now:
            self._seconds.append(Second(now))
        return self._seconds[-1]


class Delays:
    """How long messages took from their timestamp to the browser, for each of the last 90 seconds.

    Args:
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._seconds: deque[tuple[int, list[float]]] = deque(maxlen=KEPT)

    def add(self, timestamp: float) -> None:
        """Note that a message has arrived now.

        Args:
            timestamp: the record's, in seconds since 1970.
        """
        now = self.clock()
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, []))
        self._seconds[-1][1].append(now - timestamp)

    def in_second(self, second: int) -> list[float]:
        """The delays in seconds of what arrived within a second, shortest first."""
        return sorted(dict(self._seconds).get(second, ()))


class Lags:
    """How far each group was behind, for each of the last 90 seconds.

    Args:
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._seconds: dict[int, dict[str, int]] = {}

    def add(self, lags: dict[str, int]) -> None:
        """Note the lag of each group now: the last note of a second counts."""
        self._seconds[int(self.clock())] = lags
        while len(self._seconds) > KEPT:
            del self._seconds[next(iter(self._seconds))]

    def in_seconds(self, seconds: list[int], most: int) -> dict[str, list[int | None]]:
        """The lags in some seconds, by group: of those that were most behind."""
        found = [self._seconds.get(second, {}) for second in seconds]
        highest: Counter[str] = Counter()
        for lags in found:
            for group, lag in lags.items():
                highest[group] = max(highest[group], lag)
        return {
            group: [lags.get(group) for lags in found] for group, _ in highest.most_common(most)
        }
