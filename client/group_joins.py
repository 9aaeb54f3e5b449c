"""A join of a consumer group that is under way is seen through (used by ``consumer_loop.py``).

The one idea to take away: what was begun in one call and is to be ended in another needs one place
that remembers it.
"""

from typing import Any

from client.private_names import Workaround

__all__ = ['SeenThroughJoin']


class SeenThroughJoin(Workaround):
    """Lets a member finish a join that a short poll has begun.

    kafka-python 3.0.12 joins a group in a task that may outlive the poll that began it. The next
    poll looks whether the group should be rejoined, by comparing two snapshots of the topics'
    partitions, which the task itself has made equal meanwhile. So nobody collects the task: the
    member stays in REBALANCING without a heartbeat, and is thrown out of its group for good. That
    happened in 3 of 5 trials when partitions were added under two members with polls of 100 ms.
    """

    name = 'seen-through-join'
    needs = ('_coordinator.need_rejoin()', '_coordinator._join_task')
    promise = 'partitions that are added under a running group are read within 10 s'

    @classmethod
    def use_in(cls, consumer: Any) -> bool:
        """Mend a new KafkaConsumer; says whether it did."""
        if not cls.is_on(consumer):
            return False
        coordinator = consumer._coordinator
        should_rejoin = coordinator.need_rejoin
        coordinator.need_rejoin = lambda: coordinator._join_task is not None or should_rejoin()
        return True
