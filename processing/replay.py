"""What a topic holds until now: the past, as far as a service needs it (walkthrough step 8).

The one idea to take away: there is no other memory. Who was here, what was answered, what was
copied: all of it is read back from the log, at the moment it is needed.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

import kafka
import kafka.errors
from kafka import TopicPartition

import settings
from client.consumer_loop import ChatConsumer
from client.read_to_end import read_to_end
from connection import diagnosis
from consumer import get_consumer
from errors import OpenTransactionError
from processing.origins import Origins, origin

__all__ = ['BECAUSE', 'Causes', 'causes', 'ensure_topic', 'oldest_time', 'origin', 'read_back']

log = logging.getLogger(__name__)

BECAUSE = 'because'  # the header that names the record a message was sent for
SHORT_WAIT = 3.0  # seconds for an open transaction to end, where waiting is not necessary


def read_back(
    *topics: str, offset: Any = 'earliest', schema: Any = None, quiet: bool = False
) -> Iterator[Any]:
    """All records up to the present end, then it is over: how a service learns what was before it.

    Args:
        *topics: what to read.
        offset: where to start, as in ``get_consumer``; -100 is the last hundred of each partition.
        schema: records that do not fit are reported and left out.
        quiet: they are left out, and whoever reads the topic otherwise reports them.

    Raises:
        UnreachableError: Kafka stopped answering.
        OpenTransactionError: another program left a transaction open for two minutes.

    >>> senders = {record.key for record in read_back('human-messages')}
    """
    with contextlib.closing(get_consumer(*topics, offset=offset, schema=schema)) as consumer:
        consumer.skipped.is_quiet = quiet
        for records in read_to_end(consumer):
            yield from records


def ensure_topic(topic: str, config: Mapping[str, str], partitions: int = 1) -> None:
    """Make a topic with settings of its own, if it is not there.

    Args:
        topic: its name.
        config: Kafka's own topic settings, ``{'cleanup.policy': 'compact'}``.
        partitions: how many.

    Raises:
        UnreachableError: no Kafka there.

    >>> ensure_topic('presence', {'cleanup.policy': 'compact'})
    """
    options = settings.client_options('admin')
    diagnosis.require_listener(options)
    with (
        contextlib.closing(kafka.KafkaAdminClient(**options)) as admin,
        contextlib.suppress(kafka.errors.TopicAlreadyExistsError),
    ):
        wanted = {
            settings.topic_name(topic): {'num_partitions': partitions, 'configs': dict(config)}
        }
        admin.create_topics(wanted, wait_for_metadata=True)


def oldest_time(consumer: Any, partitions: Iterable[TopicPartition]) -> float | None:
    """When the oldest record was written that a new reader of these partitions is given.

    Args:
        consumer: what has them.
        partitions: those that its group has gone on in are left out.

    Returns:
        Seconds since 1970; None if there is no such record.
    """
    times = []
    for partition in partitions:
        first = consumer.offsets_for_times({partition: 0})[partition]
        done = consumer.committed(partition) if consumer.config['group_id'] else None
        if first is not None and (done or 0) <= first.offset:
            times.append(first.timestamp / 1000)
    return min(times, default=None)


class Causes:
    """For which records something was sent to a topic: a crash may have hidden that it was done.

    All of the topic counts, however long it is. The first `catch_up` reads it from its beginning
    (about 5 s for a million records), each further one goes on where the one before ended.

    What was aborted does not count. Where a transaction of another program stays open, what stands
    behind its beginning may not be read in the usual way; it is looked at all the same, and counts.

    Args:
        topic: where it was sent to.
        is_ours: whether a record on it counts; None takes all.
    """

    def __init__(self, topic: str, is_ours: Callable[[Any], bool] | None = None) -> None:
        self._topic = topic
        self._is_ours = is_ours
        self._found = Origins()
        self._undecided = Origins()  # in or behind an open transaction: read again each time
        self._read_from = 0
        self._read_to: dict[TopicPartition, int] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._found or name in self._undecided

    def __iter__(self) -> Iterator[str]:
        yield from self._found
        yield from self._undecided

    def catch_up(self, since: int = 0) -> None:
        """Read what was sent meanwhile.

        Args:
            since: what has a lower offset does not matter, on any partition.

        Raises:
            UnreachableError: Kafka stopped answering.
        """
        self._undecided.clear()
        if since < self._read_from or not self._read_to:
            self._read_from = since
            self._read_to.clear()
        is_held = False
        with self._reader('read_committed') as consumer:
            try:
                self._note(self._found, read_to_end(consumer, open_transaction=SHORT_WAIT))
            except OpenTransactionError:
                is_held = True
                log.warning(
                    'On %s, what stands behind an open transaction of another program counts as '
                    'sent (LAST_STABLE_OFFSET).',
                    self._topic,
                )
            self._read_to = {tp: consumer.position(tp) or 0 for tp in consumer.assignment()}
        if is_held:
            with self._reader('read_uncommitted') as consumer:
                self._note(self._undecided, read_to_end(consumer))

    def _reader(self, isolation_level: str) -> contextlib.closing[ChatConsumer]:
        """A consumer that goes on where the last one was."""
        consumer = get_consumer(self._topic, offset='earliest', isolation_level=isolation_level)
        name = settings.topic_name(self._topic)
        partitions = [TopicPartition(name, n) for n in consumer.partitions_for_topic(name) or ()]
        consumer.unsubscribe()
        consumer.assign(partitions)
        for partition, first in consumer.beginning_offsets(partitions).items():
            consumer.seek(partition, max(first, self._read_to.get(partition, self._read_from)))
        return contextlib.closing(consumer)

    def _note(self, names: Origins, batches: Iterable[list[Any]]) -> None:
        for records in batches:
            for record in records:
                cause = _cause(record)
                if cause and (self._is_ours is None or self._is_ours(record)):
                    names.add(cause)


def _cause(record: Any) -> str:
    """What a record was sent for; '' if it does not say.

    A copy of an answer has two such headers, and the last one is the copy's own.
    """
    for name, data in reversed(record.headers):
        if name == BECAUSE:
            return (data or b'').decode(errors='replace')
    return ''


def causes(topic: str) -> Set[str]:
    """For which records something was sent to a topic, by now.

    Args:
        topic: where it was sent to.

    Returns:
        The `origin` of each: ``{'human-messages/0/17'}``.

    >>> 'human-messages/0/17' in causes('human-messages')
    False
    """
    known = Causes(topic)
    known.catch_up()
    return Origins(known)
