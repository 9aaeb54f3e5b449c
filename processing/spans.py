"""Which stretches of a partition a window depends on: those that a replay has to read again.

Usually that is the latest `duration` seconds of the log. But a sender whose clock is ahead has a
window of its own, which began further back; and one who talks alone moves no other's window. So the
log is cut into spans, and each says how long it counts.

The one idea to take away: remember where things are in the log, and forget what they were.
"""

from dataclasses import dataclass

from processing.record_clock import NEVER, RecordClock

__all__ = ['MIN_GAP', 'Span', 'Spans']

PARTS = 64  # of a window: a replay begins at most a 64th of it too early
MIN_GAP = 500  # records that are worth to be passed over
MOST_SPANS = 256  # that are remembered; more are put together


@dataclass(slots=True)
class Span:
    """Some records that follow each other.

    Args:
        begin: the offset of the first one.
        end: the offset behind the last one.
        agreed_before: the agreed time before them.
        lead_before: the highest time of a message before them.
        lead: the same behind them.
        leader: whose own time was ahead in them; None is nobody.
        own: up to which time the leader's own messages in them count.
        others: up to which time those of everybody else count.
    """

    begin: int
    end: int
    agreed_before: float
    lead_before: float
    lead: float
    leader: str | None = None
    own: float = NEVER
    others: float = NEVER

    def counts(self, clock: RecordClock, reach: float) -> bool:
        """Whether something in it is within ``reach`` seconds of its sender's next message."""
        leads = clock.lead if self.leader == clock.leader else clock.agreed
        return self.own > leads - reach or self.others > clock.agreed - reach

    def join(self, later: 'Span') -> None:
        """Take in the following span."""
        self.end, self.lead = later.end, later.lead
        self.others = max(self.others, later.others)
        self.note_leader(later.leader, later.own)

    def note_leader(self, leader: str | None, own: float) -> None:
        """The leader spoke; if it is another one than before, that one's lead is over."""
        if leader is not None:
            if self.leader not in (leader, None):
                self.others = max(self.others, self.own)
                self.own = NEVER
            self.leader, self.own = leader, max(self.own, own)


class Spans:
    """The spans of a partition that still count, oldest first.

    Args:
        clock: the partition's.
    """

    def __init__(self, clock: RecordClock) -> None:
        self._clock = clock
        self._spans: list[Span] = []
        self._before: tuple[int, float, str | None] = (0, NEVER, None)

    def begin(self, offset: int, duration: float, reach: float) -> None:
        """Before some records are looked at.

        Args:
            offset: of the first one.
            duration: a span is a 64th of this, or a little more.
            reach: seconds after which nothing counts any more.
        """
        clock = self._clock
        self._before = (clock.spoken, clock.agreed, clock.leader)
        if self._spans:
            last, step = self._spans[-1], duration / PARTS
            if clock.agreed <= last.agreed_before + step and clock.lead <= last.lead_before + step:
                return
            self._spans = self.within(reach)
        if len(self._spans) >= MOST_SPANS:
            self._thin()
        self._spans.append(Span(offset, offset, clock.agreed, clock.lead, clock.lead))

    def end(self, offset: int, count: int) -> None:
        """After they were looked at.

        Args:
            offset: behind the last one.
            count: how many they were.
        """
        clock, span = self._clock, self._spans[-1]
        spoken, agreed, leader = self._before
        span.end, span.lead = offset, clock.lead
        if clock.spoken > spoken:
            span.note_leader(clock.leader, clock.lead)
        if clock.spoken - spoken < count or (clock.agreed, clock.leader) != (agreed, leader):
            span.others = clock.agreed

    def within(self, reach: float) -> list[Span]:
        """The spans in which something is within ``reach`` seconds of its sender's next message."""
        return [span for span in self._spans if span.counts(self._clock, reach)]

    def _thin(self) -> None:
        """Put each two of the older half together: a replay knows the time less well there."""
        half = len(self._spans) // 4 * 2
        older = self._spans[:half]
        for span, later in zip(older[::2], older[1::2], strict=True):
            span.join(later)
        self._spans[:half] = older[::2]
