"""kafka-python's consumer, by public calls only, made safe: nothing is skipped or stuck in silence.

Three things are added. It knows where to begin before its first poll. Records that cannot be
decoded are reported, handed on and left out. And where its position is gone, or a batch cannot be
unpacked, it says so and what to do. ``consumer_loop.py`` makes its loop quick.

The one idea to take away: a client's defaults decide many things in silence; find out which.
"""

import atexit
import datetime
import functools
import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import kafka
import kafka.errors
from kafka import TopicPartition

from client.dead_letters import Forwarder
from client.decoders import Keys, Values, is_malformed
from client.fatal_errors import explain, is_temporary
from client.first_steps import FirstStepsReading
from client.lost_positions import follow_truncation, go_on_at_oldest
from client.outage import Outage
from client.skipped_records import SkippedRecords
from client.start_positions import start_positions
from errors import AccessError, ClosedError, UnreadableError

__all__ = ['PlainConsumer']

FIRST_STEP = 500  # records of the first poll, as kafka-python's own
METADATA_WAIT = 10.0  # seconds for a topic to become known; a new one is created meanwhile
QUESTION_MS = 2000  # for a question to Kafka at the end of a loop
DAMAGED = (kafka.errors.CorruptRecordError, kafka.errors.UnsupportedCodecError)

Batch = dict[TopicPartition, list[Any]]


class PlainConsumer(kafka.KafkaConsumer):  # type: ignore[misc]
    """A KafkaConsumer that reports and skips what it cannot read, and says what it missed.

    Args:
        *topics: as for KafkaConsumer; `start_at` subscribes by itself.
        schema: a TypedDict that each value must fit.
        dead_letters: forwards the records of a poll that cannot be read, before the others are
            given. If it raises, the whole poll comes again.
        **options: kafka-python's own.

    Attributes:
        on_malformed: called with such records; it may be replaced.
    """

    def __init__(
        self,
        *topics: str,
        schema: Any = None,
        dead_letters: Forwarder | None = None,
        **options: Any,
    ) -> None:
        self._dead_letters = dead_letters
        self.on_malformed: Callable[[list[Any]], object] | None = None
        if dead_letters is not None:
            self.on_malformed = dead_letters.forward_all
        self.skipped = SkippedRecords()
        self._values = Values(schema)
        # Where a partition begins that has no committed offset; those that came later begin at 0.
        self._starts: dict[TopicPartition, int] = {}
        self._reset = options.pop('auto_offset_reset', 'earliest')
        self._unreadable: tuple[UnreadableError, dict[TopicPartition, int]] | None = None
        self._pace, self._polled, self._polled_at = FIRST_STEP, 0, 0.0
        self._is_closed = False
        self._pid = os.getpid()
        # With 'none' the client raises instead of deciding in silence where to go on: see _poll.
        super().__init__(
            *topics,
            value_deserializer=self._values,
            key_deserializer=Keys(),
            auto_offset_reset='none',
            **options,
        )
        self._outage = Outage(self)
        FirstStepsReading.apply(self)
        _open.add(self)
        _close_all_at_exit()

    def __repr__(self) -> str:
        topics = ', '.join(sorted(self.subscription() or ())) or 'nothing'
        return f'<{type(self).__name__} of {topics}{", closed" if self._is_closed else ""}>'

    # Where it begins

    def start_at(self, topics: list[str], offset: str | int | datetime.datetime) -> None:
        """Subscribe, and fix where each partition begins: now, and not at the first poll."""
        self.subscribe(topics)
        deadline = time.monotonic() + METADATA_WAIT
        while missing := [topic for topic in topics if not self.partitions_for_topic(topic)]:
            if time.monotonic() > deadline:
                raise AccessError(
                    f'The topic {missing[0]!r} does not exist (UNKNOWN_TOPIC_OR_PARTITION). '
                    'Check its name, or create it if Kafka may not by itself.'
                )
            time.sleep(0.01)
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in self.partitions_for_topic(topic)
        ]
        self._starts = start_positions(self, partitions, offset, METADATA_WAIT)

    def _begin(self, partitions: Iterable[TopicPartition]) -> None:
        """Give partitions a position that have none: neither committed nor of this consumer."""
        others = []
        for partition in partitions:
            start = self._starts.get(partition)
            if start is None:
                others.append(partition)
            else:
                self.seek(partition, start)
        if others and self._reset == 'none':
            raise kafka.errors.NoOffsetForPartitionError(set(others))
        if others and self._reset == 'latest':
            self.seek_to_end(*others)
        elif others:
            self.seek_to_beginning(*others)

    # Polling

    def poll(
        self, timeout_ms: float = 0, max_records: int | None = None, update_offsets: bool = True
    ) -> Batch:
        """As kafka-python's, without the records that cannot be read.

        A partition that had nothing else comes with an empty list.

        Raises:
            ClosedError: the consumer was closed, or was made before a fork.
            UnreadableError: a batch of records cannot be unpacked; a seek past it goes on.
        """
        if not update_offsets:  # kafka-python's own loop, which gives, and filters, one by one
            return self._poll(timeout_ms, max_records, update_offsets=False)
        self.check_open()
        batch = self._poll(timeout_ms, max_records)
        try:
            return self._without_malformed(batch)
        except BaseException:  # a dead letter that was not delivered: the whole batch comes again
            for partition, records in batch.items():
                self.seek(partition, records[0].offset)
            raise

    def _poll(self, timeout_ms: float, max_records: int | None, **options: Any) -> Batch:
        """Poll the client, and answer what it asks: where to begin, and where to go on."""
        self._raise_if_unreadable()
        self._outage.look()
        until = time.monotonic() + timeout_ms / 1000
        batch: Batch = {}
        while True:
            left_ms = max(until - time.monotonic(), 0) * 1000
            try:
                batch = super().poll(left_ms, max_records or self.pace(), **options)
                break
            except kafka.errors.NoOffsetForPartitionError as error:
                self._begin(error.args[0])
            except kafka.errors.OffsetOutOfRangeError as error:
                if self._reset == 'none':
                    raise
                go_on_at_oldest(self, error.args[0])
            except kafka.errors.LogTruncationError as error:
                follow_truncation(self, error.divergent_offsets)
            except kafka.errors.KafkaConnectionError:  # looks for its coordinator, Kafka is away
                time.sleep(min(left_ms / 1000, 0.1))
                break
            except Exception as error:
                self._note_unreadable(error)
                self._raise_if_fatal(error)
                raise
        self._polled = sum(len(records) for records in batch.values())
        self._polled_at = time.monotonic()
        return batch

    def pace(self) -> int:
        """As many records as were worked off in a second.

        Large steps for a quick loop, small ones for one that must not miss a poll.
        """
        if self._polled:
            rate = self._polled / max(time.monotonic() - self._polled_at, 1e-6)
            self._pace = min(int(max(rate, 10)), self.config['max_poll_records'])
        return self._pace

    def _raise_if_fatal(self, error: Exception) -> None:
        """Say what to do about an error of Kafka that waiting does not mend."""
        if isinstance(error, kafka.errors.KafkaError) and not is_temporary(error):
            topics = ', '.join(sorted(self.subscription() or ()))
            raise explain(error, **{'topic': topics, **self.config}) from error

    def commit(self, offsets: Any = None, timeout_ms: float | None = None) -> None:
        """Commit what was given so far (or the offsets given); as kafka-python's."""
        self.check_open()
        try:
            super().commit(offsets, timeout_ms)
        except kafka.errors.KafkaError as error:
            self._raise_if_fatal(error)
            raise

    # What cannot be read

    def _without_malformed(self, batch: Batch) -> Batch:
        """The batch without what cannot be decoded, which is reported and handed on."""
        if not self._values.malformed:
            return batch
        bad = [record for records in batch.values() for record in records if is_malformed(record)]
        for record in bad:
            self.skipped.note(record)
        if bad and self.on_malformed is not None:
            self.on_malformed(bad)
        self._values.malformed = 0
        return {
            partition: [record for record in records if not is_malformed(record)]
            for partition, records in batch.items()
        }

    def _note_unreadable(self, cause: Exception) -> None:
        """Raise an UnreadableError if a batch could not be unpacked, and again until a seek.

        kafka-python 3.0 would spin for ever at the next poll.
        """
        if isinstance(cause, kafka.errors.KafkaError | OSError) and not isinstance(cause, DAMAGED):
            return
        positions = {tp: super(PlainConsumer, self).position(tp) for tp in self.assignment()}
        error = cause
        if not isinstance(error, UnreadableError):
            places = ', '.join(
                f'{tp.topic}, partition {tp.partition}, offset {offset}'
                for tp, offset in sorted(positions.items())
            )
            error = UnreadableError(
                f'A batch of records cannot be read ({type(cause).__name__}: {cause}). It is at or '
                f'behind {places}. Install the codec that it needs, or seek past it.'
            )
        self._unreadable = (error, positions)
        raise error from cause.__cause__ if error is cause else cause

    def _raise_if_unreadable(self) -> None:
        if self._unreadable is None:
            return
        error, positions = self._unreadable
        if positions == {tp: super(PlainConsumer, self).position(tp) for tp in self.assignment()}:
            raise error
        self._unreadable = None

    # The loop

    def __iter__(self) -> Iterator[Any]:
        """Records as they come. An interrupted loop loses none: the next one goes on behind it."""
        self.check_open()
        while not self._is_closed:
            try:
                record = PlainConsumer.__next__(self)
            except StopIteration:
                return
            yield record

    def __next__(self) -> Any:
        """The next record: ``next(c)``."""
        self.check_open()
        while True:
            try:
                record = super().__next__()
            except StopIteration:
                if self._is_closed or not self.is_more_to_come():
                    raise
                continue
            if not is_malformed(record):
                return record
            self.skipped.note(record)
            if self.on_malformed is not None:
                try:
                    self.on_malformed([record])
                except BaseException:  # it comes again
                    self.seek(TopicPartition(record.topic, record.partition), record.offset)
                    raise

    def is_more_to_come(self) -> bool:
        """Whether a partition holds more than was given, although nothing came in time."""
        reading = [tp for tp in self.assignment() if tp not in self.paused()]
        if not reading:
            return False
        try:
            ends = self.end_offsets(reading, timeout_ms=QUESTION_MS)
            positions = {tp: self.position(tp, timeout_ms=QUESTION_MS) for tp in reading}
        except kafka.errors.KafkaError:
            return False  # Kafka is away: what there is to give cannot be had now
        return any((positions[tp] or 0) < ends[tp] for tp in reading)

    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int | None:
        """The offset of the next record that the loop gives."""
        self.check_open()
        while True:
            try:
                return super().position(partition, timeout_ms)  # type: ignore[no-any-return]
            except kafka.errors.NoOffsetForPartitionError as error:
                self._begin(error.args[0])

    # The end

    def close(self, autocommit: bool = True, timeout_ms: float | None = 5000) -> None:
        """Leave the group, commit what the loop has given (with a group), close the connections."""
        if not self._is_closed and self._pid == os.getpid():
            self._is_closed = True
            self.skipped.summarize()
            super().close(autocommit, timeout_ms)
            if self._dead_letters is not None:
                self._dead_letters.close()

    def check_open(self) -> None:
        """Raise a ClosedError if it cannot be used any more."""
        if self._is_closed:
            raise ClosedError(
                'This consumer is closed. Make another with consumer.get_consumer(...): '
                'they are cheap.'
            )
        if self._pid != os.getpid():
            raise ClosedError(
                'This consumer was made before a fork, and belongs to the other process. '
                'Make another here.'
            )


_open: weakref.WeakSet[PlainConsumer] = weakref.WeakSet()


@functools.cache
def _close_all_at_exit() -> None:
    """Register one exit handler for all consumers."""
    atexit.register(_close_all)


def _close_all() -> None:
    """At exit, members leave their groups at once instead of being missed after the session."""
    deadline = time.monotonic() + 1.0
    for consumer in list(_open):
        consumer.close(timeout_ms=max(deadline - time.monotonic(), 0) * 1000)
