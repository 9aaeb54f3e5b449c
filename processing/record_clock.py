"""What time it is on a partition: told by the records, not by the wall (steps 6 and 7).

A window over record time gives the same alerts live, late and replayed. But each record's timestamp
comes from its sender's clock, and any of those may be wrong.

The one idea to take away: one clock proves nothing. It is as late as two senders say it is.
"""

__all__ = ['NEVER', 'RecordClock']

NEVER = float('-inf')
MAJORITY = 3  # senders among whom one wrong clock is outvoted


class RecordClock:
    """The time of one partition, and the times of its messages, in seconds since 1970.

    Of each sender's latest timestamp, the second highest is the *agreed* time: a sender whose clock
    is ahead cannot move it alone, and one whose clock is behind cannot hold it up. A message's own
    time is the latest of the agreed time, its timestamp, and its sender's message before; so only
    one sender, the *leader*, can be ahead of the agreed time.

    While only one sender has spoken, ``now`` is theirs. If their clock was ahead, ``now`` stays
    ahead by as much, since it may not go back; from then on it goes as fast as the agreed time.

    Attributes:
        agreed: what two senders say; it never goes back; ``-inf`` while only one has spoken.
        now: the agreed time, for services; it never goes back either.
        shift: by how much ``now`` is ahead of ``agreed``.
        leader: who has the highest timestamp so far.
        lead: that timestamp.
        ahead: the leader, while it is ahead of the agreed time; None else.
        spoken: how often the leader was heard, whoever it was.

    >>> clock = RecordClock()
    >>> [clock.hear(who, sent, wall=900.0) for who, sent in
    ...     [('red', 100.0), ('ahead', 700.0), ('blue', 101.0), ('red', 50.0), ('ahead', 102.0)]]
    [100.0, 700.0, 101.0, 101.0, 700.0]
    >>> clock.agreed
    101.0
    """

    __slots__ = ('_heard', 'agreed', 'ahead', 'lead', 'leader', 'now', 'shift', 'spoken')

    def __init__(self) -> None:
        self.agreed = self.lead = self.now = NEVER
        self.leader: str | None = None
        self.ahead: str | None = None
        self.shift = 0.0
        self.spoken = 0
        self._heard: set[str] = set()  # the first few senders

    def hear(self, sender: str, sent: float, wall: float) -> float:
        """Take a message into account.

        Not needed where it would change nothing: the timestamp is not after ``agreed``, and the
        sender is not ``ahead``. Then the message's time is ``agreed``.

        Args:
            sender: who sent it.
            sent: its timestamp.
            wall: the latest time that it can be: no message comes from the future.

        Returns:
            The message's own time. It never goes back for a sender.
        """
        if sent > wall:
            sent = wall
        if sender == self.leader:
            self.spoken += 1
            if sent > self.lead:
                self.lead = sent
            time = self.lead
        else:
            time = agreed = sent
            if sent > self.lead:
                agreed = self.lead
                self.leader, self.lead = sender, sent
                self.spoken += 1
            if len(self._heard) < MAJORITY:
                self._hear_one_of_the_first(sender, agreed)
            elif agreed > self.agreed:
                self.agreed = agreed
                self.now = agreed + self.shift
            if time < self.agreed:
                time = self.agreed
        if self.agreed == NEVER:
            self.now = max(self.now, self.lead)
        self.ahead = self.leader if self.lead > self.agreed else None
        return time

    def _hear_one_of_the_first(self, sender: str, agreed: float) -> None:
        """What so few senders agree on may turn out to be far off: `now` does not jump then."""
        self.agreed = max(self.agreed, agreed)
        if sender in self._heard:
            self.now = self.agreed + self.shift
        else:
            self._heard.add(sender)
            self.now = max(self.now, self.agreed)
            self.shift = self.now - self.agreed if self.agreed > NEVER else 0.0

    def resume(self, agreed: float, shift: float) -> None:
        """Go on from an agreed time, or a later one, with many senders."""
        if agreed > self.agreed:
            self.agreed = agreed
            self._heard = {str(number) for number in range(MAJORITY)}
        if self.agreed > NEVER:
            self.shift = shift
            self.now = max(self.now, self.agreed + shift)
        if self.lead < self.agreed:
            self.leader, self.lead = None, self.agreed
        self.ahead = self.leader if self.lead > self.agreed else None
