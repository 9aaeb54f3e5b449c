"""Dead letters go back to the topic they came from, each exactly once (behind ``redrive``).

Letters and the offset behind them are written in one Kafka transaction. However the process ends,
both are there, or neither is.

The one idea to take away: to pass on a record is two writes, the record and how far one has come.
Whatever comes between them loses a record, or doubles it.
"""

import contextlib
import logging
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Set
from typing import Any

import kafka
import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

import settings
from client import retention
from client.dead_letters import PREFIX, name_of, without_ours
from client.fatal_errors import explain, is_temporary
from client.fetched_records import FastRecords
from client.first_steps import FirstStepsReading
from client.lost_positions import go_on_at_oldest
from client.send_errors import describe
from client.transactions import TransactionalProducer
from connection import diagnosis
from errors import AccessError, ChatError, DeliveryError, RefusedError, UnreachableError

__all__ = ['PassedBy', 'Redrive']

log = logging.getLogger(__name__)

# What Kafka says of a single record: the others of its transaction would have been taken.
REFUSALS = (
    kafka.errors.MessageSizeTooLargeError,
    kafka.errors.RecordListTooLargeError,
    kafka.errors.InvalidTimestampError,
    kafka.errors.InvalidRecordError,
)
FENCED = (kafka.errors.ProducerFencedError, kafka.errors.InvalidProducerEpochError)
NUMBER = re.compile(rb'-?\d{1,18}')
ANSWER_TIMEOUT_MS = 10_000  # that a question to Kafka may take
POLL_MS = 100
MOST = 500  # letters in one transaction
SHOWN = 3  # letters that are told of each kind; the others are counted


class PassedBy:
    """What could not be sent again: the first of each kind are logged, the others are counted."""

    def __init__(self) -> None:
        self._places: set[tuple[int, int]] = set()
        self._kinds: Counter[str] = Counter()

    def add(self, record: Any, why: str) -> None:
        """Note a record, once.

        Args:
            record: on the dead-letter topic.
            why: the end of a sentence about it.
        """
        place = record.partition, record.offset
        if place in self._places:
            return
        self._places.add(place)
        self._kinds[why] += 1
        if self._kinds[why] <= SHOWN:
            log.error('%s %s. It is passed by.', name_of(record), why)

    def finish(self) -> int:
        """Tell of those that were only counted. Returns how many there are in all."""
        for why, count in self._kinds.items():
            if count > SHOWN:
                log.error('%d more: each %s. They are passed by.', count - SHOWN, why)
        return len(self._places)


class Redrive:
    """Sends the letters of a dead-letter topic back to one of the topics that they came from.

    No group is joined: whoever redrives the same letters for the same group uses the same
    transactional ids, so Kafka shuts out the one who came first.

    Args:
        topic: the dead-letter topic; this and all other names have their prefix.
        target: the topic that they go back to.
        group: remembers which were sent.
        passed_by: where those are noted that cannot be sent.
        may_create: the target is created for its first letter, if it is gone and Kafka may.
        timeout: seconds without an answer after which Kafka counts as gone.
    """

    producer_class: type[TransactionalProducer] = TransactionalProducer

    def __init__(
        self,
        topic: str,
        target: str,
        group: str,
        passed_by: PassedBy,
        *,
        may_create: bool,
        timeout: float,
    ) -> None:
        self._topic = topic
        self._target = target
        self._group = group
        self._passed_by = passed_by
        self._may_create = may_create
        self._timeout = timeout
        self._is_gone = False  # the target
        self._id = ''  # the transactional id
        self._producer: TransactionalProducer | None = None
        self._keeps: retention.Retention | None = None

    def run(self, targets: Set[str]) -> int:
        """Send what is there now.

        Args:
            targets: other topics whose letters are left alone in silence.

        Returns:
            How many letters were sent.
        """
        with contextlib.closing(self._make_consumer()) as consumer:
            topics = consumer.topics()
            if self._topic not in topics:
                raise AccessError(
                    f'There is no topic {self._topic!r} (UNKNOWN_TOPIC_OR_PARTITION). '
                    'Name the one that dead_letter_topic= named.'
                )
            self._is_gone = self._target not in topics
            numbers = consumer.partitions_for_topic(self._topic)
            ends = consumer.end_offsets([TopicPartition(self._topic, each) for each in numbers])
            return sum(
                self._run_partition(consumer, partition, end, targets)
                for partition, end in sorted(ends.items())
            )

    def _make_consumer(self) -> Any:
        options = settings.client_options(
            'consumer',
            group_id=self._group,
            auto_offset_reset='earliest',
            enable_auto_commit=False,
            # What a service wrote before it was killed in mid-transaction is no letter.
            isolation_level='read_committed',
        )
        diagnosis.require_listener(options)
        consumer = kafka.KafkaConsumer(**options)
        FirstStepsReading.apply(consumer)
        FastRecords.use_in(consumer)
        return consumer

    def _run_partition(
        self, consumer: Any, partition: TopicPartition, end: int, targets: Set[str]
    ) -> int:
        self._id = f'{self._group}-{partition.topic}-{partition.partition}'
        sent = 0
        try:
            if self._may_create or not self._is_gone:
                # Before the group is asked how far it is: who had the id is shut out by this, and
                # what it had not committed is aborted.
                self._begin_anew()
            for records in self._read(consumer, partition, end):
                due = [record for record in records if self._is_due(record, targets)]
                if not self._is_gone:  # else they are left for when it is there again
                    sent += self._send(due, partition, records[-1].offset + 1)
        except kafka.errors.KafkaError as error:
            self._give_up()
            raise self._explain(error) from error
        except BaseException:
            self._give_up()
            raise
        if self._producer is not None:
            self._producer.close()
            self._producer = None
        return sent

    # Reading

    def _read(self, consumer: Any, partition: TopicPartition, end: int) -> Iterator[list[Any]]:
        """What the group has not done, up to an end."""
        begin = consumer.beginning_offsets([partition])[partition]
        latest = consumer.end_offsets([partition])[partition]
        done = consumer.committed(partition, timeout_ms=ANSWER_TIMEOUT_MS)
        consumer.assign([partition])
        if done is None:
            consumer.seek(partition, begin)
        elif begin <= done <= latest:
            consumer.seek(partition, done)
        else:
            go_on_at_oldest(consumer, {partition: done})
        deadline = time.monotonic() + self._timeout
        while (consumer.position(partition, timeout_ms=ANSWER_TIMEOUT_MS) or 0) < end:
            for records in consumer.poll(timeout_ms=POLL_MS, max_records=MOST).values():
                if due := [record for record in records if record.offset < end]:
                    yield due
                deadline = time.monotonic() + self._timeout
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f'Nothing came from {self._topic} for {self._timeout:g} s. Is Kafka running? '
                    'Try: python -m settings'
                )

    def _is_due(self, record: Any, targets: Set[str]) -> bool:
        """Whether it is a letter that goes back to the target. What goes nowhere is noted."""
        headers = dict(record.headers)
        origin = (headers.get(f'{PREFIX}topic') or b'').decode(errors='replace')
        why = ''
        if not origin:
            why = f'is no dead letter: it has no header {PREFIX}topic'
        elif origin not in targets:
            why = f'came from {origin[:250]!r}, and may not go back there without --to'
        elif origin != self._target:
            return False
        elif any(name.startswith(f'{PREFIX}cut') for name in headers):
            why = f'was too large to be kept whole (the original is on {origin}, if still kept)'
        elif self._is_gone and not self._create_target():
            why = (
                f'came from {origin!r}, which is not there now, or not for us '
                '(UNKNOWN_TOPIC_OR_PARTITION)'
            )
        if why:
            self._passed_by.add(record, why)
        return not why

    # Sending

    def _send(self, letters: list[Any], partition: TopicPartition, behind: int) -> int:
        """Send letters, and commit the offset behind them. Returns how many Kafka took.

        If it refuses one, halves are tried until that one is found.
        """
        try:
            self._transact(letters, partition, behind)
        except ChatError as error:
            refused = error.__cause__
            if not isinstance(refused, REFUSALS):
                raise
        else:
            return len(letters)
        self._give_up()
        self._begin_anew()
        if len(letters) == 1:
            why = f'was refused by {self._target}: {describe(refused)}'
            self._passed_by.add(letters[0], why)
            self._transact([], partition, behind)
            return 0
        half = len(letters) // 2
        sent = self._send(letters[:half], partition, letters[half - 1].offset + 1)
        return sent + self._send(letters[half:], partition, behind)

    def _transact(self, letters: list[Any], partition: TopicPartition, behind: int) -> None:
        """Letters and offset in one transaction: both count, or neither does."""
        assert self._producer is not None
        messages = [self._original(record) for record in letters]
        self._warn_of_age(messages)
        self._producer.begin()
        for message in messages:
            self._producer.send(**message)
        offsets = {partition: OffsetAndMetadata(behind, '', -1)}
        self._producer.send_offsets(offsets, self._group)
        self._producer.commit()

    def _original(self, record: Any) -> dict[str, Any]:
        """What a letter holds, as it was before, for ``KafkaProducer.send``."""
        said = dict(record.headers).get(f'{PREFIX}original-timestamp') or b''
        # A letter of an earlier version has no such header, and its original's time itself.
        timestamp = int(said) if NUMBER.fullmatch(said) else record.timestamp
        is_nothing = record.value is None and record.key is None
        return {
            'topic': self._target,
            'value': record.value,
            'key': b'' if is_nothing else record.key,  # kafka-python needs one of them
            'headers': without_ours(record.headers),
            'timestamp_ms': timestamp if timestamp >= 0 else None,
        }

    def _warn_of_age(self, messages: list[dict[str, Any]]) -> None:
        """Say once if the target will not keep them: they have the times of their originals."""
        times = [each['timestamp_ms'] for each in messages if each['timestamp_ms'] is not None]
        if self._keeps is None and times:
            # What it refuses is told by itself.
            self._keeps = retention.retention(self._target)._replace(takes=math.inf)
        if self._keeps is None or not times:
            return
        if problem := self._keeps.problem(time.time() - min(times) / 1000):
            self._keeps = retention.Retention()
            log.warning('Letters for %r %s. Read them at once.', self._target, problem)

    def _create_target(self) -> bool:
        if self._may_create:
            self._may_create = False
            with contextlib.suppress(AccessError):
                options = settings.client_options('producer')
                diagnosis.require_access(options, [self._target], 'write')
                self._is_gone = False
        return not self._is_gone

    def _begin_anew(self) -> None:
        self._producer = self.producer_class(self._id)

    def _give_up(self) -> None:
        """Abort what is not committed."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.give_up()

    def _explain(self, error: kafka.errors.KafkaError) -> ChatError:
        if isinstance(error, FENCED):
            return RefusedError(
                f'Another redrive of {self._topic!r} has begun, which goes on where this one '
                f'was ({describe(error)}). Let one run at a time.'
            )
        if is_temporary(error):
            return DeliveryError(
                f'Kafka did not confirm that letters are back on {self._target!r} '
                f'({describe(error)}). Run it again: it goes on here.'
            )
        named = {'topic': self._target, 'group_id': self._group, 'transactional_id': self._id}
        return explain(error, **named)
