"""Topics, partitions and consumer groups, asked for twice a second (used by `state`).

The one idea to take away: a cluster answers questions about itself. Whatever this page shows, a
script of ten lines can ask for.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

import settings
from connection import diagnosis
from room.consumer_groups import ConsumerGroups
from room.worker import WorkerThread
from schemas import printable

__all__ = ['ClusterMonitor', 'Snapshot']

PERIOD = 0.5  # seconds between two questions: a rebalance is to be seen within two
TIMEOUT = 2.0  # seconds for an answer
MOST_ROWS = 200  # of topics, and as many of groups
RATE_OVER = 5  # snapshots over which the rate of a partition is taken

Offsets = dict[TopicPartition, int]
Row = dict[str, Any]


@dataclass(slots=True)
class Snapshot:
    """The cluster at one moment, as rows for tables.

    Args:
        topics: for each partition ``{'id', 'topic', 'partition', 'begin', 'end', 'rate', 'leader',
            'replicas'}``; the rate in records a second, the replicas as ``'2/3'`` in sync.
        groups: the rows of `ConsumerGroups`.
        left_out: how many rows there are beyond these.
    """

    topics: list[Row] = field(default_factory=list)
    groups: list[Row] = field(default_factory=list)
    left_out: int = 0


class ClusterMonitor(WorkerThread):
    """Asks for the state of the cluster between ``start()`` and ``stop()``; survives its loss.

    ``snapshot`` is the latest state, ``seen`` the ``time.monotonic()`` of the last answer, and
    ``error`` says why there is none.

    Args:
        first: topics whose rows come first, so that many others do not push them out of the tables.
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, *first: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.first = first
        self.snapshot = Snapshot()
        self.seen = 0.0
        self.error = ''
        self._groups = ConsumerGroups(clock)
        self._past_ends: deque[tuple[float, Offsets]] = deque(maxlen=RATE_OVER)

    @property
    def rebalances(self) -> list[tuple[float, str]]:
        """``(time, text)`` of each change in who reads what, latest last."""
        return list(self._groups.rebalances)

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
        topics = []
        for tp, found in sorted(partitions.items()):
            in_sync, replicas = len(found['isr_nodes']), len(found['replica_nodes'])
            topics.append(
                {
                    'id': f'{tp.topic}/{tp.partition}',
                    'topic': tp.topic,
                    'partition': tp.partition,
                    'begin': begins.get(tp),
                    'end': ends.get(tp),
                    'rate': rates.get(tp),
                    'leader': found['leader_id'],
                    'replicas': f'{in_sync}/{replicas}',
                }
            )
        groups = self._groups.rows(admin, ends)
        first = {settings.topic_name(topic) for topic in self.first}
        for rows in (topics, groups):
            rows.sort(key=lambda row: row['topic'] not in first)
        left_out = len(topics[MOST_ROWS:]) + len(groups[MOST_ROWS:])
        return Snapshot(topics[:MOST_ROWS], groups[:MOST_ROWS], left_out)

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
