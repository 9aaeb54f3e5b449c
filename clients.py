"""What we do to kafka-python's producer beneath its public options (read it when ``producer.py`` is no longer enough).

All that reaches into the client stands here and in ``chatconsumer.py``; the client is pinned below 3.1 for their sake.

The one idea to take away: measure first. Each of these was the largest item of a profile, and none gives up safety.
"""

from typing import Any

import kafka
import kafka.errors
from kafka.partitioner import DefaultPartitioner

import diagnosis
import settings

__all__ = ['REFUSALS', 'KeyPartitioner', 'abandon', 'batching', 'make_producer', 'pending']

REFUSALS = (kafka.errors.KafkaConfigurationError, ValueError, AssertionError, RuntimeError)  # options that do not fit together
FIRST_STEPS_MS = 5  # between the tries of a new client to learn about its cluster; 100 by default


class KeyPartitioner(DefaultPartitioner):  # type: ignore[misc]
    """kafka-python's partitioner (murmur2, as in Java), which remembers where each key went."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], int] = {}
        self._counts: dict[str, int] = {}

    def partition(self, topic: str, key: Any, serialized_key: bytes | None, value: Any, serialized_value: Any, cluster: Any) -> int:
        """The partition for a key; it is computed once, and again when the topic's partitions have grown."""
        count = len(cluster.partitions_for_topic(topic) or ())
        if self._counts.get(topic) != count or len(self._known) > 100_000:
            self._known.clear()
            self._counts[topic] = count
        place = self._known.get((topic, serialized_key)) if serialized_key is not None else None
        if place is None:
            place = super().partition(topic, key, serialized_key, value, serialized_value, cluster)
            if serialized_key is not None:
                self._known[topic, serialized_key] = place
        return place


def make_producer(options: settings.Options) -> Any:
    """A KafkaProducer of the caller's own, whose errors tell the way out; ``send_msg`` and the alert services use it."""
    diagnosis.require_listener(options)
    try:
        producer = kafka.KafkaProducer(**options)
    except kafka.errors.KafkaTimeoutError as error:
        raise diagnosis.explain(options, error) from error
    except REFUSALS as error:
        raise diagnosis.refused(error) from error
    # net/manager.py of kafka-python 3.0 does not hand retry_backoff_ms on: without this the first send takes 100 ms more.
    producer._metadata.config['retry_backoff_ms'] = FIRST_STEPS_MS
    return producer


def batching(producer: Any) -> dict[str, Any]:
    """The live options by which records are gathered into batches: ``linger_ms`` may change from send to send."""
    return producer._accumulator.config  # type: ignore[no-any-return]


def pending(producer: Any) -> int:
    """How many messages are neither acknowledged nor failed."""
    return sum(batch.record_count for batch in producer._accumulator._incomplete.all())


def is_spent(producer: Any) -> bool:
    """Whether the producer refuses all further messages: to kafka-python 3.0, one refused batch is fatal to an idempotent producer."""
    return producer._transaction_manager is not None and bool(producer._transaction_manager.has_fatal_error())


def abandon(producer: Any) -> None:
    """Use a producer no more, without waiting: it is spent, or it belongs to the process that this one was forked from."""
    producer._closed = True
    producer._unregister_cleanup()
    producer._sender.initiate_close()
