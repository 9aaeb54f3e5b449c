"""What a service knows of one partition, and from where the log tells it again (steps 6 and 7).

The one idea to take away: the log is the state. What can be replayed need not be saved; it is
enough to know where to begin.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from processing import commit_metadata
from processing.commit_metadata import CommitMetadata
from processing.record_clock import NEVER, RecordClock
from processing.spans import MIN_GAP, Spans

__all__ = ['PartitionState']


class PartitionState:
    """The state of one partition: the service's own, its time, and where a replay would begin.

    Args:
        value: the service's own state, from ``new_state()``. If it has an attribute ``carried``,
            any JSON value, commits carry that along: it is what a replay of the window would not
            tell. An attribute ``carried_for`` says that a replay tells it after all, if it begins
            so many seconds before the window; that is done where what is carried has no room. An
            attribute ``clock`` that is None is set to the partition's.

    Attributes:
        clock: the partition's time.
        replay_until: records before this offset have been alerted about.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.clock = RecordClock()
        if getattr(value, 'clock', False) is None:
            value.clock = self.clock
        self.replay_until = 0
        self._committed: CommitMetadata | None = None  # until the replay has ended
        self._spans = Spans(self.clock)
        self._duration = 0.0

    def begin(self, records: list[Any], duration: float) -> None:
        """Note where a replay could begin, before some records are looked at.

        Args:
            records: these, in order.
            duration: the window in seconds; what lies before it is forgotten.
        """
        self._duration = duration
        reach = duration + getattr(self.value, 'carried_for', 0.0)
        self._spans.begin(records[0].offset, duration, reach)

    def end(self, records: list[Any]) -> None:
        """Note what the records were, after they were looked at."""
        self._spans.end(records[-1].offset + 1, len(records))

    def remember(self, offset: int) -> CommitMetadata:
        """What a commit at ``offset`` has to say, so that `restore` makes all this again.

        Only to be called behind a replay: there may be no new record that could be read.
        """
        self.end_replay()
        carried = getattr(self.value, 'carried', None)
        memory = self._remember(offset, self._duration, carried)
        carried_for = getattr(self.value, 'carried_for', 0.0)
        if carried_for and not commit_metadata.has_room(memory):
            memory = self._remember(offset, self._duration + carried_for, None)
        return memory

    def _remember(self, offset: int, reach: float, carried: Any) -> CommitMetadata:
        spans = self._spans.within(reach)
        following = list(pairwise(spans))
        return CommitMetadata(
            replay_from=spans[0].begin if spans else offset,
            time_before=spans[0].agreed_before if spans else self.clock.agreed,
            time=max(self.clock.lead, self.clock.now - self.clock.shift),
            marks=tuple((span.begin, before.lead) for before, span in following),
            carried=carried,
            agreed=self.clock.agreed,
            shift=self.clock.shift,
            gaps=tuple(
                (before.end, span.begin)
                for before, span in following
                if span.begin - before.end >= MIN_GAP
            ),
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
        self.clock.resume(committed.time_before, committed.shift)
        self._committed = committed
        return min(committed.replay_from, offset)

    def replayed(self, records: list[Any]) -> Iterator[tuple[list[Any], float | None]]:
        """Those of the next records that were alerted about before, cut at the marks.

        Yields:
            Some records, and the latest time that any can have shown when they were seen first;
            None for those that need not be looked at again.
        """
        if self._committed is None or records[0].offset >= self.replay_until:
            return
        begin = 0
        for offset, wall in _parts(self._committed, self.replay_until):
            end = bisect_left(records, offset, begin, key=_offset)
            if end > begin:
                yield records[begin:end], wall
            begin = end

    def next_to_replay(self, offset: int) -> int:
        """The offset to go on at, behind what need not be looked at again."""
        gaps = () if self._committed is None else self._committed.gaps
        return next((end for begin, end in gaps if begin <= offset < end), offset)

    def end_replay(self) -> None:
        """Be as the one was who committed. To be called before each record that is new."""
        committed = self._committed
        if committed is not None:
            if committed.agreed is not None:
                self.clock.resume(committed.agreed, committed.shift)
            if committed.agreed == NEVER:  # a single sender's
                self.clock.now = max(self.clock.now, committed.time)
            if committed.carried is not None:
                self.value.carried = committed.carried
            self._committed = None


def _parts(committed: CommitMetadata, end: int) -> list[tuple[int, float | None]]:
    """Where each part of a replay ends, and the latest time in it; None for a gap."""
    parts: dict[int, float | None] = dict(committed.marks)
    for gap_begin, gap_end in committed.gaps:
        parts[gap_begin] = parts.get(gap_end, committed.time)
        parts[gap_end] = None
    return [*sorted(parts.items()), (end, committed.time)]


def _offset(record: Any) -> int:
    offset: int = record.offset
    return offset
