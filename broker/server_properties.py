"""A broker's settings, apart from its listeners: the contents of ``server.properties``.

Used in step 0, for every node. The one idea to take away: Kafka's defaults are those of a big
cluster; a small Kafka for learning wants smaller and quicker ones, and each has a name.
"""

from collections.abc import Mapping
from pathlib import Path

__all__ = ['CLASSROOM_DEFAULTS', 'server_properties', 'write_private', 'write_properties']

# What a small Kafka for learning sets otherwise than Kafka does; Kafka's default is in the comment.
CLASSROOM_DEFAULTS = {
    'group.initial.rebalance.delay.ms': '0',  # 3 s, to wait for more members of a new group
    'group.min.session.timeout.ms': '500',  # 6 s, which is long to watch a member die
    'group.consumer.min.session.timeout.ms': '500',  # 45 s
    'group.consumer.min.heartbeat.interval.ms': '100',  # 5 s
    'broker.heartbeat.interval.ms': '500',  # 2 s
    'num.partitions': '1',  # the same: a topic made by its first message has one partition
    'auto.create.topics.enable': 'true',  # the same: the first message makes a topic
    'offsets.topic.num.partitions': '4',  # 50
    'transaction.state.log.num.partitions': '4',  # 50
    'share.coordinator.state.topic.num.partitions': '4',  # 50
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',  # 10 s
    'log.cleaner.dedupe.buffer.size': '4194304',  # 128 MiB of memory
    'num.network.threads': '2',  # 3
    'num.io.threads': '4',  # 8
}

# Kafka's own topics, and which of them have a minimum of in-sync replicas of their own.
INTERNAL_TOPICS = ('offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic')
WITH_MINIMUM = ('transaction.state.log', 'share.coordinator.state.topic')
REPLICAS = 3  # as far as there are so many brokers

# How long until a dead broker's partitions get another leader, or until a killed broker that comes
# back is let in again. Kafka's default is 9 s.
SESSION_TIMEOUT_MS = '2000'
SESSION_TIMEOUT_MS_IN_A_CLUSTER = '4000'

# How long a broker waits for enough others to agree with, before it ends: a day. Kafka's default
# is 1 minute, and somebody has to type the next command meanwhile.
WAIT_FOR_QUORUM_MS = '86400000'


def server_properties(
    node: int, data: Path, nodes: int, extra: Mapping[str, str]
) -> dict[str, str]:
    """The part of ``server.properties`` that is not about the listeners of a node.

    Args:
        node: its number, from 1.
        data: the folder that keeps the node's data.
        nodes: how many nodes there are.
        extra: properties that win over ours, ``{'num.partitions': '3'}``.
    """
    replicas = min(REPLICAS, nodes)
    in_sync = max(1, replicas - 1)
    properties = {
        'process.roles': 'broker,controller',
        'node.id': str(node),
        'log.dirs': str(data),
        'broker.session.timeout.ms': SESSION_TIMEOUT_MS,
        'default.replication.factor': str(replicas),
        'min.insync.replicas': str(in_sync),
    }
    if nodes > 1:
        properties['broker.session.timeout.ms'] = SESSION_TIMEOUT_MS_IN_A_CLUSTER
        properties['initial.broker.registration.timeout.ms'] = WAIT_FOR_QUORUM_MS
    for topic in INTERNAL_TOPICS:
        properties[f'{topic}.replication.factor'] = str(replicas)
    for topic in WITH_MINIMUM:
        properties[f'{topic}.min.isr'] = str(in_sync)
    return {**properties, **CLASSROOM_DEFAULTS, **extra}


def write_properties(path: Path, properties: Mapping[str, str]) -> None:
    """Write a ``server.properties`` that only this user can read: it may hold passwords."""
    lines = [f'{name}={value}\n' for name, value in properties.items()]
    write_private(path, ''.join(lines).replace('\\', '\\\\'))


def write_private(path: Path, text: str) -> None:
    r"""Write a file for Java that only this user can read.

    Java reads such files as Latin-1. Other characters are written as ``\u`` and the hex of their
    UTF-16 code units.
    """
    path.touch(mode=0o600)
    escaped = [letter if letter.isascii() else _java_escape(letter) for letter in text]
    path.write_text(''.join(escaped), encoding='ascii')


def _java_escape(letter: str) -> str:
    code_units = letter.encode('utf-16-be').hex(' ', 2).split()
    return ''.join(f'\\u{unit}' for unit in code_units)
