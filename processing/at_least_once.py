"""The loop beneath every service and bot (walkthrough step 8): read, work, wait for what was sent, commit.

A service of your own says what it does with one record::

    class Shouts(Service):
        def on_message(self, record):
            if record.value['contents'].isupper():
                self.send('shouts', record.value, because=record)

    Shouts(topic='human-messages', group_id='shouts', offset='earliest').run()

The one idea to take away: commit after the work, never before. What a crash interrupts is then done again (at least
once), so the work must not mind being done twice: it is idempotent.
"""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import kafka.errors
from kafka import OffsetAndMetadata, TopicPartition

from client.consumer_loop import ChatConsumer
from consumer import get_consumer
from errors import DeliveryError
from processing.replay import BECAUSE, origin
from producer import flush, send_msg
from schemas import HumanMessage

__all__ = ['Service']

log = logging.getLogger(__name__)

PATIENCE = 90.0  # seconds for what was sent to be acknowledged; a producer gives up after 60
QUESTION = 10_000  # ms that a question to Kafka may take
BATCH = 10_000  # records at most between two commits
JOINING = 15.0  # seconds until a member of a group has its partitions, if another one was killed; no timeout counts meanwhile


class Service:
    """Does something with each record of a topic. Override ``on_message``.

    Args:
        topic: what to read, such as ``'human-messages'``.
        group_id: with one the service is durable: it goes on where it stopped, and several instances share the partitions.
            Without one it is a view that starts at ``offset`` each time.
        offset: where to start, as in ``get_consumer``; a group that has committed goes on from there instead.

    >>> class Counter(Service):
    ...     def on_message(self, record):
    ...         print(record.value['sender'], 'said something')
    >>> Counter(topic='human-messages').run(timeout=0.5)
    0
    """

    schema: Any = HumanMessage  # None takes any JSON value

    def __init__(self, topic: str, group_id: str | None = None, offset: Any = 'latest') -> None:
        self.topic, self.group_id, self.offset = topic, group_id, offset
        self._consumer: ChatConsumer | None = None
        self._next: dict[TopicPartition, int] = {}  # where the work stands, for each partition
        self.places: set[TopicPartition] = set()  # the partitions that this instance has
        self._promises: list[Any] = []
        self._stopping = threading.Event()

    def on_message(self, record: Any) -> None:
        """The work for one record. An exception ends ``run``; the record counts as not done."""
        raise NotImplementedError(
            f'{type(self).__name__} does nothing yet. Give it a method on_message(self, record).'
        )

    def on_batch(self) -> None:
        """Called after some records, before their offsets are committed: the moment to make work durable."""

    def start_at(self, places: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Called before the first record of partitions that this instance was just given: the moment to remember.

        Returns:
            The offsets to start at; what is not in it starts where the group and ``offset`` say.
        """
        return {}

    def resume_at(self, place: TopicPartition, offset: int) -> int:
        """The offset to commit when the work of a partition stands at ``offset``."""
        return offset

    def send(self, topic: str, value: Any, because: Any = None, **options: Any) -> None:
        """Send a message. The offset of the record it was sent for is only committed once Kafka has acknowledged it.

        Args:
            topic: where to.
            value: any JSON value.
            because: the record that is the reason; a header names it, so that after a crash ``causes`` tells what was done already.
            **options: as for ``send_msg``: ``key``, ``headers``, ``timestamp``, ``schema``.
        """
        if because is not None:
            options['headers'] = [
                *(options.get('headers') or ()),
                (BECAUSE, origin(because).encode()),
            ]
        self._promises.append(send_msg(topic, value, **options))

    def open(self) -> ChatConsumer:
        """Fix where to start, now: what is sent after this call is seen by ``run``. ``with service:`` opens and closes.

        Returns:
            The consumer behind the service.
        """
        if self._consumer is None:
            options = {'offset': self.offset, 'group_id': self.group_id, 'schema': self.schema}
            self._consumer = get_consumer(self.topic, enable_auto_commit=False, **options)
            self.places = set()
        return self._consumer

    def close(self) -> None:
        """Leave the group, and close the connections. ``run`` opens them again."""
        self._stopping.clear()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close(autocommit=False)

    def stop(self) -> None:
        """End ``run`` after the record it is at; from any thread."""
        self._stopping.set()

    def run(self, count: int | None = None, timeout: float | None = None) -> int:
        """Work until Ctrl-C, ``stop()``, ``count`` records, or ``timeout`` seconds without one. With None go on for ever.

        Returns:
            How many records were worked on.

        Raises:
            UnreachableError: no Kafka there.
            DeliveryError: something that was sent was not acknowledged; the records are done again at the next run.
        """
        done, opened = 0, self._consumer is None
        try:
            with self._interruptible():
                self.open()
                if count is timeout is None:
                    print(f'{type(self).__name__} reads {self.topic!r} until Ctrl-C.', flush=True)
                begun = since = time.monotonic()
                while not self._stopping.is_set() and (count is None or done < count):
                    worked = self._step(BATCH if count is None else min(count - done, BATCH))
                    done += worked
                    now = time.monotonic()
                    if worked or (not self.places and now - begun < JOINING):
                        since = now
                    elif timeout is not None and now - since >= timeout:
                        break
        finally:
            self._stopping.clear()
            if opened:
                self.close()
        return done

    def _step(self, most: int) -> int:
        consumer = self.open()
        batch = consumer.poll(timeout_ms=100, max_records=min(most, consumer.pace()))
        assigned = set(consumer.assignment())
        if assigned - self.places:
            self._begin(assigned - self.places - batch.keys())
            for place, offset in self.start_at(assigned - self.places).items():
                batch.pop(place, None)
                self._next[place] = offset
                consumer.seek(place, offset)
        self.places = assigned
        if not batch:
            return 0
        before, done = dict(self._next), 0
        try:
            for place, record in [
                (place, record) for place, records in batch.items() for record in records
            ]:
                if self._stopping.is_set():
                    break
                if record.offset >= self._next.get(
                    place, 0
                ):  # a rebalance may hand out again what was done
                    self.on_message(record)
                    self._next[place] = record.offset + 1
                    done += 1
            else:
                self._next |= {
                    place: consumer.position(place) for place in batch
                }  # past what could not be read, too
        finally:
            try:
                self._settle(batch.keys() & self._next.keys())
            except BaseException:
                self._next = before
                raise
            finally:
                for place, records in batch.items():
                    if records and self._next.get(place, 0) <= records[-1].offset:
                        consumer.seek(place, max(self._next.get(place, 0), records[0].offset))
        return done

    def _begin(self, quiet: set[TopicPartition]) -> None:
        """Fix the place of a group that is new to a partition and has nothing to do there yet: what comes while it is away is its too."""
        consumer = self.open()
        if self.group_id is not None:
            new = [
                place for place in quiet if consumer.committed(place, timeout_ms=QUESTION) is None
            ]
            self._commit(
                {
                    place: at
                    for place in new
                    if (at := consumer.position(place, timeout_ms=QUESTION)) is not None
                }
            )

    def _settle(self, places: set[TopicPartition]) -> None:
        self.on_batch()
        promises, self._promises = self._promises, []
        if promises:
            flush(timeout=PATIENCE)
            if failed := [promise for promise in promises if promise.failed()]:
                raise DeliveryError(
                    f'{len(failed)} of {len(promises)} messages were not acknowledged ({failed[0].exception}). '
                    'Run it again: it goes on before them.'
                ) from failed[0].exception
        if self.group_id is not None:
            self._commit({place: self.resume_at(place, self._next[place]) for place in places})

    def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        try:
            if offsets:
                self.open().commit(
                    {place: OffsetAndMetadata(at, '', -1) for place, at in offsets.items()},
                    timeout_ms=QUESTION,
                )
        except (
            kafka.errors.CommitFailedError,
            kafka.errors.RebalanceInProgressError,
            kafka.errors.RetriableError,
        ) as error:
            log.warning(
                '%r could not commit (%s): whoever starts there before the next commit does the last records again',
                self,
                error,
            )

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C ends the loop behind the record it is at; a second one at once."""

        def press(*_: object) -> None:
            if self._stopping.is_set():
                raise KeyboardInterrupt
            self.stop()

        main = threading.current_thread() is threading.main_thread()
        listening = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if listening:
            signal.signal(signal.SIGINT, press)
        try:
            yield
        except KeyboardInterrupt:
            pass
        finally:
            if listening:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        group = f', group_id={self.group_id!r}' if self.group_id else ''
        return f'{type(self).__name__}(topic={self.topic!r}{group})'
