"""Says on the terminal which partitions an instance of a service has (steps 6 to 8).

The one idea to take away: Kafka deals a topic's partitions out to the members of a group. Start
another member, or end one, and watch them move.
"""

from collections.abc import Callable, Iterable
from typing import Any

from kafka import TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener

import schemas

__all__ = ['PartitionNews', 'sentence']


class PartitionNews(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells of partitions that came or went: one line after each rebalance that changed something.

    Args:
        group_id: whose members share the partitions; without a group there is nothing to tell.
        topic: what is read.
        show: prints a line.
    """

    def __init__(
        self, group_id: str | None, topic: str, show: Callable[[str], None] | None = None
    ) -> None:
        self._group_id = group_id
        self._topic = topic
        self._show = show or schemas.show
        self._is_rebalanced = False
        self._told: set[int] | None = None

    def listen(self, consumer: Any) -> None:
        """Hear of a consumer's rebalances, where nobody else does."""
        if self._group_id is not None:
            consumer.subscribe(list(consumer.subscription()), listener=self)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """A rebalance is over; kafka-python calls this, also where nothing was given."""
        self._is_rebalanced = True

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """A rebalance begins: what is had meanwhile is not worth a line."""

    def tell(self, assigned: Iterable[TopicPartition]) -> None:
        """To be called when a poll has returned, with the partitions that this instance has."""
        if self._group_id is None or not self._is_rebalanced:
            return
        self._is_rebalanced = False
        numbers = {partition.partition for partition in assigned}
        if numbers != self._told:
            self._told = numbers
            self._show(sentence(self._group_id, self._topic, sorted(numbers)))


def sentence(group_id: str, topic: str, numbers: list[int]) -> str:
    """What is said of the partitions of a member.

    >>> sentence('throttle', 'human-messages', [0, 2])
    'throttle: this instance now reads partitions 0 and 2 of human-messages'
    """
    if not numbers:
        which = 'no partition'
    elif len(numbers) == 1:
        which = f'partition {numbers[0]}'
    else:
        which = f'partitions {", ".join(map(str, numbers[:-1]))} and {numbers[-1]}'
    return f'{group_id}: this instance now reads {which} of {topic}'
