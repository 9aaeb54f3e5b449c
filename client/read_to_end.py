"""Reading up to the present end: all that a consumer's partitions hold at this moment, and no more.

The end is the high watermark: what stands behind somebody's open transaction is part of the log,
too, although nobody may read it before that transaction is over.

The one idea to take away: a log has no end, but it has an end now. Fix that first, and read up to
it.
"""

import logging
import time
from collections.abc import Iterator
from typing import Any

import kafka.errors
from kafka import TopicPartition

from client.start_positions import high_watermarks
from errors import OpenTransactionError, UnreachableError

__all__ = ['read_to_end']

log = logging.getLogger(__name__)

# Seconds.
PATIENCE = 30.0
# A program's transaction is given up by Kafka after its transaction.timeout.ms: 60 s by default.
OPEN_TRANSACTION = 120.0
WORTH_A_WORD = 3.0
BETWEEN_QUESTIONS = 0.5
ANSWER_MS = 2000
STEP_MS = 100

Offsets = dict[TopicPartition, int]


def read_to_end(
    consumer: Any, timeout: float = PATIENCE, open_transaction: float = OPEN_TRANSACTION
) -> Iterator[list[Any]]:
    """The records between a consumer's position and the end that its partitions have now.

    Afterwards the consumer stands at that end, whatever was written meanwhile.

    Args:
        consumer: any KafkaConsumer, subscribed or assigned; as a member of a group it reads the
            partitions that the group gives it.
        timeout: seconds without a record after which Kafka counts as gone; time that the caller
            spends on a batch does not count.
        open_transaction: seconds to wait for the end of a transaction of somebody else that is
            still open; after three a warning says so.

    Yields:
        Records of one partition, in order, at least one.

    Raises:
        UnreachableError: Kafka stopped answering before the end.
        OpenTransactionError: a transaction stayed open; the consumer stands before it.
    """
    silence = _Silence(consumer, timeout, open_transaction)
    ends = _ends_now(consumer, silence)
    paused: set[TopicPartition] = set()
    try:
        while missing := _not_at_end(consumer, ends, paused):
            came = consumer.poll(timeout_ms=STEP_MS)
            for partition, records in came.items():
                due = [record for record in records if record.offset < ends.get(partition, 0)]
                if len(due) < len(records):  # what was written meanwhile is left for later
                    consumer.seek(partition, ends.get(partition, records[0].offset))
                if due:
                    yield due
            if came:
                silence.end()
            else:
                silence.look(missing)
    finally:
        consumer.resume(*paused & set(consumer.assignment()))


def _ends_now(consumer: Any, silence: '_Silence') -> Offsets:
    partitions = consumer.assignment() or {
        TopicPartition(topic, number)
        for topic in consumer.subscription() or ()
        for number in consumer.partitions_for_topic(topic) or ()
    }
    try:
        return high_watermarks(consumer, partitions, silence.timeout)
    except kafka.errors.KafkaTimeoutError as error:
        raise silence.unreachable() from error


def _not_at_end(consumer: Any, ends: Offsets, paused: set[TopicPartition]) -> Offsets:
    """The positions of the partitions that have more to give; those at their end are paused.

    So a busy partition is not read again and again while another one is waited for.
    """
    assigned = consumer.assignment()
    if not assigned:
        return dict.fromkeys(ends, 0) or {TopicPartition('', 0): 0}
    missing = {}
    for partition in assigned:
        position = consumer.position(partition, timeout_ms=ANSWER_MS) or 0
        if position < ends.get(partition, 0):
            missing[partition] = position
        elif partition not in consumer.paused():
            consumer.pause(partition)
            paused.add(partition)
    return missing


class _Silence:
    """What it means that nothing comes: Kafka is gone, or a transaction of somebody is open.

    Args:
        consumer: whose silence.
        timeout: seconds after which Kafka counts as gone.
        open_transaction: seconds after which a transaction has been open for too long.
    """

    def __init__(self, consumer: Any, timeout: float, open_transaction: float) -> None:
        self.timeout = timeout
        self._consumer = consumer
        self._open_transaction = open_transaction
        self._between_questions = min(BETWEEN_QUESTIONS, timeout / 3)
        self._missing: Offsets = {}
        self._heard_at = self._asked_at = time.monotonic()
        self._held_since: float | None = None
        self._was_told = False

    def end(self) -> None:
        """To be called when something came."""
        self._heard_at = time.monotonic()
        self._held_since = None

    def look(self, missing: Offsets) -> None:
        """To be called when nothing came.

        Args:
            missing: the positions of the partitions that are not at their end.
        """
        now = time.monotonic()
        if missing != self._missing:  # what was given up, or is no record, was passed
            self._missing = missing
            self.end()
        elif now - max(self._heard_at, self._asked_at) > self._between_questions:
            self._ask(missing)
            self._asked_at = time.monotonic()
        if time.monotonic() - self._heard_at > self.timeout:
            raise self.unreachable()

    def unreachable(self) -> UnreachableError:
        """The error that says that Kafka is gone."""
        topics = {partition.topic for partition in self._missing}
        names = ', '.join(sorted(topics or self._consumer.subscription() or ()))
        return UnreachableError(
            f'Nothing came from {names} for {self.timeout:g} s. Is Kafka running? '
            'Try: python -m settings'
        )

    def _ask(self, missing: Offsets) -> None:
        """Ask Kafka how far may be read: if no further, then a transaction is open."""
        try:
            stable = self._consumer.end_offsets(list(missing), timeout_ms=ANSWER_MS)
        except kafka.errors.KafkaError:
            return
        held = {tp: offset for tp, offset in missing.items() if offset >= stable[tp]}
        if not held:
            self._held_since = None
            return
        now = time.monotonic()
        if self._held_since is None:
            self._held_since = self._heard_at
        if len(held) == len(missing):
            self._heard_at = now  # Kafka is there
        self._tell(held, now - self._held_since)

    def _tell(self, held: Offsets, waited: float) -> None:
        places = '; '.join(
            f'{tp.topic}, partition {tp.partition}, offset {offset}'
            for tp, offset in sorted(held.items())
        )
        if waited > self._open_transaction:
            raise OpenTransactionError(
                f'A transaction of another program has been open for {waited:.0f} s, and nothing '
                f'behind it can be read: {places} (LAST_STABLE_OFFSET). Kafka ends it after that '
                "program's transaction.timeout.ms: try again then. To end it by hand: "
                'python -m kafka.admin transactions --help'
            )
        if waited > WORTH_A_WORD and not self._was_told:
            self._was_told = True
            log.warning(
                'An open transaction of another program holds back what is behind it: %s '
                '(LAST_STABLE_OFFSET). Waiting for its end, %g s at most.',
                places,
                self._open_transaction,
            )
