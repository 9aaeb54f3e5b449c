"""The consumer behind ``get_consumer``: large steps, and still kafka-python's contract.

``pause``, ``seek``, ``subscribe``, ``assign``, ``poll``, ``commit`` and the rest act from the next
record on, inside a loop as outside. What it adds to kafka-python's consumer stands in
``plain_consumer.py``; here is only what makes its loop quick, and can be switched off.

The one idea to take away: a consumer's position is a number for each partition, and the loop
decides when it moves.
"""

import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

from client.fetched_ahead import FetchedAhead
from client.fetched_records import FastRecords
from client.group_joins import SeenThroughJoin
from client.plain_consumer import Batch, PlainConsumer
from client.private_names import Acceleration

__all__ = ['ChatConsumer', 'LargeSteps']

LONGEST_WAIT = 1.0  # seconds of one poll, so that an outage is noticed
SHORTEST_WAIT = 0.1
LARGEST_STEP = 5_000  # records


class LargeSteps(Acceleration):
    """Gives a loop up to 5,000 records a poll, without a Python call for each of them.

    Reading costs 12.5 us a message with kafka-python's iterator, 7 in large polls (2.4 together
    with `FastRecords`). Steps of 25,000 cost 0.8 us more: their records do not fit into the
    processor's cache. It needs a poll that leaves the positions alone, and to set them afterwards.
    """

    name = 'large-steps'
    needs = (
        'poll(timeout_ms, max_records, update_offsets)',
        '_subscription.assignment',
        '_subscription.is_fetchable(partition)',
    )


class ChatConsumer(PlainConsumer):
    """A KafkaConsumer that survives bad records, and whose loop takes large steps.

    The arguments are those of `PlainConsumer`.
    """

    def __init__(self, *topics: str, **options: Any) -> None:
        self._ahead = FetchedAhead({}, {})
        super().__init__(*topics, **options)
        FastRecords.use_in(self)
        SeenThroughJoin.use_in(self)
        self._takes_large_steps = LargeSteps.is_on(self)

    # The loop

    def __iter__(self) -> Any:
        """Records as they come. An interrupted loop loses none: the next one goes on behind it."""
        self.check_open()
        if self._takes_large_steps:
            return chain.from_iterable(self._steps())
        return super().__iter__()

    def __next__(self) -> Any:
        """The next record: ``next(c)``."""
        return next(iter(self)) if self._takes_large_steps else super().__next__()

    def _steps(self) -> Iterator[Iterator[Any]]:
        """Each batch as an iterator, which several loops may share."""
        yield self._ahead.records  # what a loop that was left has not given
        while not self._is_closed and self._fetch_ahead():
            yield self._ahead.records

    def _fetch_ahead(self) -> bool:
        """Wait for records; False if none came for the consumer's timeout.

        The time that the loop's body took does not count: it is over when this is called.
        """
        wait = self.config['consumer_timeout_ms'] / 1000
        until = time.monotonic() + wait
        while True:
            self._drop_ahead()
            left = min(max(until - time.monotonic(), SHORTEST_WAIT), LONGEST_WAIT)
            step = min(self.pace(), LARGEST_STEP)
            batch = self._poll(left * 1000, step, update_offsets=False)
            if batch:
                ends = {partition: _behind(records[-1]) for partition, records in batch.items()}
                self._ahead = FetchedAhead(self._without_malformed(batch), ends)
                if not self._ahead.is_done:
                    return True
                until = time.monotonic() + wait  # nothing but what cannot be read is no silence
            elif time.monotonic() >= until and not self.is_more_to_come():
                return False

    # Positions are told to the client only when somebody asks, or changes them.

    def _sync_positions(self) -> None:
        """Tell the client how far the loop has come."""
        for partition, position in self._ahead.positions().items():
            if self._subscription.is_fetchable(partition):
                self._subscription.assignment[partition].position = position

    def _drop_ahead(self) -> None:
        """Tell it, and give no more of what was fetched ahead: the rest is fetched again."""
        self._sync_positions()
        self._ahead.drop()

    def poll(
        self, timeout_ms: float = 0, max_records: int | None = None, update_offsets: bool = True
    ) -> Batch:
        """As kafka-python's, without the records that cannot be read; see `PlainConsumer.poll`."""
        self._drop_ahead()
        return super().poll(timeout_ms, max_records, update_offsets)

    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int | None:
        """The offset of the next record that the loop gives."""
        self._sync_positions()
        return super().position(partition, timeout_ms)

    def commit(self, offsets: Any = None, timeout_ms: float | None = None) -> None:
        """Commit what the loop has given so far (or the offsets given); as kafka-python's."""
        self.check_open()
        self._sync_positions()
        super().commit(offsets, timeout_ms)

    def commit_async(self, offsets: Any = None, callback: Any = None) -> Any:
        """As `commit`, without waiting; as kafka-python's."""
        self.check_open()
        self._sync_positions()
        return super().commit_async(offsets, callback)

    def pause(self, *partitions: TopicPartition) -> None:
        """Give nothing more of these partitions until they are resumed."""
        self._drop_ahead()
        super().pause(*partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go to an offset."""
        self.check_open()
        self._drop_ahead()
        super().seek(partition, offset)

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Go to the oldest record."""
        self.check_open()
        self._drop_ahead()
        super().seek_to_beginning(*partitions)

    def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Go behind the newest record."""
        self.check_open()
        self._drop_ahead()
        super().seek_to_end(*partitions)

    def subscribe(self, topics: Any = (), pattern: Any = None, listener: Any = None) -> None:
        """Read other topics from now on; as kafka-python's."""
        self._drop_ahead()
        super().subscribe(topics, pattern, listener)

    def assign(self, partitions: Any) -> None:
        """Read these partitions from now on; as kafka-python's."""
        self._drop_ahead()
        super().assign(partitions)

    def unsubscribe(self) -> None:
        """Read nothing from now on; as kafka-python's."""
        self._drop_ahead()
        super().unsubscribe()

    def close(self, autocommit: bool = True, timeout_ms: float | None = 5000) -> None:
        """Leave the group, commit what the loop has given (with a group), close the connections."""
        if not self._is_closed:
            self._drop_ahead()
        super().close(autocommit, timeout_ms)


def _behind(record: Any) -> OffsetAndMetadata:
    return OffsetAndMetadata(record.offset + 1, '', record.leader_epoch)
