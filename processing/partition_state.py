"""What a service knows of one partition, and from where the log tells it again (steps 6 and 7).

The one idea to take away: the log is the state. What can be replayed need not be saved; it is
enough to know where to begin.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import Any

from processing.commit_metadata import CommitMetadata
from processing.record_clock import RecordClock

__all__ = ['PartitionState']

MARKS = 64  # that cover a window: a replay begins at most a 64th of the window too early


class PartitionState:
    """The state of one partition: the service's own, its time, and where a replay would begin.

    Args:
        value: the service's own state, from ``new_state()``. If it has an attribute ``carried``,
            any JSON value, commits carry that along: it is what a replay of the window would not
            tell.

    Attributes:
        clock: the partition's time.
        replay_until: records before this offset have been alerted about.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.clock = RecordClock()
        self.replay_until = 0
        self._committed: CommitMetadata | None = None  # until the replay has ended
        self._marks: deque[tuple[int, float]] = deque()  # (offset, time before it), oldest first

    def mark(self, offset: int, duration: float) -> None:
        """Note where a replay could begin, before the record at ``offset`` is looked at.

        Args:
            offset: the record's.
            duration: the window in seconds; marks that lie before it are forgotten.
        """
        marks = self._marks
        now = self.clock.now
        if not marks or now >= marks[-1][1] + duration / MARKS:
            marks.append((offset, now))
        while len(marks) > 1 and marks[1][1] <= now - duration:
            marks.popleft()

    def remember(self, offset: int) -> CommitMetadata:
        """What a commit at ``offset`` has to say, so that `restore` makes all this again.

        Only to be called behind a replay: there may be no new record that could be read.
        """
        self.end_replay()
        marks = list(self._marks) or [(offset, self.clock.now)]
        replay_from, time_before = marks[0]
        return CommitMetadata(
            replay_from=replay_from,
            time_before=time_before,
            time=self.clock.now,
            marks=tuple(marks[1:]),
            carried=getattr(self.value, 'carried', None),
        )

    def restore(self, committed: CommitMetadata | None, offset: int) -> int:
        """Take up what a commit remembered.

        Args:
            committed: from the commit; None if it says nothing: then the window begins empty.
            offset: the committed one.

        Returns:
            The offset to replay from.
        """
        self.replay_until = offset
        if committed is None:
            return offset
        start = min(committed.replay_from, offset)
        self.clock.now = committed.time_before
        self._marks = deque([(start, committed.time_before), *committed.marks])
        self._committed = committed
        return start

    def replayed(self, records: list[Any]) -> Iterator[tuple[list[Any], float]]:
        """Those of the next records that were alerted about before, cut at the marks.

        Yields:
            Some records, and the latest time that the clock can have shown when they were seen
            first.
        """
        if self._committed is None or records[0].offset >= self.replay_until:
            return
        begin = 0
        for offset, wall in [*self._marks, (self.replay_until, self._committed.time)]:
            end = bisect_left(records, offset, begin, key=_offset)
            if end > begin:
                yield records[begin:end], wall
            begin = end

    def end_replay(self) -> None:
        """Be as the one was who committed. To be called before each record that is new."""
        committed = self._committed
        if committed is not None:
            self.clock.now = max(self.clock.now, committed.time)
            if committed.carried is not None:
                self.value.carried = committed.carried
            self._committed = None


def _offset(record: Any) -> int:
    offset: int = record.offset
    return offset
