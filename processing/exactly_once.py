"""Exactly once, across kills, rebalances and poison: the loop beneath every alert service.

With a group, alerts and consumed offsets are written in one Kafka transaction: both are there, or neither is. The state
of a window needs no database, because the log has it: each commit carries, as its metadata, the oldest offset whose record is still inside
the window. Whoever gets the partition goes back there, and replays up to the committed offset without alerting.

The one idea to take away: the log is the state. What can be replayed need not be saved.
"""

import logging
import time
import uuid
from typing import Any

import kafka
import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener

import settings
from client import tuning
from client.consumer_loop import ChatConsumer
from consumer import get_consumer
from deadletters import letter
from errors import AccessError, UnreachableError
from processing.windows import Partition
from producer import send_msg
from schemas import Alert, HumanMessage, encode, validate

__all__ = ['Group', 'View']

log = logging.getLogger(__name__)

POLL = 200  # ms that a poll waits for records: how long stop() takes
JOINING = 20  # the same while there are no partitions yet: what is assigned is held until the poll returns
IDLE_COMMIT = (
    0.5  # seconds after which offsets are committed although there was nothing to alert about
)
AWAY = (kafka.errors.KafkaError, UnreachableError)  # what is waited out
RIGHTS = 'Ask for WRITE on the topic and on transactional ids that begin with the group, or leave group_id out.'
PATIENCE = 10.0  # seconds for a question to Kafka before it is asked again


class View:
    """The loop of a service without a group: it starts now, sees all partitions, and promises nothing about restarts.

    Args:
        service: an ``alerts.AlertService``.
    """

    def __init__(self, service: Any) -> None:
        self.service = service
        self.partitions: dict[TopicPartition, Partition] = {}
        self.consumer = self._subscribe(group_id=None)

    def _subscribe(self, **options: Any) -> ChatConsumer:
        service = self.service
        return get_consumer(
            service.monitor_topic,
            offset=service.offset,
            schema=HumanMessage,
            dead_letter_topic=service.dead_letter_topic,
            **options,
        )

    def step(self) -> None:
        """Take the next records, and let the service look at each."""
        for place, records in self.consumer.poll(POLL).items():
            if place not in self.partitions:
                self.partitions[place] = Partition(self.service.new_state())
            self._show(self.partitions[place], records, self.service.clock())

    def _show(self, partition: Partition, records: list[Any], wall: float) -> None:
        service, now = self.service, partition.now
        service.state, process = partition.state, service.process_message
        try:
            for record in records:
                sent = record.timestamp / 1000
                if (
                    sent > now
                ):  # neither future nor past timestamps move the window to where they please
                    now = max(now, min(sent, wall))
                service.now = now
                process(record)
        finally:
            partition.now = now

    def emit(self, alert: Any, key: str, headers: list[tuple[str, bytes]]) -> None:
        """Send an alert at once."""
        send_msg(self.service.alert_topic, alert, key=key, headers=headers, schema=Alert)
        self.service.tell(alert)

    def close(self) -> None:
        """Leave."""
        self.consumer.close()


class Group(View, ConsumerRebalanceListener):  # type: ignore[misc]
    """The loop of a durable service: it shares the partitions with its group, and alerts exactly once."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.partitions = {}
        self.producer: Any = None
        self._id = f'{settings.group_name(service.group_id or "")}-{uuid.uuid4().hex[:12]}'
        self._fresh: set[TopicPartition] = set()  # assigned, state not yet built
        self._firsts: dict[TopicPartition, int] = {}  # where a partition without commits began
        self._uncommitted: set[TopicPartition] = set()
        self._out: list[dict[str, Any]] = []
        self._alerts: list[Any] = []
        self._membership: Any = None
        self._replaying = False
        self._in_trouble = False
        self._committed_at = time.monotonic()
        self._alert_topic = settings.topic_name(service.alert_topic)
        self.consumer = self._subscribe(
            group_id=service.group_id,
            enable_auto_commit=False,
            isolation_level='read_committed',  # only then are offsets in another member's open transaction waited for
        )
        self.consumer.on_malformed = self._on_malformed
        self.consumer.subscribe([settings.topic_name(service.monitor_topic)], listener=self)

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Nothing may wait inside this call-back: hold the new partitions until their state is built."""
        # Asked for now, not when it commits: a member that slept through its session has an empty one by then, which Kafka lets pass.
        self._membership = self.consumer.group_metadata()
        self._fresh |= set(assigned)
        if assigned:
            self.consumer.pause(*assigned)

    def on_partitions_revoked(self, revoked: Any) -> None:
        """A partition's state leaves with it."""
        for place in revoked:
            self.partitions.pop(place, None)
            self._uncommitted.discard(place)
            self._fresh.discard(place)

    on_partitions_lost = on_partitions_revoked

    def step(self) -> None:
        """Take the next records, look at them, and commit alerts and offsets together; if that fails, do it again."""
        try:
            batch = self.consumer.poll(POLL if self.partitions else JOINING)
            self._build_states()
            for place, records in batch.items():
                if records and place in self.partitions:
                    self._replay_and_show(place, records)
            due = time.monotonic() - self._committed_at > IDLE_COMMIT
            if self._out or (self._uncommitted and due):
                self._commit()
        except kafka.errors.AuthorizationError as error:  # it would not get better by waiting
            self._forget()
            raise AccessError(
                f'{self._id} may not write {self._alert_topic!r} in a transaction ({error}). {RIGHTS}'
            ) from error
        except AWAY as error:
            self._start_over(error)
        except BaseException:  # a mistake in the service, or a second Ctrl-C: what is half done is not committed by close()
            self._forget()
            raise

    def _build_states(self) -> None:
        for place in list(self._fresh):
            committed = self.consumer.committed(place, metadata=True, timeout_ms=PATIENCE * 1000)
            partition = Partition(self.service.new_state())
            if committed is None:
                start = self._firsts.setdefault(place, self._position(place))
                self._uncommitted.add(place)
            else:
                start = partition.restore(committed.metadata, committed.offset)
            self.consumer.seek(place, start)
            self.consumer.resume(place)
            self.partitions[place] = partition
            self._fresh.discard(place)

    def _replay_and_show(self, place: TopicPartition, records: list[Any]) -> None:
        partition = self.partitions[place]
        partition.mark(records[0].offset, self.service.duration)
        known = 0
        self._replaying = True
        try:
            for some, wall in partition.as_then(records):
                self._show(partition, some, wall)
                known += len(some)
        finally:
            self._replaying = False
        if known < len(records):
            partition.end_replay()
            self._show(partition, records[known:], self.service.clock())
            self._uncommitted.add(place)

    def emit(self, alert: Any, key: str, headers: list[tuple[str, bytes]]) -> None:
        """Keep an alert for this poll's transaction; what is only replayed has had its alert."""
        if not self._replaying:
            validate(alert, Alert)
            self._out.append(
                {
                    'topic': self._alert_topic,
                    'value': encode(alert),
                    'key': key.encode(),
                    'headers': headers,
                }
            )
            self._alerts.append(alert)

    def _on_malformed(self, records: list[Any]) -> None:
        for record in records:
            self._malformed(record)

    def _malformed(self, record: Any) -> None:
        place = TopicPartition(record.topic, record.partition)
        partition = self.partitions.get(place)
        if partition is not None and record.offset >= partition.replay_until:
            self._uncommitted.add(place)
            if self.service.dead_letter_topic is not None:
                self._out.append(letter(self.service.dead_letter_topic, record))

    def _position(self, place: TopicPartition) -> int:
        offset = self.consumer.position(place, timeout_ms=PATIENCE * 1000)
        if offset is None:
            raise kafka.errors.KafkaTimeoutError(
                f'where {place} starts was not answered within {PATIENCE:g} s'
            )
        return offset

    def _commit(self) -> None:
        if self.producer is None:
            self.producer = tuning.make_transactional(self._id)
        offsets = {}
        for place in self._uncommitted:
            offset = self._position(place)
            offsets[place] = OffsetAndMetadata(
                offset, self.partitions[place].as_metadata(offset), -1
            )
        self.producer.begin_transaction()
        for message in self._out:
            self.producer.send(**message)
        tuning.commit(self.producer, offsets, self._membership, PATIENCE)
        told, self._alerts = self._alerts, []
        self._out.clear()
        self._uncommitted.clear()
        self._committed_at = time.monotonic()
        self._in_trouble = False
        for alert in told:
            self.service.tell(alert)

    def _start_over(self, error: Exception) -> None:
        """Give the transaction up, go back to what is committed, and do the batch again."""
        if not self._in_trouble:
            log.warning(
                '%s: nothing was committed (%s: %s). It is done again.',
                self._id,
                type(error).__name__,
                error,
            )
            self._in_trouble = True
        self._forget()
        if self.producer is not None:
            tuning.give_up(self.producer)
            self.producer = None
        assigned = self.consumer.assignment()
        self._fresh |= assigned
        self.consumer.pause(*assigned)

    def _forget(self) -> None:
        for each in (self._out, self._alerts, self._uncommitted, self.partitions):
            each.clear()

    def close(self) -> None:
        """Commit what was looked at, and leave the group."""
        try:
            if self._uncommitted and not self._fresh:
                self._commit()
        except AWAY as error:
            self._start_over(error)
        finally:
            self.consumer.close(autocommit=False)
            if self.producer is not None:
                self.producer.close(timeout=1)
