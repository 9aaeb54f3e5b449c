"""Topics, partitions and consumer groups, asked for twice a second (used by `state`).

The one idea to take away: a cluster answers questions about itself. Whatever this page shows, a
script of ten lines can ask for.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

import settings
from connection import diagnosis
from room.consumer_groups import ConsumerGroups, Group, Rebalance, group_rows
from room.measurements import Lags
from room.worker import WorkerThread
from schemas import printable

__all__ = ['ClusterMonitor', 'PartitionState', 'Snapshot']

PERIOD = 0.5  # seconds between two questions: a rebalance is to be seen within two
TIMEOUT = 2.0  # seconds for an answer
RATE_OVER = 5  # snapshots over which the rate of a partition is taken

Offsets = dict[TopicPartition, int]
Row = dict[str, Any]


@dataclass(slots=True)
class PartitionState:
    """One partition at one moment.

    Args:
        begin: its first offset; None while it has no leader.
        end: the offset that its next record gets; None while it has no leader.
        rate: records a second.
        leader: the broker that serves it; -1 if none does.
        replicas: the brokers that keep it.
        in_sync: those of them that have all of it.
    """

    begin: int | None
    end: int | None
    rate: int | None
    leader: int
    replicas: list[int]
    in_sync: list[int]


@dataclass(slots=True)
class Snapshot:
    """The cluster at one moment.

    Args:
        partitions: the state of each partition of each topic.
        groups: all consumer groups; those that read the room's topics first.
        brokers: where each broker listens, by its number: ``{1: '127.0.0.1:9092'}``.
    """

    partitions: dict[TopicPartition, PartitionState] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    brokers: dict[int, str] = field(default_factory=dict)

    @property
    def down(self) -> set[int]:
        """The brokers that keep partitions and are not there."""
        known = {node for each in self.partitions.values() for node in each.replicas}
        return known - self.brokers.keys()

    def topic_rows(self) -> list[Row]:
        """For each partition a row of a table; the replicas as ``'2/3'`` in sync.

        ``{'id', 'topic', 'partition', 'begin', 'end', 'rate', 'leader', 'replicas'}``
        """
        return [
            {
                'id': f'{tp.topic}/{tp.partition}',
                'topic': tp.topic,
                'partition': tp.partition,
                'begin': each.begin,
                'end': each.end,
                'rate': each.rate,
                'leader': each.leader,
                'replicas': f'{len(each.in_sync)}/{len(each.replicas)}',
            }
            for tp, each in self.partitions.items()
        ]

    def within(self, topics: Collection[str]) -> 'Snapshot':
        """What of it is about some topics: their partitions and groups, and no hosts."""
        partitions = {tp: each for tp, each in self.partitions.items() if tp.topic in topics}
        groups = [own for each in self.groups if (own := each.within(topics))]
        return Snapshot(partitions, groups, dict.fromkeys(self.brokers, ''))

    def lags(self) -> dict[str, int]:
        """How far each group is behind on all its partitions together."""
        return {
            group.name: sum(
                max((self.partitions[tp].end or 0) - commit.offset, 0)
                for tp, commit in group.committed.items()
                if tp in self.partitions
            )
            for group in self.groups
        }

    def group_rows(self) -> list[Row]:
        """The rows of each group, together: see `room.consumer_groups.group_rows`."""
        ends = {tp: each.end for tp, each in self.partitions.items() if each.end is not None}
        return [row for group in self.groups for row in group_rows(group, ends)]


class ClusterMonitor(WorkerThread):
    """Asks for the state of the cluster between ``start()`` and ``stop()``; survives its loss.

    ``snapshot`` is the latest state, ``lags`` how far each group was behind in the last seconds,
    ``own_snapshot`` and ``own_lags`` the same of the room's own topics, without hosts. ``seen`` is
    the ``time.monotonic()`` of the last answer, and ``error`` says why there is none.

    Args:
        first: the room's own topics, which come first.
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, *first: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.first = first
        self.snapshot = self.own_snapshot = Snapshot()
        self.seen = 0.0
        self.error = ''
        self.lags = Lags(clock)
        self.own_lags = Lags(clock)
        self._groups = ConsumerGroups(clock)
        self._past_ends: deque[tuple[float, Offsets]] = deque(maxlen=RATE_OVER)

    @property
    def rebalances(self) -> list[Rebalance]:
        """The latest changes in who reads what, the last one last."""
        return list(self._groups.rebalances)

    @property
    def own_rebalances(self) -> list[Rebalance]:
        """The same, as far as the room's own topics changed hands."""
        own = self._own_topics()
        return [found for each in self._groups.rebalances if (found := each.within(own))]

    def _own_topics(self) -> set[str]:
        return {settings.topic_name(topic) for topic in self.first}

    def run(self) -> None:  # noqa: D102 - as WorkerThread's
        while not self.stopping.is_set():
            try:
                self._monitor()
            except Exception as error:  # noqa: BLE001 - the page shows it, and it is tried again
                self.error = printable(error) or type(error).__name__
                self.stopping.wait(PERIOD)

    def _monitor(self) -> None:
        timeout_ms = int(TIMEOUT * 1000)
        options = settings.client_options(
            'admin', request_timeout_ms=timeout_ms, bootstrap_timeout_ms=timeout_ms
        )
        diagnosis.require_listener(options, timeout=TIMEOUT)
        with closing(KafkaAdminClient(**options)) as admin:
            while not self.stopping.is_set():
                self.snapshot = self._ask(admin)
                self.own_snapshot = self.snapshot.within(self._own_topics())
                self.lags.add(self.snapshot.lags())
                self.own_lags.add(self.own_snapshot.lags())
                self.seen = time.monotonic()
                self.error = ''
                self.stopping.wait(PERIOD)

    def _ask(self, admin: Any) -> Snapshot:
        partitions = _partitions(admin)
        # Kafka knows the offsets of a partition only while it has a leader.
        led = [tp for tp, found in partitions.items() if found['leader_id'] >= 0]
        begins = _offsets(admin, led, OffsetSpec.EARLIEST)
        ends = _offsets(admin, led, OffsetSpec.LATEST)
        rates = self._rates(ends)
        first = self._own_topics()
        states = {
            tp: PartitionState(
                begins.get(tp),
                ends.get(tp),
                rates.get(tp),
                found['leader_id'],
                found['replica_nodes'],
                found['isr_nodes'],
            )
            for tp, found in sorted(
                partitions.items(), key=lambda each: (each[0].topic not in first, each[0])
            )
        }
        groups = self._groups.ask(admin)
        groups.sort(key=lambda group: not any(tp.topic in first for tp in group.committed))
        brokers = {
            each['broker_id']: f'{each["host"]}:{each["port"]}'
            for each in admin.describe_cluster()['brokers']
            if not each['is_fenced']
        }
        return Snapshot(states, groups, brokers)

    def _rates(self, ends: Offsets) -> dict[TopicPartition, int]:
        """Records a second of each partition, over the last few snapshots."""
        now = time.monotonic()
        self._past_ends.append((now, ends))
        then, past_ends = self._past_ends[0]
        elapsed = max(now - then, PERIOD)
        return {tp: round((end - past_ends.get(tp, end)) / elapsed) for tp, end in ends.items()}


def _partitions(admin: Any) -> dict[TopicPartition, Row]:
    """What Kafka says of each partition of each topic, apart from the internal ones."""
    return {
        TopicPartition(topic['name'], partition['partition_index']): partition
        for topic in admin.describe_topics()
        if not topic['is_internal']
        for partition in topic['partitions']
    }


def _offsets(admin: Any, partitions: list[TopicPartition], which: Any) -> Offsets:
    if not partitions:
        return {}
    found = admin.list_partition_offsets(dict.fromkeys(partitions, which))
    return {tp: each.offset for tp, each in found.items()}
