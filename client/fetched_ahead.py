"""Records that were fetched ahead of the loop that gives them (used by ``consumer_loop.py``).

A loop takes records one by one from a batch. How many it has taken is known to the batch's
iterator, so the consumer's position can be *computed* at any moment and need not be written down at
each record.

The one idea to take away: what can be computed from one source of truth cannot go wrong by itself.
"""

import operator
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

__all__ = ['FetchedAhead']


class FetchedAhead:
    """One batch, given record by record, partition by partition.

    Args:
        batch: what a poll returned, without the records that cannot be read.
        ends: for each partition of the poll, the position behind its last record, read or not.

    >>> tp = TopicPartition('human-messages', 0)
    >>> ahead = FetchedAhead({tp: ['a', 'b']}, {tp: OffsetAndMetadata(2, '', -1)})
    >>> next(ahead.records), ahead.given, ahead.is_done
    ('a', 1, False)
    """

    def __init__(
        self,
        batch: Mapping[TopicPartition, list[Any]],
        ends: Mapping[TopicPartition, OffsetAndMetadata],
    ) -> None:
        self._ends = ends
        self._counts = {partition: len(records) for partition, records in batch.items()}
        self._records = [record for records in batch.values() for record in records]
        self.records: Iterator[Any] = iter(self._records)

    @property
    def given(self) -> int:
        """How many records were taken."""
        return len(self._records) - operator.length_hint(self.records)

    @property
    def is_done(self) -> bool:
        """Whether all of them were."""
        return self.given == len(self._records)

    def positions(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Where each partition stands: behind the last record that was given.

        Partitions of which nothing was given yet are left out; they stand where they stood.
        """
        given = self.given
        found: dict[TopicPartition, OffsetAndMetadata] = {}
        for partition, count in self._counts.items():
            if given >= count:
                found[partition] = self._ends[partition]
                given -= count
                continue
            if given > 0:
                last = self._records[self.given - 1]
                found[partition] = OffsetAndMetadata(last.offset + 1, '', last.leader_epoch)
            break
        return found

    def drop(self) -> None:
        """Give no more of them; who is in the middle of ``records`` is at its end now."""
        self._records.clear()
        self._counts.clear()
