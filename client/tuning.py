"""What we do to kafka-python's clients beneath their public options (read it when ``producer.py`` is no longer enough).

All that reaches into the client stands here and in ``consumer_loop.py``; the client is pinned below 3.1 for their sake.

The one idea to take away: measure first. Each of these was the largest item of a profile, and none gives up safety.
"""

import logging
import threading
import time
from typing import Any

import kafka
import kafka.errors
from kafka import TopicPartition
from kafka.partitioner import DefaultPartitioner

import settings
from client import workarounds
from connection import diagnosis

__all__ = [
    'REFUSALS',
    'Flow',
    'KeyPartitioner',
    'Outage',
    'abandon',
    'make_producer',
    'pending',
]

log = logging.getLogger(__name__)

REFUSALS = (
    kafka.errors.KafkaConfigurationError,
    ValueError,
    AssertionError,
    RuntimeError,
)  # options that do not fit together
BULK_GAP = 0.0005  # seconds: sends closer than this are bulk, and may wait for company
BULK_LINGER_MS = 20
ROOM = 64 * 2**20  # bytes of messages and their promises that may wait for acknowledgement
PLAIN = 100_000  # bytes: a message that is larger may be too large
KEYS = 100_000  # whose partitions are remembered
WEIGH_EVERY = 4 * 2**20
FUTURE_BYTES = 1000  # what a promise takes
FIRST_STEPS_MS = 5  # between the tries of a new client to learn about its cluster; 100 by default


class KeyPartitioner(DefaultPartitioner):  # type: ignore[misc]
    """kafka-python's partitioner (murmur2, as in Java), which remembers where each key went."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], int] = {}
        self._counts: dict[str, int] = {}

    def partition(
        self,
        topic: str,
        key: Any,
        serialized_key: bytes | None,
        value: Any,
        serialized_value: Any,
        cluster: Any,
    ) -> int:
        """The partition for a key; it is computed once, and again when the topic's partitions have grown."""
        count = len(cluster.partitions_for_topic(topic) or ())
        if self._counts.get(topic) != count or len(self._known) > KEYS:
            self._known.clear()
            self._counts[topic] = count
        place = self._known.get((topic, serialized_key)) if serialized_key is not None else None
        if place is None:
            place = super().partition(topic, key, serialized_key, value, serialized_value, cluster)
            if serialized_key is not None:
                self._known[topic, serialized_key] = place
        return place


def make_producer(options: settings.Options, knock: bool = True) -> Any:
    """A KafkaProducer of the caller's own, whose errors tell the way out; ``send_msg`` and the alert services use it.

    Args:
        options: for kafka-python.
        knock: ask first whether Kafka lets us in; no need where that was just seen.
    """
    if knock:
        diagnosis.require_listener(options)
    try:
        producer = kafka.KafkaProducer(**options)
    except kafka.errors.KafkaTimeoutError as error:
        raise diagnosis.explain(options, error) from error
    except REFUSALS as error:
        raise diagnosis.invalid_options(error) from error
    # net/manager.py of kafka-python 3.0 does not hand retry_backoff_ms on: without this the first send takes 100 ms more.
    producer._metadata.config['retry_backoff_ms'] = FIRST_STEPS_MS
    workarounds.repair(producer)
    return producer


class Flow:
    """What is decided before each message of a producer: whether it waits for company, and whether there is room for it.

    A lone message leaves at once; messages in quick succession are bulk, and gather for ``linger_ms``. What waits for acknowledgement is
    bounded, as Java's ``buffer.memory`` does: kafka-python 3.0 by itself would take messages without end.
    """

    def __init__(self, producer: Any, lingers: bool) -> None:
        self.producer = producer
        self._batching = producer._accumulator.config if lingers else {}
        self._places: dict[tuple[str, bytes], tuple[TopicPartition, int]] = {}
        self._last = 0.0
        self._unweighed = 0

    def admit(self, size: int, alone: bool) -> None:
        """Make ready for a message.

        Args:
            size: its bytes.
            alone: somebody waits for this very message.

        Raises:
            KafkaTimeoutError: there was no room for ``max_block_ms``.
        """
        now = time.perf_counter()
        self._batching['linger_ms'] = (
            BULK_LINGER_MS if now - self._last < BULK_GAP and not alone else 0
        )
        self._last = now
        self._unweighed += size + FUTURE_BYTES
        if self._unweighed > WEIGH_EVERY:
            self._unweighed = 0
            self._wait_for_room()

    def send(
        self, topic: str, value: bytes, key: Any, headers: Any, timestamp_ms: int | None
    ) -> Any:
        """As ``KafkaProducer.send``; for the usual message by a shorter way, to the same place."""
        producer = self.producer
        places = producer._metadata._partitions.get(topic)
        if not (
            places
            and key.__class__ is bytes
            and headers is None
            and len(key) + len(value) < PLAIN
            and not producer._closed
        ):
            return producer.send(
                topic, value, key, None if headers is None else list(headers), None, timestamp_ms
            )
        known = self._places.get((topic, key))
        if known is None or known[1] != len(places):
            partition = producer._partition(topic, None, key, value, key, value)
            known = self._places[topic, key] = TopicPartition(topic, partition), len(places)
            if len(self._places) > KEYS:
                self._places.clear()
        future, full, new, _ = producer._accumulator.append(known[0], timestamp_ms, key, value, ())
        if full or new:
            producer._sender.wakeup()
        return future

    def _wait_for_room(self) -> None:
        if threading.current_thread().name.startswith('kafka-'):
            return  # a call-back must not wait for its own thread
        deadline = time.monotonic() + self.producer.config['max_block_ms'] / 1000
        limit = self.producer.config['batch_size']
        while True:
            waiting = self.producer._accumulator._incomplete.all()
            weight = sum(
                min(b.record_count * b.max_record_size, max(limit, b.max_record_size))
                for b in waiting
            )
            if weight + FUTURE_BYTES * sum(b.record_count for b in waiting) < ROOM:
                return
            oldest = min(waiting, key=lambda batch: batch.created)
            if not oldest.produce_future.wait(max(deadline - time.monotonic(), 0)):
                raise kafka.errors.KafkaTimeoutError(
                    f'{pending(self.producer)} messages wait to be acknowledged'
                )


def pending(producer: Any) -> int:
    """How many messages are neither acknowledged nor failed."""
    return sum(batch.record_count for batch in producer._accumulator._incomplete.all())


class Outage:
    """Says in one line that Kafka is away, and in another that it is back.

    Args:
        consumer: what would be connected if Kafka were there.
        patience: seconds without any connection before it is said.
    """

    def __init__(self, consumer: Any, patience: float = 2.0) -> None:
        self._connections = consumer._manager._conns
        self._patience = patience
        self._seen = self._looked = time.monotonic()
        self._said = False

    def look(self) -> None:
        """To be called at each poll."""
        now, before, self._looked = time.monotonic(), self._looked, time.monotonic()
        if any(connection.connected for connection in list(self._connections.values())):
            self._seen = now
            if self._said:
                log.warning('Kafka is back. It goes on where it was.')
                self._said = False
        elif (
            now - before > self._patience
        ):  # nobody asked for so long that connections may have been closed for that
            self._seen = now
        elif not self._said and now - self._seen > self._patience:
            log.warning(
                'Kafka is away since %.0f s. It is waited for: what is said meanwhile is read later.',
                self._patience,
            )
            self._said = True


def is_spent(producer: Any) -> bool:
    """Whether the producer refuses all further messages: to kafka-python 3.0, one refused batch is fatal to an idempotent producer."""
    return producer._transaction_manager is not None and bool(
        producer._transaction_manager.has_fatal_error()
    )


def abandon(producer: Any) -> None:
    """Use a producer no more, without waiting: it is spent, or it belongs to the process that this one was forked from."""
    producer._closed = True
    producer._unregister_cleanup()
    producer._sender.initiate_close()
