"""What a consumer says of records that it cannot read (used by ``plain_consumer.py``).

The one idea to take away: the first three tell what is wrong, and the next thousand how much of it
there is. Whoever prints a line for each hides everything else.
"""

import logging
from collections.abc import Callable
from typing import Any

from kafka import TopicPartition

from schemas import printable

__all__ = ['SkippedRecords']

log = logging.getLogger(__name__)

IN_FULL = 3  # records that are told with their place and the reason
SHOWN = 60  # bytes of a record that are shown


class SkippedRecords:
    """Tells of the first three with place and reason, then counts: at 10, at 100, and at the end.

    What a consumer reads again it tells only once.

    Attributes:
        count: how many records were skipped.
        is_quiet: nothing is said. For reading what somebody else reports.
        known_to: tells up to which offset an earlier run has reported; asked once a partition, when
            there is something to report.
    """

    def __init__(self) -> None:
        self.count = 0
        self.is_quiet = False
        self.known_to: Callable[[TopicPartition], int] = lambda _: 0
        self._told = 0  # of these
        self._next: dict[TopicPartition, int] = {}  # records before these offsets are known

    def pass_over(self, partition: TopicPartition, offset: int) -> None:
        """Say nothing of the records before an offset: an earlier run has."""
        self._next[partition] = max(offset, self._next.get(partition, 0))

    def note(self, record: Any) -> None:
        """Count a record whose value is ``Malformed``, and say so if it is time."""
        partition = TopicPartition(record.topic, record.partition)
        if partition not in self._next:
            self._next[partition] = self.known_to(partition)
        if record.offset < self._next[partition]:
            return
        self._next[partition] = record.offset + 1
        self.count += 1
        if self.is_quiet:
            return
        if self.count <= IN_FULL:
            self._told = self.count
            log.error(
                'skipped %s, partition %d, offset %d: %s: %s%s',
                record.topic,
                record.partition,
                record.offset,
                printable(record.value.why),
                record.value.data and record.value.data[:SHOWN],
                '. Further ones are only counted.' if self.count == IN_FULL else '',
            )
        elif str(self.count).strip('0') == '1':  # 10, 100, 1000 ...
            self.summarize(f', the last one in partition {record.partition} at {record.offset}')

    def summarize(self, rest: str = '') -> None:
        """Say how many there were, if that is more than was told."""
        if self.count > self._told and not self.is_quiet:
            self._told = self.count
            log.error('skipped %d records so far%s', self.count, rest)
