"""Leaders for the partitions of a cluster whose brokers were all killed, and not all came back.

Used by ``Broker.restart``. The controller that comes up then takes the brokers out of the in-sync
replicas one after the other, in no particular order, and never the last one. If that one is not
back, Kafka lets the partition wait for it: any other might lack messages. But one of the others has
all that was acknowledged, if fewer are missing than must acknowledge (``min.insync.replicas``): it
is the one whose log goes furthest. It is found on the disk, and elected.

The one idea to take away: what a majority has written, no majority can lack.
"""

import struct
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ['elect_leaders', 'log_end']

POLL_INTERVAL = 0.2  # seconds between two looks at the partitions
NO_LEADER = -1
UNCLEAN = 1  # the type of an election in which replicas count that are not in sync

# The beginning of a batch of records: its first offset, the bytes behind this number, the leader's
# epoch; and further on by how much its last offset is higher.
HEADER = struct.Struct('>qii7xi')
BEFORE_LENGTH_COUNTS = 12  # bytes


class Partition(NamedTuple):
    """A partition that waits for a leader."""

    topic: str
    number: int
    replicas: tuple[int, ...]
    leader: int


def elect_leaders(
    options: Mapping[str, Any],
    folder_of: Callable[[int], Path],
    alive: Collection[int],
    timeout: float,
) -> None:
    """Return when each partition has a leader that is alive, if it can have one.

    Args:
        options: of kafka-python, for somebody who may do everything.
        folder_of: the data folder of a broker.
        alive: the numbers of the brokers that run.
        timeout: seconds; a partition that has no leader by then waits for the other brokers.
    """
    import kafka
    import kafka.errors

    deadline = time.monotonic() + timeout
    admin = kafka.KafkaAdminClient(**options)
    try:
        while time.monotonic() < deadline:
            try:
                waiting = [each for each in _partitions(admin) if each.leader not in alive]
                waiting = [each for each in waiting if _is_known_to(alive, each, admin)]
                if not waiting:
                    return
                for each in waiting:
                    if each.leader == NO_LEADER:
                        _elect(admin, each, folder_of, alive)
            except kafka.errors.KafkaError:
                pass  # the cluster is just coming up
            time.sleep(POLL_INTERVAL)
    finally:
        admin.close()


def _partitions(admin: Any) -> Iterator[Partition]:
    for topic in admin.describe_topics():
        for each in topic['partitions']:
            replicas = tuple(each['replica_nodes'])
            yield Partition(topic['name'], each['partition_index'], replicas, each['leader_id'])


def _is_known_to(alive: Collection[int], partition: Partition, admin: Any) -> bool:
    """Whether those that are alive must have all that was acknowledged."""
    from kafka.admin import ConfigResource, ConfigResourceType

    missing = sum(replica not in alive for replica in partition.replicas)
    resource = ConfigResource(ConfigResourceType.TOPIC, partition.topic)
    (found,) = admin.describe_configs([resource], config_filter='all').values()
    return missing < int(found[partition.topic]['min.insync.replicas']['value'])


def _elect(
    admin: Any, partition: Partition, folder_of: Callable[[int], Path], alive: Collection[int]
) -> None:
    """Make the replica leader whose log goes furthest."""
    from kafka import TopicPartition

    name = f'{partition.topic}-{partition.number}'
    candidates = [replica for replica in partition.replicas if replica in alive]
    best = max(candidates, key=lambda replica: log_end(folder_of(replica) / name))
    # Of those that are alive, Kafka elects the first one in the list.
    others = [replica for replica in partition.replicas if replica != best]
    place = TopicPartition(partition.topic, partition.number)
    admin.alter_partition_reassignments({place: [best, *others]})
    admin.elect_leaders(UNCLEAN, {partition.topic: [partition.number]})


def log_end(folder: Path) -> tuple[int, int]:
    """How far a replica's log goes: the leader's epoch of the last batch, and the offset behind it.

    Of two logs the one with the higher epoch has all that was acknowledged, and of two with the
    same epoch the longer one (as in Raft).

    Args:
        folder: the replica's.
    """
    for segment in sorted(folder.glob('*.log'), reverse=True):
        end = None
        size = segment.stat().st_size
        with segment.open('rb') as file:
            while len(header := file.read(HEADER.size)) == HEADER.size:
                first, length, epoch, last = HEADER.unpack(header)
                behind = file.tell() - HEADER.size + BEFORE_LENGTH_COUNTS + length
                if length <= 0 or behind > size:
                    break
                end = (epoch, first + last + 1)
                file.seek(behind)
        if end is not None:
            return end
    return (-1, 0)
