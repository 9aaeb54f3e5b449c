"""Exactly once, across kills, rebalances and poison: the loop beneath every durable alert service.

Alerts and consumed offsets are written in one Kafka transaction: both are there, or neither is. The
state of a window needs no database, because the log has it: each commit carries, as its metadata,
the oldest offset whose record is still inside the window. Whoever gets the partition goes back
there, and replays up to the committed offset without alerting.

The one idea to take away: the log is the state. What can be replayed need not be saved.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

import settings
from client.consumer_loop import ChatConsumer
from client.dead_letters import Forwarder
from client.fatal_errors import explain, is_temporary
from client.transactions import TransactionalProducer
from errors import ChatError
from processing import commit_metadata
from processing.assignment import Assignment
from processing.partition_news import PartitionNews
from processing.partition_state import PartitionState
from processing.view import POLL_MS, Headers, Watcher, show, subscribe
from schemas import Alert, encode, validate

__all__ = ['ExactlyOnceLoop']

log = logging.getLogger(__name__)

JOINING_POLL_MS = 20  # while there are no partitions: what is assigned is held until a poll returns
IDLE_COMMIT = 0.5  # seconds after which offsets are committed although there was no alert
ANSWER_TIMEOUT = 10.0  # seconds for a question to Kafka before it is asked again


class ExactlyOnceLoop:
    """Shares the partitions with its group, and writes each alert exactly once.

    Its parts: the consumer, the assignment (which partitions are ours), the state of each
    partition, the outbox (what the next transaction will write), and the transactional producer.

    Args:
        service: who looks at the messages; it has a ``group_id``.
        clock: tells seconds since 1970.
        on_alert: called with each alert, once it is committed.
        on_commit: called after each commit.
        show: prints a line: which partitions this instance has.
    """

    producer_class: type[TransactionalProducer] = TransactionalProducer

    def __init__(
        self,
        service: Watcher,
        clock: Callable[[], float],
        on_alert: Callable[[Alert], None],
        on_commit: Callable[[], None],
        show: Callable[[str], None] | None = None,
    ) -> None:
        self._service = service
        self._clock = clock
        self._on_alert = on_alert
        self._on_commit = on_commit
        # An id of each instance's own: what keeps a replaced one from committing is the group.
        self._id = f'{settings.group_name(service.group_id or "")}-{uuid.uuid4().hex[:12]}'
        self._alert_topic = settings.topic_name(service.alert_topic)
        dead = service.dead_letter_topic
        self._letters = None if dead is None else Forwarder(dead)
        self._states: dict[TopicPartition, PartitionState] = {}
        self._outbox = _Outbox()
        self._producer: TransactionalProducer | None = None  # made for the first transaction
        self._first_offsets: dict[TopicPartition, int] = {}  # where those without commits began
        self._is_replay = False  # what is looked at now has had its alerts
        self._replayed = 0
        self._committed_at = time.monotonic()
        self.consumer: ChatConsumer = subscribe(
            service,
            group_id=service.group_id,
            enable_auto_commit=False,
            # Only then are offsets in another member's open transaction waited for.
            isolation_level='read_committed',
        )
        self.consumer.on_malformed = self._on_malformed
        self._news = PartitionNews(service.group_id, service.monitor_topic, show)
        self._assignment = Assignment(self.consumer, on_lost=self._drop, news=self._news)
        topics = [settings.topic_name(service.monitor_topic)]
        self.consumer.subscribe(topics, listener=self._assignment)

    @property
    def has_partitions(self) -> bool:
        """Whether there is something to read from."""
        return bool(self._states)

    @property
    def is_replaying(self) -> bool:
        """Whether the last step brought back what had been looked at before."""
        return self._replayed > 0

    def step(self, most: int) -> int:
        """Take the next records, look at them, and commit alerts and offsets together.

        If that fails, nothing is committed, and at the next step the same records come again.

        Args:
            most: so many records at most.

        Returns:
            How many the service looked at, apart from those that were replayed.

        Raises:
            KafkaError: what `client.fatal_errors` can tell more about.
        """
        self._replayed = 0
        try:
            wait = POLL_MS if self._states else JOINING_POLL_MS
            batch = self.consumer.poll(wait, max_records=min(most, self.consumer.pace()))
            self._assignment.note_membership()
            self._build_states()
            self._news.tell(self._states)
            looked_at = self._look_at(batch)
            if self._is_commit_due():
                self._commit()
        except Exception:  # of Kafka, or a mistake in the service
            self._start_over()
            raise
        except BaseException:  # a second Ctrl-C: close() must not commit what is half done
            self._forget()
            raise
        return looked_at

    def emit(self, alert: Alert, key: str, headers: Headers) -> None:
        """Keep an alert for the next transaction; what is only replayed has had its alert."""
        if self._is_replay:
            return
        validate(alert, Alert)
        message = {
            'topic': self._alert_topic,
            'value': encode(alert),
            'key': key.encode(),
            'headers': headers,
        }
        self._outbox.messages.append(message)
        self._outbox.alerts.append(alert)

    def close(self) -> None:
        """Commit what was looked at, and leave the group."""
        try:
            if self._outbox.partitions and not self._assignment.held:
                self._commit()
        except (kafka.errors.KafkaError, ChatError) as error:
            self._start_over()
            if not is_temporary(error):
                raise explain(error, **self.named_in_errors()) from error
            log.warning(
                '%s: the last records are done again at the next start (%s).', self._id, error
            )
        finally:
            self.consumer.close(autocommit=False)
            if self._producer is not None:
                self._producer.close()

    # Where a partition begins

    def _build_states(self) -> None:
        """Build the state of each partition that was just assigned, and let its records come."""
        for partition in list(self._assignment.held):
            state = PartitionState(self._service.new_state())
            start = self._restore(partition, state)
            self.consumer.seek(partition, start)
            self.consumer.skipped.pass_over(partition, state.replay_until)
            self._assignment.release(partition)
            self._states[partition] = state

    def _restore(self, partition: TopicPartition, state: PartitionState) -> int:
        """Ask what the last commit remembers. Returns the offset to begin at."""
        committed = self.consumer.committed(
            partition, metadata=True, timeout_ms=ANSWER_TIMEOUT * 1000
        )
        if committed is None:
            if partition not in self._first_offsets:
                self._first_offsets[partition] = self._position(partition)
            self._outbox.partitions.add(partition)
            return self._first_offsets[partition]
        memory = commit_metadata.load(committed.metadata)
        if memory is None and committed.metadata:
            log.warning(
                '%s, partition %d: the metadata of the committed offset %d was not written by this '
                'version (%.60r). The window begins empty there.',
                partition.topic,
                partition.partition,
                committed.offset,
                committed.metadata,
            )
        return state.restore(memory, committed.offset)

    def _position(self, partition: TopicPartition) -> int:
        offset = self.consumer.position(partition, timeout_ms=ANSWER_TIMEOUT * 1000)
        if offset is None:
            raise kafka.errors.KafkaTimeoutError(
                f'where {partition.topic}, partition {partition.partition} starts was not answered '
                f'within {ANSWER_TIMEOUT:g} s'
            )
        return offset

    # Looking at records

    def _look_at(self, batch: dict[TopicPartition, list[Any]]) -> int:
        looked_at = 0
        for partition, records in batch.items():
            if records and partition in self._states:
                looked_at += self._look_at_partition(partition, records)
        return looked_at

    def _look_at_partition(self, partition: TopicPartition, records: list[Any]) -> int:
        """Replay what was looked at before, and look at the rest. Returns how many are new."""
        state = self._states[partition]
        new = records[self._replay(state, records) :]
        if new:
            state.end_replay()
            self._show(state, new, self._clock())
            self._outbox.partitions.add(partition)
        else:
            behind = records[-1].offset + 1
            go_on = state.next_to_replay(behind)
            if go_on > behind:
                self.consumer.seek(partition, go_on)
        return len(new)

    def _show(self, state: PartitionState, records: list[Any], wall: float) -> None:
        state.begin(records, self._service.duration)
        show(self._service, state, records, wall)
        state.end(records)

    def _replay(self, state: PartitionState, records: list[Any]) -> int:
        replayed = 0
        self._is_replay = True
        try:
            for part, wall in state.replayed(records):
                if wall is not None:
                    self._show(state, part, wall)
                replayed += len(part)
        finally:
            self._is_replay = False
        self._replayed += replayed
        return replayed

    def _on_malformed(self, records: list[Any]) -> None:
        """Records that cannot be read are done, too; their dead letters go into the transaction."""
        for record in records:
            partition = TopicPartition(record.topic, record.partition)
            state = self._states.get(partition)
            if state is None or record.offset < state.replay_until:
                continue
            self._outbox.partitions.add(partition)
            if self._letters is not None:
                self._outbox.messages.append(self._letters.letter(record))

    # Committing, and what happens if that fails

    def _is_commit_due(self) -> bool:
        if self._outbox.messages:
            return True
        idle = time.monotonic() - self._committed_at > IDLE_COMMIT
        return idle and bool(self._outbox.partitions)

    def _commit(self) -> None:
        """Write what is in the outbox in one transaction, with the offsets."""
        if self._producer is None:
            topics = {message['topic'] for message in self._outbox.messages}
            self._producer = self.producer_class(self._id, ANSWER_TIMEOUT, topics)
        producer = self._producer
        offsets = {partition: self._to_commit(partition) for partition in self._outbox.partitions}
        producer.begin()
        for message in self._outbox.messages:
            producer.send(**message)
        producer.send_offsets(offsets, self._assignment.group_metadata)
        producer.commit()
        written = list(self._outbox.alerts)
        self._outbox.clear()
        self._committed_at = time.monotonic()
        self._on_commit()
        for alert in written:
            self._on_alert(alert)

    def _to_commit(self, partition: TopicPartition) -> OffsetAndMetadata:
        offset = self._position(partition)
        memory = self._states[partition].remember(offset)
        return OffsetAndMetadata(offset, commit_metadata.dump(memory), -1)

    def _start_over(self) -> None:
        """Give the transaction up, go back to what is committed, and do the batch again."""
        self._forget()
        if self._producer is not None:
            self._producer.give_up()
            self._producer = None
        self._assignment.hold(self.consumer.assignment())

    def _forget(self) -> None:
        self._outbox.clear()
        self._states.clear()

    def _drop(self, partitions: Iterable[TopicPartition]) -> None:
        """The state of partitions leaves with them."""
        for partition in partitions:
            self._states.pop(partition, None)
            self._outbox.partitions.discard(partition)

    def named_in_errors(self) -> dict[str, Any]:
        """What an error may name."""
        options = settings.client_options('producer') | self.consumer.config
        return {**options, 'topic': self._alert_topic, 'transactional_id': self._id}


class _Outbox:
    """What the next transaction writes."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []  # alerts and dead letters, for the producer
        self.alerts: list[Alert] = []  # to be told of afterwards
        self.partitions: set[TopicPartition] = set()  # whose offsets have moved

    def clear(self) -> None:
        """Nothing is to be written."""
        self.messages.clear()
        self.alerts.clear()
        self.partitions.clear()
