"""What time it is on a partition: told by the records, not by the wall (steps 6 and 7).

The one idea to take away: a window over record time gives the same alerts live, late and replayed.
But the stamps are the senders', so they must not move the window wherever they please.
"""

__all__ = ['RecordClock']


class RecordClock:
    """The time of one partition, in seconds since 1970. It never goes back.

    Attributes:
        now: the time so far; ``-inf`` before the first record.

    >>> clock = RecordClock()
    >>> [clock.advance(sent, wall=200.0) for sent in (100.0, 90.0, 150.0, 900.0)]
    [100.0, 100.0, 150.0, 200.0]
    """

    __slots__ = ('now',)

    def __init__(self) -> None:
        self.now = float('-inf')

    def advance(self, sent: float, wall: float) -> float:
        """Take a record's timestamp into account.

        Args:
            sent: the timestamp in seconds.
            wall: the latest time that it can be: no record comes from the future.

        Returns:
            The time of the record.
        """
        if sent > self.now:
            self.now = max(self.now, min(sent, wall))
        return self.now
