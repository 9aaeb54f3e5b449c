"""Which partition a key goes to, computed once a key.

The one idea to take away: the same key goes to the same partition, in every language's client,
because all of them compute it in the same way (murmur2).
"""

from typing import Any

from kafka.partitioner import DefaultPartitioner

from client.private_names import Acceleration

__all__ = ['KeyPartitioner', 'make_partitioner']

KEYS = 100_000  # whose partitions are remembered


class KeyPartitioner(Acceleration, DefaultPartitioner):  # type: ignore[misc]
    """kafka-python's partitioner, which remembers where each key went: 3 us less a message.

    The original sorts the partitions and runs murmur2 in Python at each send. It matters where
    ``ShortSend`` is off, and to the transactions of durable services.
    """

    name = 'key-partitioner'
    needs = (
        'partition(self, topic, key, serialized_key, value, serialized_value, cluster)',
        'kafka.cluster.ClusterMetadata.partitions_for_topic(self, topic)',
    )

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
        """The partition of a key: computed once, and again when the topic's partitions grow."""
        if serialized_key is None:
            return self._compute(topic, key, serialized_key, value, serialized_value, cluster)
        count = len(cluster.partitions_for_topic(topic) or ())
        if self._counts.get(topic) != count or len(self._known) > KEYS:
            self._known.clear()
            self._counts[topic] = count
        partition = self._known.get((topic, serialized_key))
        if partition is None:
            partition = self._compute(topic, key, serialized_key, value, serialized_value, cluster)
            self._known[topic, serialized_key] = partition
        return partition

    def _compute(self, *arguments: Any) -> int:
        return super().partition(*arguments)  # type: ignore[no-any-return]


def make_partitioner() -> Any:
    """A partitioner for one producer: one that remembers, if it can."""
    return KeyPartitioner() if KeyPartitioner.is_on(DefaultPartitioner) else DefaultPartitioner()
