"""The loop beneath every service and bot (step 8): read, work, wait for what was sent, commit.

A service of your own says what it does with one record::

    class Shouts(Service):
        def on_message(self, record):
            if record.value['contents'].isupper():
                self.send('shouts', record.value, because=record)

    Shouts(topic='human-messages', group_id='shouts', offset='earliest').run()

The one idea to take away: commit after the work, never before. What a crash interrupts is then done
again (at least once), so the work must not mind being done twice: it is idempotent.
"""

import json
from typing import Any

import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

from client.consumer_loop import ChatConsumer
from client.fatal_errors import is_temporary
from consumer import get_consumer
from errors import DeliveryError
from processing.partition_news import PartitionNews
from processing.replay import BECAUSE, origin
from processing.runnable import Runnable
from producer import flush, send_msg
from schemas import HumanMessage, show

__all__ = ['Service']

# Seconds for what was sent to be acknowledged; a producer gives up after 60.
ACKNOWLEDGEMENT_TIMEOUT = 90.0
ANSWER_TIMEOUT_MS = 10_000  # that a question to Kafka may take
POLL_MS = 100

Batch = dict[TopicPartition, list[Any]]


class Service(Runnable):
    """Does something with each record of a topic. Override ``on_message``.

    Args:
        topic: what to read, such as ``'human-messages'``.
        group_id: with one the service is durable: it goes on where it stopped, and several
            instances share the partitions. Without one it is a view that starts at ``offset``
            each time.
        offset: where to start, as in ``get_consumer``; a group that has committed goes on from
            there instead.

    Attributes:
        topic: as given, and so are ``group_id`` and ``offset``.
        schema: what values must look like; None takes any JSON value. For a child to set.
        partitions: the partitions that this instance has now.

    All other attributes begin with an underscore: the names without one are yours.

    >>> class Counter(Service):
    ...     def on_message(self, record):
    ...         print(record.value['sender'], 'said something')
    >>> Counter(topic='human-messages').run(timeout=0.5)
    0
    """

    schema: Any = HumanMessage

    def __init__(self, topic: str, group_id: str | None = None, offset: Any = 'latest') -> None:
        super().__init__()
        self.topic = topic
        self.group_id = group_id
        self.offset = offset
        self.partitions: set[TopicPartition] = set()
        self._consumer: ChatConsumer | None = None
        self._next: dict[TopicPartition, int] = {}  # the offset of the next record to work on
        self._promises: list[Any] = []  # of what was sent since the last commit
        self._settled: dict[TopicPartition, int] = {}  # where to start over
        self._uncommitted: dict[TopicPartition, int] = {}  # settled, and not yet committed
        self._news = PartitionNews(group_id, topic)

    # For a child to override

    def on_message(self, record: Any) -> None:
        """The work for one record. An exception ends ``run``; the record counts as not done."""
        raise NotImplementedError(
            f'{type(self).__name__} does nothing yet. Give it a method on_message(self, record).'
        )

    def on_batch(self) -> None:
        """Called after some records, before their offsets are committed: make the work durable."""

    def start_at(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Called before the first record of partitions that this instance was just given.

        It is the moment to remember: to read back what was done before.

        Returns:
            The offsets to start at; what is not in it starts where the group and ``offset`` say.
        """
        return {}

    def resume_at(self, partition: TopicPartition, offset: int) -> int:
        """The offset to commit when the work of a partition stands at ``offset``."""
        return offset

    def forget(self) -> None:
        """Called when work could not be made durable: forget all that was remembered.

        The service starts over, as after a restart: ``start_at`` is called again, and then come the
        records since the last commit.
        """

    # For a child to call

    def send(self, topic: str, value: Any, because: Any = None, **options: Any) -> None:
        """Send a message.

        The offset of the record it was sent for is committed only when Kafka has acknowledged it.

        Args:
            topic: where to.
            value: any JSON value.
            because: the record that is the reason; a header names it, so that after a crash
                ``causes`` tells what was done already.
            **options: as for ``send_msg``: ``key``, ``headers``, ``timestamp``, ``schema``.
        """
        if because is not None:
            headers = list(options.get('headers') or ())
            options['headers'] = [*headers, (BECAUSE, origin(because).encode())]
        self._promises.append(send_msg(topic, value, **options))

    # Running: see Runnable for run(), stop() and `with service:`

    def open(self) -> ChatConsumer:
        """Fix where to start, now: what is sent after this call is seen by ``run``.

        ``with service:`` opens and closes.

        Returns:
            The consumer behind the service.
        """
        if self._consumer is None:
            self._consumer = get_consumer(
                self.topic,
                offset=self.offset,
                group_id=self.group_id,
                schema=self.schema,
                enable_auto_commit=False,
            )
            self.partitions = set()
            self._news = PartitionNews(self.group_id, self.topic)
            self._news.listen(self._consumer)
            if self.group_id is not None:
                self._consumer.skipped.known_to = self._read_before
        return self._consumer

    def close(self) -> None:
        """Leave the group, and close the connections. ``run`` opens them again."""
        self._stopping.clear()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                if self._uncommitted:
                    self._try_commit(consumer)
            finally:
                consumer.close(autocommit=False)

    def _is_open(self) -> bool:
        return self._consumer is not None

    def _has_partitions(self) -> bool:
        return bool(self.partitions)

    def _is_behind(self) -> bool:
        return self.open().is_more_to_come()

    def _announce(self, is_endless: bool) -> None:
        if is_endless:
            show(f'{type(self).__name__} reads {self.topic!r} until Ctrl-C.')

    def _step(self, most: int) -> int:
        """Poll, take over what is new, work, settle. Returns how many records were worked on."""
        batch = self._poll(most)
        first = {tp: records[0].offset for tp, records in batch.items() if records}
        try:
            self._take_over_new_partitions(batch)
        except BaseException:  # nothing was worked on: all of it comes again
            self._go_to(first)
            raise
        if not batch:
            self._commit({})
            return 0
        try:
            done = self._work(batch)
        finally:  # where the work failed, too: what was done before that is committed
            self._settle(batch)
        return done

    def _poll(self, most: int) -> Batch:
        """Wait a moment for records. Returns them: ``{partition: [record, ...]}``."""
        consumer = self.open()
        return consumer.poll(timeout_ms=POLL_MS, max_records=min(most, consumer.pace()))

    def _take_over_new_partitions(self, batch: Batch) -> set[TopicPartition]:
        """Let ``start_at`` remember, and go to where it says. Returns the partitions that are new.

        Args:
            batch: what was polled; records of a partition that starts elsewhere are taken out.
        """
        consumer = self.open()
        assigned = set(consumer.assignment())
        new = assigned - self.partitions
        if new:
            self._commit_first_positions(new - batch.keys())
            starts = {partition: self._first_offset(partition, batch) for partition in new}
            for partition, offset in self.start_at(new).items():
                batch.pop(partition, None)
                self._next[partition] = starts[partition] = offset
                consumer.seek(partition, offset)
            self._settled |= starts
        for partition in self._uncommitted.keys() - assigned:
            del self._uncommitted[partition]  # whoever has it now commits
        self.partitions = assigned
        self._news.tell(assigned)
        return new

    def _first_offset(self, partition: TopicPartition, batch: Batch) -> int:
        if records := batch.get(partition):
            return int(records[0].offset)
        return self.open().position(partition, timeout_ms=ANSWER_TIMEOUT_MS) or 0

    def _commit_first_positions(self, quiet: set[TopicPartition]) -> None:
        """Fix where a new group is on partitions where it has nothing to do yet.

        What comes while the service is away is then its, too.
        """
        if self.group_id is None:
            return
        consumer = self.open()
        positions = {}
        for partition in quiet:
            if consumer.committed(partition, timeout_ms=ANSWER_TIMEOUT_MS) is None:
                position = consumer.position(partition, timeout_ms=ANSWER_TIMEOUT_MS)
                if position is not None:
                    positions[partition] = position
        self._commit(positions)

    def _work(self, batch: Batch) -> int:
        """Call ``on_message`` for each record, until ``stop()``. Returns for how many."""
        done = 0
        for partition, records in batch.items():
            for record in records:
                if self._stopping.is_set():
                    return done
                # A rebalance may hand out again what was done.
                if record.offset >= self._next.get(partition, 0):
                    self.on_message(record)
                    self._next[partition] = record.offset + 1
                    done += 1
        consumer = self.open()
        for partition in batch:  # what could not be read is done, too
            position = consumer.position(partition)
            if position is not None:
                self._next[partition] = position
        return done

    def _settle(self, batch: Batch) -> dict[TopicPartition, int]:
        """Make the work durable, and commit how far it has come. Returns the offsets to go on at.

        If it cannot be made durable, the service starts over.
        """
        try:
            self.on_batch()
            self._wait_for_acknowledgements()
            offsets = {
                partition: self.resume_at(partition, self._next[partition])
                for partition in batch.keys() & self._next.keys()
            }
        except BaseException:
            self._start_over()
            raise
        self._settled |= offsets
        self._go_back_to_what_is_not_done(batch)
        self._commit(offsets)
        return offsets

    def _start_over(self) -> None:
        """As after a restart: nothing is remembered; the records since the last commit come."""
        self._promises.clear()
        self.forget()
        self._next = dict(self._settled)
        self.partitions = set()  # start_at is asked again
        self._go_to(self._settled)

    def _go_to(self, offsets: dict[TopicPartition, int]) -> None:
        consumer = self.open()
        for partition in offsets.keys() & consumer.assignment():
            consumer.seek(partition, offsets[partition])

    def _wait_for_acknowledgements(self) -> None:
        promises, self._promises = self._promises, []
        if not promises:
            return
        flush(timeout=ACKNOWLEDGEMENT_TIMEOUT)
        failed = [promise for promise in promises if promise.failed()]
        if failed:
            error = failed[0].exception
            raise DeliveryError(
                f'{len(failed)} of {len(promises)} messages were not acknowledged ({error}). '
                'Run it again: it goes on before them.'
            ) from error

    def _go_back_to_what_is_not_done(self, batch: Batch) -> None:
        consumer = self.open()
        for partition, records in batch.items():
            following = self._next.get(partition, 0)
            if records and following <= records[-1].offset:
                consumer.seek(partition, max(following, records[0].offset))

    def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Commit these offsets, and those that an earlier try could not.

        A commit that fails undoes no work: it is tried again later, and whoever starts there before
        that does the last records again.
        """
        if self.group_id is None:
            self._patience.succeed()
            return
        self._uncommitted |= offsets
        if self._uncommitted and self._patience.is_due():
            self._try_commit(self.open())

    def _try_commit(self, consumer: ChatConsumer) -> None:
        commits = {
            partition: OffsetAndMetadata(offset, self._remark(partition, offset), -1)
            for partition, offset in self._uncommitted.items()
        }
        try:
            consumer.commit(commits, timeout_ms=ANSWER_TIMEOUT_MS)
        except kafka.errors.KafkaError as error:
            if not is_temporary(error):
                raise
            self._patience.put_off(error, self)
        else:
            self._uncommitted.clear()
            self._patience.succeed()

    def _remark(self, partition: TopicPartition, offset: int) -> str:
        """What a commit says besides: how far the work has come, where ``resume_at`` goes back."""
        following = self._next.get(partition, offset)
        return f'{{"v": 1, "read_to": {following}}}' if following > offset else ''

    def _read_before(self, partition: TopicPartition) -> int:
        """Up to where the group has read before: what could not be read there has been told."""
        try:
            committed = self.open().committed(
                partition, metadata=True, timeout_ms=ANSWER_TIMEOUT_MS
            )
        except kafka.errors.KafkaError:
            return 0
        if committed is None:
            return 0
        try:
            return int(json.loads(committed.metadata)['read_to'])
        except (KeyError, TypeError, ValueError):
            return int(committed.offset)

    def _named_in_errors(self) -> dict[str, Any]:
        options = {} if self._consumer is None else self._consumer.config
        return {**options, 'topic': self.topic}

    def __repr__(self) -> str:
        group = f', group_id={self.group_id!r}' if self.group_id else ''
        return f'{type(self).__name__}(topic={self.topic!r}{group})'
