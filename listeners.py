"""The doors of a broker: which ports it listens on, and the properties that a small Kafka for learning starts with.

Used by ``broker.py``. The one idea to take away: a Kafka client knocks at one address and is then told where to go, so a broker has to
know (and advertise) the address by which its clients reach it.
"""

import random
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ['HOST', 'choose_ports', 'port_is_free', 'properties']

HOST = '127.0.0.1'  # nobody outside this machine gets in; advertised as a number, because 'localhost' may mean ::1 first
PORTS = range(20000, 32000)  # below the ports that systems give to outgoing connections, so that a restarted node finds its own again

QUICK = {
    'group.initial.rebalance.delay.ms': '0',  # Kafka waits 3 s for more members of a new group
    'group.min.session.timeout.ms': '500',  # 6 s: too long to watch a member die
    'group.consumer.min.session.timeout.ms': '500',
    'group.consumer.min.heartbeat.interval.ms': '100',
    'broker.session.timeout.ms': '4000',  # 9 s until a dead broker's partitions get another leader
    'broker.heartbeat.interval.ms': '500',
    'num.partitions': '1',  # Kafka's own default, said aloud: a topic that is made by its first message has one partition
    'auto.create.topics.enable': 'true',
    'offsets.topic.num.partitions': '4',  # 50
    'transaction.state.log.num.partitions': '4',  # 50
    'share.coordinator.state.topic.num.partitions': '4',  # 50
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',  # 10 s
    'log.cleaner.dedupe.buffer.size': '4194304',  # 128 MiB of memory
    'num.network.threads': '2',
    'num.io.threads': '4',
}
COPIES = ('offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic')


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of this machine now."""
    with socket.socket() as probe:
        if sys.platform != 'win32':
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_ports(nodes: Sequence[int], first: int | None = None) -> tuple[dict[int, int], dict[int, int]]:
    """Each node's port for clients, and each node's port for the controllers among themselves.

    Args:
        nodes: the numbers of the nodes.
        first: the first node's port, the others' follow; by default free ones are found.
    """
    chance = random.SystemRandom()
    ports = [] if first is None else [first + number for number in range(len(nodes))]
    while len(ports) < 2 * len(nodes):
        port = chance.choice(PORTS)
        if port not in ports and port_is_free(port):
            ports.append(port)
    return dict(zip(nodes, ports, strict=False)), dict(zip(nodes, ports[len(nodes) :], strict=True))


def properties(node: int, ports: Mapping[int, int], controllers: Mapping[int, int], folder: Path, extra: Mapping[str, str]) -> str:
    """The text of ``server.properties`` for one node.

    Args:
        node: its number, from 1.
        ports: each node's port for clients, ``{1: 9092}``.
        controllers: each node's port for the controllers among themselves.
        folder: where its data is kept.
        extra: broker properties that win over ours, ``{'num.partitions': '3'}``.
    """
    copies = min(3, len(ports))
    address = f'PLAINTEXT://{HOST}:{ports[node]}'
    own = {
        'process.roles': 'broker,controller',
        'node.id': str(node),
        'controller.quorum.voters': ','.join(f'{each}@{HOST}:{port}' for each, port in controllers.items()),
        'listeners': f'{address},CONTROLLER://{HOST}:{controllers[node]}',
        'advertised.listeners': address,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
        'controller.listener.names': 'CONTROLLER',
        'inter.broker.listener.name': 'PLAINTEXT',
        'log.dirs': str(folder),
        'default.replication.factor': str(copies),
        'min.insync.replicas': str(max(1, copies - 1)),
        **{f'{topic}.replication.factor': str(copies) for topic in COPIES},
        **{f'{topic}.min.isr': str(max(1, copies - 1)) for topic in COPIES[1:]},
    }
    return ''.join(f'{name}={value}\n'.replace('\\', '\\\\') for name, value in {**own, **QUICK, **extra}.items())
