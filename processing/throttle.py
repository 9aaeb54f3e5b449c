"""Who says too much: a sliding window for each sender, decided without any Kafka (step 6).

The one idea to take away: decide apart from doing. What is here can be tested with a made-up clock,
in microseconds.
"""

from array import array
from typing import TypeAlias

from processing.record_clock import RecordClock

__all__ = ['Throttle']

Times: TypeAlias = 'float | array[float]'  # one time, or a ring of them: see Throttle._add


class Throttle:
    """Counts each sender's messages within a sliding window, in constant time a message.

    A message at time ``now`` is over the limit if it and at least ``limit`` earlier ones of its
    sender lie in ``(now - duration, now]``. For that, a sender's latest ``limit`` times are enough.
    Whoever has been silent for ``duration`` is forgotten before twice that time is over.

    Each sender is counted by its own time. Who is idle is told by what all agree on: a sender whose
    clock is ahead makes nobody forgotten, and keeps nobody from being forgotten.

    Args:
        limit: messages that are allowed within the window.
        duration: the window's length in seconds.
        repeat_interval: seconds of quiet about a sender after an alert.

    Attributes:
        carried: when each sender was last alerted about, ``{'red': 1700000000.0}``. A replay of the
            window would not tell, so each commit carries it along, if there is room.
        clock: the partition's clock, which tells who is idle. A message's own time can only be
            ahead of it. None takes that time instead.
        carried_for: a replay that begins so many seconds before the window tells it, too.

    >>> throttle = Throttle(limit=2, duration=60.0)
    >>> [throttle.over('red', now) for now in (0.0, 1.0, 2.0, 61.5)]
    [False, False, True, False]
    """

    def __init__(
        self, limit: int = 100, duration: float = 60.0, repeat_interval: float = 0.0
    ) -> None:
        self.limit = limit
        self.duration = duration
        self.repeat_interval = repeat_interval
        self.carried: dict[str, float] = {}
        self.carried_for = repeat_interval
        self.clock: RecordClock | None = None
        # Two generations of senders: those who spoke since the last turn, and those who only spoke
        # between the turn before and that one.
        self._recent: dict[str, Times] = {}
        self._before: dict[str, Times] = {}
        self._turned = float('-inf')
        self._ahead: set[str] = set()  # those whose own time was behind the next turn

    def __len__(self) -> int:
        return len(self._recent) + len(self._before)

    def over(self, sender: str, now: float) -> bool:
        """Count a message, and say whether to alert.

        Args:
            sender: who sent it.
            now: its time in seconds; never less than that of the sender's message before.
        """
        if now - self._turned >= self.duration:
            self._turn(now if self.clock is None else self.clock.agreed)
            if now - self._turned >= self.duration:
                self._ahead.add(sender)
        if self.limit == 0:
            return self._may_alert(sender, now)
        oldest = self._add(sender, now)
        if oldest is None or oldest <= now - self.duration:
            return False
        return self._may_alert(sender, now)

    def _add(self, sender: str, now: float) -> float | None:
        """Note a time. Returns the one ``limit`` messages before it, if there were so many.

        Most senders say one thing: their time is a bare float, which saves memory. More of them are
        an array, ``[index of the oldest, time, time, ...]``, with at most ``limit`` times in a
        ring.
        """
        known = self._recent.get(sender)
        if known is None:
            known = self._before.pop(sender, None)
            if known is None:
                self._recent[sender] = now
                return None
            self._recent[sender] = known
        if isinstance(known, array):
            times = known
        else:
            times = array('d', (1.0, known))
            self._recent[sender] = times
        if len(times) <= self.limit:
            times.append(now)
            return None
        index = int(times[0])
        oldest = times[index]
        times[index] = now
        times[0] = index + 1 if index < self.limit else 1
        return oldest

    def _may_alert(self, sender: str, now: float) -> bool:
        if self.repeat_interval > 0:
            last = self.carried.get(sender, float('-inf'))
            if now - last < self.repeat_interval:
                return False
            self.carried[sender] = now
        return True

    def _turn(self, agreed: float) -> None:
        """Begin a generation: who has not spoken since the turn before the last is forgotten.

        Not so those who are ahead: their time is still to come.
        """
        if agreed < self._turned + self.duration or agreed == float('-inf'):
            return
        kept = {
            sender: times
            for sender in self._ahead
            if (times := self._recent.get(sender, self._before.get(sender))) is not None
            and _latest(times) > agreed - self.duration
        }
        self._ahead = set(kept)
        self._before = self._recent if agreed < self._turned + 2 * self.duration else {}
        self._before |= kept
        self._recent = {}
        self._turned = agreed
        if self.carried:
            self.carried = {
                sender: last
                for sender, last in self.carried.items()
                if agreed - last < self.repeat_interval
            }


def _latest(times: Times) -> float:
    if not isinstance(times, array):
        return times
    oldest = int(times[0])  # in a ring that is not yet full, it is the first
    return times[oldest - 1 if oldest > 1 else -1]
