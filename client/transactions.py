"""A transaction, step by step: messages and consumed offsets that count together, or not at all.

The exactly-once loop of the alert services uses it (``processing/exactly_once.py``). kafka-python
has the same steps, but its own methods wait for ever; these have a time limit.

The one idea to take away: Kafka writes the records of a transaction at once. What makes them count
is one last mark behind them.
"""

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

import settings
from client.chat_producer import make_producer
from client.fatal_errors import ABOUT_A_RECORD, explain
from client.partitioner import make_partitioner
from client.private_names import Workaround
from connection import diagnosis
from errors import AccessError

__all__ = ['TimeLimits', 'TransactionalProducer']

log = logging.getLogger(__name__)

ANSWER_TIMEOUT = 10.0  # seconds for each question to the transaction coordinator
ABORT_TIMEOUT = 2.0  # seconds; an open transaction expires by itself (transaction.timeout.ms)
CLOSE_TIMEOUT = 1.0  # seconds
STEP_MS = 100  # between two looks at a transaction that takes long
# The default of 100 ms between two questions makes a small transaction take 215 ms, this one 14 ms.
RETRY_BACKOFF_MS = 5


class TimeLimits(Workaround):
    """Gives the steps of a transaction a time limit; kafka-python 3.0.12's own wait for ever."""

    name = 'transaction-time-limits'
    promise = 'a transaction that Kafka does not answer is given up after 10 s'
    needs = (
        '_transaction_manager.send_offsets_to_transaction(offsets, group_metadata)',
        '_transaction_manager.begin_commit()',
        '_transaction_manager.begin_abort()',
        '_sender.wakeup()',
    )


class TransactionalProducer:
    """A producer whose messages and offsets are committed together.

    One transaction is ``begin``, ``send`` for each message, ``send_offsets``, ``commit``. Each
    step is a method of its own, so that a test can end the process at any of them by overriding
    it.

    A producer of the same id that was there before is shut out (fenced), and its open transaction
    aborted: so an id belongs to one instance of a service.

    Args:
        transactional_id: Kafka's ``transactional.id``, with the prefix of this Kafka's groups.
        timeout: seconds for each answer of Kafka.
        topics: where messages will go, with the prefix: an illegal name is told at once.

    Raises:
        AccessError: there can be no such topic.
        UnreachableError: no Kafka there.
        KafkaError: Kafka is there, and cannot begin transactions now.
    """

    def __init__(
        self, transactional_id: str, timeout: float = ANSWER_TIMEOUT, topics: Iterable[str] = ()
    ) -> None:
        self._timeout = timeout
        self._sent: list[tuple[str, Any]] = []  # topics and futures of this transaction
        options = settings.client_options(
            'producer',
            transactional_id=transactional_id,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            partitioner=make_partitioner(),
        )
        _require_topics(options, topics)
        self._producer = make_producer(options)
        try:
            self._producer.init_transactions()
        except BaseException:
            self._producer.close_soon()
            raise
        self._limits_time = TimeLimits.is_on(self._producer)

    def begin(self) -> None:
        """Begin a transaction. Kafka learns of it with its first message."""
        self._sent.clear()
        self._producer.begin_transaction()

    def send(self, **message: Any) -> Any:
        """Send a message within the transaction.

        Args:
            **message: the arguments of ``KafkaProducer.send``, the topic with its prefix.

        Returns:
            kafka-python's future. Nobody needs to wait for it: ``commit`` does.
        """
        topic = message['topic']
        try:
            future = self._producer.send(**message)
        except kafka.errors.MessageSizeTooLargeError as error:
            raise explain(error, topic=topic) from error
        except (ValueError, AssertionError, TypeError) as error:  # kafka-python's own checks
            raise AccessError(
                f'{topic!r} cannot be written to: {str(error).rstrip(".!")}. Use another topic '
                '(INVALID_TOPIC_EXCEPTION).'
            ) from error
        self._sent.append((topic, future))
        return future

    def send_offsets(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], group_metadata: Any
    ) -> None:
        """Make a group's offsets part of the transaction.

        Args:
            offsets: the next offset to read, for each partition.
            group_metadata: what ``KafkaConsumer.group_metadata()`` returned when the partitions
                were assigned. Kafka refuses the offsets of a member that has been replaced since.

        Raises:
            ChatError: a message was refused for good; names its topic, and the cure.
            KafkaError: Kafka refused them, or did not answer in time.
        """
        if not offsets:
            return
        with self._telling_of_refused_messages():
            if self._limits_time:
                manager = self._producer._transaction_manager
                self._wait(manager.send_offsets_to_transaction(offsets, group_metadata))
            else:
                self._producer.send_offsets_to_transaction(offsets, group_metadata)

    def commit(self) -> None:
        """Make it count.

        Raises:
            ChatError: a message was refused for good; names its topic, and the cure.
            KafkaError: it was not committed, or it is not known whether it was.
        """
        with self._telling_of_refused_messages():
            if self._limits_time:
                self._wait(self._producer._transaction_manager.begin_commit())
            else:
                self._producer.commit_transaction()

    def give_up(self) -> None:
        """Abort the transaction, and use this producer no more.

        Kafka is asked to abort, so that readers need not wait until the transaction expires; if it
        does not answer, the transaction is left to expire.
        """
        try:
            if self._limits_time:
                result = self._producer._transaction_manager.begin_abort()
                self._producer._sender.wakeup()
                result.wait(timeout_ms=ABORT_TIMEOUT * 1000)
            else:
                self._producer.abort_transaction()
        except kafka.errors.KafkaError:
            log.debug('the transaction was not aborted, and will expire', exc_info=True)
        self._producer.close_soon()

    def close(self) -> None:
        """Close the connections, after a commit."""
        self._producer.close(timeout=CLOSE_TIMEOUT)

    @contextlib.contextmanager
    def _telling_of_refused_messages(self) -> Iterator[None]:
        """The transaction fails because a message was refused: say which one, and why."""
        try:
            yield
        except kafka.errors.KafkaError:
            for topic, future in self._sent:
                refused = future.exception if future.failed() else None
                if isinstance(refused, ABOUT_A_RECORD):
                    raise explain(refused, topic=topic) from refused
            raise

    def _wait(self, result: Any) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            # Again and again: after a part of a split batch was refused, the sender sleeps for up
            # to 5 s (metadata_max_age_ms) before it lets the transaction fail.
            self._producer._sender.wakeup()
            if result.wait(timeout_ms=STEP_MS):
                return
            if time.monotonic() > deadline:
                raise kafka.errors.KafkaTimeoutError(
                    f'a transaction was not answered within {self._timeout:g} s'
                )


def _require_topics(options: settings.Options, topics: Iterable[str]) -> None:
    """Raise an AccessError where there can be no such topic; kafka-python only runs into time-outs.

    What we are not authorized for, Kafka itself tells in the transaction.
    """
    try:
        diagnosis.require_access(options, topics, 'write')
    except AccessError as error:
        if 'AUTHORIZATION_FAILED' not in str(error):
            raise
