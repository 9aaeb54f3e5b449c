"""The usual message by a shorter way than ``KafkaProducer.send``, to the same place.

The one idea to take away: a general method pays for all that it could do, at every call. Most calls
need little of it.
"""

from collections.abc import Callable
from typing import Any

from kafka import TopicPartition

from client.lean_append import LeanAppend, varint
from client.private_names import Acceleration

__all__ = ['ShortSend']

KEYS = 100_000  # whose partitions are remembered
SMALL = 100_000  # bytes: a larger message is left to the client, which looks at its size
OVERHEAD = 100  # bytes of a record beside its key and value, at most


class ShortSend(Acceleration):
    """Hands a message with a key and without headers to the client's buffer: 4 us less a message.

    Left out are what such a message does not need: serializers, the estimate of its size, the
    sticky partition, formatting of log lines that nobody reads.

    Args:
        producer: a KafkaProducer without serializers, and without transactions.
        plainly: sends all other messages: takes the same arguments, and returns a future.
        note_failure: is told why a message was not delivered whose promise is a BatchPromise.
    """

    name = 'short-send'
    needs = (
        '_closed: bool',
        '_metadata._partitions: dict',
        '_partition(topic, partition, key, value, serialized_key, serialized_value)',
        '_accumulator.append(tp, timestamp_ms, key, value, headers, now, abort_on_new_batch)',
        '_sender.wakeup()',
    )

    def __init__(
        self,
        producer: Any,
        plainly: Callable[..., Any],
        note_failure: Callable[[BaseException], None],
    ) -> None:
        self._producer = producer
        self._plainly = plainly
        self._append = producer._accumulator.append
        self._small = min(SMALL, producer.config['max_request_size'] - OVERHEAD)
        self._lean = LeanAppend(producer, note_failure) if LeanAppend.is_on(producer) else None
        self.kind_that_tells = None if self._lean is None else self._lean.kind
        # For each topic and key: its partition, how many there were, what appends, the key's bytes.
        self._known: dict[tuple[str, bytes], tuple[TopicPartition, int, Any, bytes]] = {}

    @classmethod
    def why_off(cls, target: Any) -> str:
        """Why it cannot be used; for a producer of transactions or with serializers, too."""
        for option in ('transactional_id', 'key_serializer', 'value_serializer'):
            if target.config[option] is not None:
                return f'{option} is set'
        return super().why_off(target)

    def send(
        self, topic: str, value: bytes | None, key: Any, headers: Any, timestamp_ms: int | None
    ) -> Any:
        """As ``KafkaProducer.send``: returns the same future, and raises the same errors."""
        producer = self._producer
        partitions = producer._metadata._partitions.get(topic)
        if (
            not partitions
            or key.__class__ is not bytes
            or value is None
            or headers is not None
            or len(key) + len(value) > self._small
            or producer._closed
        ):
            return self._plainly(topic, value, key, headers, timestamp_ms)
        known = self._known.get((topic, key))
        if known is None or known[1] != len(partitions):
            known = self._find(topic, key, value, len(partitions))
        tp, _, batch, key_bytes = known
        if batch is not None:
            promise = batch.append(timestamp_ms, value, len(key), key_bytes)
            if promise is not None:
                return promise
        future, is_full, is_new, _ = self._append(tp, timestamp_ms, key, value, ())
        if is_full or is_new:
            producer._sender.wakeup()
        return future

    def _find(
        self, topic: str, key: bytes, value: bytes, count: int
    ) -> tuple[TopicPartition, int, Any, bytes]:
        """Where a key goes, and what appends there."""
        if len(self._known) > KEYS:
            self._known.clear()
        tp = TopicPartition(topic, self._producer._partition(topic, None, key, value, key, value))
        batch = self._lean.batch_of(tp) if self._lean is not None else None
        found = self._known[topic, key] = tp, count, batch, varint(len(key)) + key
        return found
