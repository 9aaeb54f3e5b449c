"""Which partitions of a group are ours: what a rebalance gives is held until its state is built.

The one idea to take away: a rebalance comes in the middle of a poll. Only note there what came and
what went, and do the work when the poll has returned.
"""

from collections.abc import Callable, Iterable
from typing import Any

from kafka import TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener

from processing.partition_news import PartitionNews

__all__ = ['Assignment']


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes which partitions come and go; kafka-python calls it during a poll.

    Nothing may wait inside these call-backs: a question to Kafka would end the consumer.

    Args:
        consumer: a member of a group.
        on_lost: called with partitions that are no longer ours.
        news: is told of each rebalance, too.

    Attributes:
        held: partitions that are ours, and paused until `release`.
        group_metadata: this member, as Kafka knew it at the last rebalance that was completed.
    """

    def __init__(
        self,
        consumer: Any,
        on_lost: Callable[[Iterable[TopicPartition]], None],
        news: PartitionNews,
    ) -> None:
        self.held: set[TopicPartition] = set()
        self.group_metadata: Any = None
        self._consumer = consumer
        self._on_lost = on_lost
        self._news = news

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Hold what is new."""
        self.note_membership()
        self.hold(assigned)
        self._news.on_partitions_assigned(assigned)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let go."""
        self.held.difference_update(revoked)
        self._on_lost(revoked)

    on_partitions_lost = on_partitions_revoked

    def note_membership(self) -> None:
        """Note which member of which generation we are; to be called after each poll.

        A rebalance that gives nothing has a new generation, too: with a cooperative assignor, none
        of the call-backs tells of it. Asked for now, not at the commit: a member that slept through
        its session has no generation by then, and Kafka lets commits without one pass.
        """
        found = self._consumer.group_metadata()
        if found.generation_id >= 0 and found.member_id:
            self.group_metadata = found

    def hold(self, partitions: Iterable[TopicPartition]) -> None:
        """Let nothing come of these partitions."""
        self.held.update(partitions)
        self._consumer.pause(*partitions)

    def release(self, partition: TopicPartition) -> None:
        """Let its records come."""
        self._consumer.resume(partition)
        self.held.discard(partition)
