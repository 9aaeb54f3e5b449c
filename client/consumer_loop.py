"""The consumer behind ``get_consumer``: kafka-python's own, with a loop that takes large steps and survives bad records.

Decoding cannot raise (that would make the client spin for ever): a ``Malformed`` stands for what could not be read, is
reported with its place, forwarded if a dead-letter topic is named, and left out.

The one idea to take away: a consumer's place is a number for each partition, and the loop decides when it moves.
"""

import atexit
import datetime
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import kafka
import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

from client import workarounds
from client.fetched_records import Keys, QuickRecords, Values
from client.tuning import FIRST_STEPS_MS, Outage
from deadletters import forward
from errors import AccessError, ClosedError
from schemas import Malformed, printable

__all__ = ['ChatConsumer']

log = logging.getLogger(__name__)

FIRST_STEP = 500  # records of the first poll, as kafka-python's own
METADATA_WAIT = 10.0  # seconds for a topic's partitions to become known; a topic that is new is created meanwhile


class ChatConsumer(kafka.KafkaConsumer):  # type: ignore[misc]
    """A KafkaConsumer that reports and skips what it cannot read, and whose loop takes large steps."""

    def __init__(
        self, *topics: str, schema: Any = None, dead_letter_topic: str | None = None, **options: Any
    ) -> None:
        self._values = Values(schema)
        self._dead_letter_topic = dead_letter_topic
        self.on_malformed: Callable[[Any], None] | None = None  # instead of forwarding
        self._pid = os.getpid()
        self._records: Iterator[Any] = iter(())
        self._ends: dict[TopicPartition, OffsetAndMetadata] = {}
        self._current: Any = None
        self._starts: dict[TopicPartition, int] = {}
        self._given, self._given_at, self._pace = 0, 0.0, FIRST_STEP
        workarounds.read_any_header()
        super().__init__(
            *topics, value_deserializer=self._values, key_deserializer=Keys(), **options
        )
        self._fetcher.PartitionRecords = QuickRecords
        self._outage = Outage(self)
        self._client.cluster.config['retry_backoff_ms'] = (
            FIRST_STEPS_MS  # kafka-python 3.0 does not hand the option on
        )
        if not _open:
            atexit.register(_close_all)
        _open.add(self)

    def __repr__(self) -> str:
        return f'<ChatConsumer of {", ".join(sorted(self.subscription() or ())) or "nothing"}{", closed" if self._closed else ""}>'

    def start_at(self, topics: list[str], offset: str | int | datetime.datetime) -> None:
        """Subscribe, and fix where each partition starts: now, not at the first poll as the client would."""
        self.subscribe(topics)
        deadline = time.monotonic() + METADATA_WAIT
        while missing := [
            topic for topic in topics if not self._cluster.partitions_for_topic(topic)
        ]:
            if time.monotonic() > deadline:
                raise AccessError(
                    f'The topic {missing[0]!r} is not there. Check its name, or create it if Kafka may not by itself.'
                )
            update = self._cluster.request_update()
            self._net.run(self._manager.wait_for, update, 1000)
        places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in self._cluster.partitions_for_topic(topic)
        ]
        if offset == 'earliest':
            return
        ends = self.end_offsets(places, timeout_ms=METADATA_WAIT * 1000)
        if isinstance(offset, datetime.datetime):
            found = self.offsets_for_times(
                dict.fromkeys(places, max(int(offset.timestamp() * 1000), 0))
            )
            self._starts = {
                place: found[place].offset if found.get(place) else end
                for place, end in ends.items()
            }
        elif isinstance(offset, int):
            begin = self.beginning_offsets(places)
            self._starts = {
                p: min(end, max(begin[p], offset if offset >= 0 else end + offset))
                for p, end in ends.items()
            }
        else:
            self._starts = ends

    def listen(self, listener: Any) -> None:
        """Have a ``ConsumerRebalanceListener`` told which partitions come and go."""
        self._subscription.rebalance_listener = listener

    def _refresh_committed_offsets(self, timeout_ms: float | None = None) -> bool:
        settled: bool = super()._refresh_committed_offsets(timeout_ms)
        for place in (
            self._subscription.assigned_partitions() if self._starts and not settled else ()
        ):
            if place in self._starts and self._subscription.is_offset_reset_needed(place):
                super().seek(place, self._starts.pop(place))
        return settled

    def poll(
        self, timeout_ms: float = 0, max_records: int | None = None, update_offsets: bool = True
    ) -> dict[TopicPartition, list[Any]]:
        """As kafka-python's, without the records that cannot be read; a partition that had nothing else comes with an empty list.

        Raises:
            ClosedError: the consumer was closed, or was made before a fork.
        """
        self._check_open()
        self._outage.look()
        bad = self._values.malformed
        batch: dict[TopicPartition, list[Any]] = {}
        try:
            if update_offsets and self._ends:  # a loop was left: what it has not given comes again
                self._drop_ahead()
            batch = super().poll(timeout_ms, max_records or self.pace(), update_offsets)
        except (
            kafka.errors.KafkaConnectionError
        ):  # a member of a group that looks for its coordinator while Kafka is away
            time.sleep(min(timeout_ms / 1000, 0.1))
        self._given, self._given_at = sum(map(len, batch.values())), time.monotonic()
        if not update_offsets:
            self._ends = {
                place: OffsetAndMetadata(r[-1].offset + 1, '', r[-1].leader_epoch)
                for place, r in batch.items()
            }
        if self._values.malformed != bad:
            try:
                batch = {
                    place: [r for r in records if not self._is_malformed(r)]
                    for place, records in batch.items()
                }
            except (
                BaseException
            ):  # a dead letter that was not delivered: the whole batch comes again
                for place, records in batch.items():
                    self.seek(place, records[0].offset)
                raise
        return batch

    def pace(self) -> int:
        """As many records as were worked off in a second: large steps for a quick loop, small ones for one that must not miss a poll."""
        if self._given:
            quick = self._given / max(time.monotonic() - self._given_at, 1e-6)
            self._pace = min(int(max(quick, 10)), self.config['max_poll_records'])
        return self._pace

    def _is_malformed(self, record: Any) -> bool:
        if record.value.__class__ is not Malformed:
            return False
        bad = record.value
        log.error(
            'skipped %s, partition %d, offset %d: %s: %s',
            record.topic,
            record.partition,
            record.offset,
            printable(bad.why),
            bad.data and bad.data[:60],
        )
        if self.on_malformed is not None:
            self.on_malformed(record)
        elif self._dead_letter_topic is not None:
            forward(self._dead_letter_topic, record)
        return True

    def __iter__(self) -> Iterator[Any]:
        """Records as they come. An interrupted loop loses none: the next one goes on behind the last record it gave."""
        self._check_open()
        wait = self.config['consumer_timeout_ms']
        until, asked = time.monotonic() + wait / 1000, False
        while True:
            for record in self._records:
                self._current = record
                yield record
                if self._closed:
                    return
            self._move_on()
            left = until - time.monotonic()
            if left <= 0 and asked:
                return
            batch, asked = self.poll(min(max(left, 0.1), 1.0) * 1000, update_offsets=False), True
            if batch:
                self._records = iter([record for records in batch.values() for record in records])
                until = time.monotonic() + wait / 1000

    def __next__(self) -> Any:
        """The next record: ``next(c)``."""
        return next(iter(self))

    def _move_on(self, only_current: bool = False) -> None:
        """Tell the client how far the loop has come. It is told once a batch, and before anything that commits."""
        ends = self._ends
        if only_current:
            ends = {}
            if self._current is not None:
                # Records of a batch come partition by partition: those before the current one's are done, those behind are not begun.
                here = TopicPartition(self._current.topic, self._current.partition)
                for place in self._ends:
                    if place == here:
                        ends[place] = OffsetAndMetadata(
                            self._current.offset + 1, '', self._current.leader_epoch
                        )
                        break
                    ends[place] = self._ends[place]
        else:
            self._ends, self._current = {}, None
        for place, end in ends.items():
            if self._subscription.is_fetchable(place):
                self._subscription.assignment[place].position = end

    def commit(self, offsets: Any = None, timeout_ms: float | None = None) -> None:
        """Commit what the loop has given so far (or the offsets given); as kafka-python's otherwise."""
        self._check_open()
        self._move_on(only_current=True)
        super().commit(offsets, timeout_ms)

    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int | None:
        """The offset of the next record that the loop gives."""
        self._check_open()
        self._move_on(only_current=True)
        return super().position(partition, timeout_ms)  # type: ignore[no-any-return]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go to an offset; what had been fetched ahead is dropped, and fetched again."""
        self._drop_ahead()
        super().seek(partition, offset)

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Go to the oldest record."""
        self._drop_ahead()
        super().seek_to_beginning(*partitions)

    def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Go behind the newest record."""
        self._drop_ahead()
        super().seek_to_end(*partitions)

    def _drop_ahead(self) -> None:
        self._check_open()
        self._move_on(only_current=True)
        self._records, self._ends, self._current = iter(()), {}, None

    def close(self, autocommit: bool = True, timeout_ms: float | None = 5000) -> None:
        """Leave the group, commit what the loop has given (with a group), and close the connections."""
        if not self._closed and self._pid == os.getpid():
            self._move_on(only_current=True)
            super().close(autocommit, timeout_ms)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(
                'This consumer is closed. Make another with consumer.get_consumer(...): they are cheap.'
            )
        if self._pid != os.getpid():
            raise ClosedError(
                'This consumer was made before a fork, and belongs to the other process. Make another here.'
            )


_open: weakref.WeakSet[ChatConsumer] = weakref.WeakSet()


def _close_all() -> None:
    """At exit, members leave their groups at once instead of being missed after the session timeout."""
    for consumer in list(_open):
        consumer.close(timeout_ms=1000)
