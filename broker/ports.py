"""The ports of a Kafka's brokers: chosen among the free ones, or counted from a first one.

Used in step 0, before a broker starts. The one idea to take away: a port belongs to one process at
a time, and between finding it free and using it, another process may take it.
"""

import random
import socket
import sys
from collections.abc import Mapping, Sequence

from errors import BrokerError

__all__ = [
    'CONTROLLER',
    'HOST',
    'INTER_BROKER',
    'PortTable',
    'PortTakenError',
    'check_ports',
    'choose_ports',
    'is_free',
    'require_own_address',
]

# Only this machine is served. The address is a number because 'localhost' may mean ::1 first.
HOST = '127.0.0.1'

# The listeners that no client uses: from broker to broker, and for the quorum of controllers.
INTER_BROKER = 'internal'
CONTROLLER = 'controller'

# Below the ports that operating systems give to outgoing connections (32768 and up on Linux), so
# that a restarted broker finds its own port free again.
CANDIDATES = range(20000, 32000)
LISTENER_STEP = 10  # from the ports of one listener to those of the next
HIGHEST_PORT = 65535

PortTable = Mapping[str, Mapping[int, int]]
"""The port of each node at each listener: ``{'scram512': {1: 9092, 2: 9093}, ...}``."""


class PortTakenError(BrokerError):
    """Another process listens on that port.

    Args:
        port: the port.
        options: the options of ``python -m broker`` for the same kind of Kafka, ``' --secure'``.
    """

    def __init__(self, port: int, options: str = '') -> None:
        super().__init__(
            f'Port {port} is taken by another process (address already in use). '
            'Perhaps a broker runs here already: then use that one. '
            'If not, end that process, or run a broker beside it, with its own data: '
            f'python -m broker{options} --port {port + 100} --data .kafka/{port + 100}'
        )


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of this machine now."""
    with socket.socket() as probe:
        if sys.platform != 'win32':
            # As Kafka does it, or a port that was just closed would count as taken for a minute.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_own_address(address: str) -> None:
    """Check that a server could listen at an address (IPv4, or a name): that it is this machine's.

    Raises:
        BrokerError: it is not.
    """
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError as error:
        raise BrokerError(
            f'{address!r} is not an address of this machine ({error.strerror}). Leave it out, or '
            'name the one that the settings of your system show for the network of the class, '
            'such as 192.168.1.7.'
        ) from error


def choose_ports(
    listeners: Sequence[str], nodes: Sequence[int], first: int | None = None
) -> dict[str, dict[int, int]]:
    """The port of each node at each listener, ``{'scram512': {1: 9092, 2: 9093}, ...}``.

    Args:
        listeners: the names of those for clients; ``'internal'`` and ``'controller'``, which the
            brokers use among themselves, are added.
        nodes: the numbers of the nodes.
        first: the first node's port at the first listener; by default free ports are found.

    Raises:
        BrokerError: there is no free port.
    """
    ports: dict[str, dict[int, int]] = {}
    chosen: set[int] = set()
    for number, listener in enumerate([*listeners, INTER_BROKER, CONTROLLER]):
        ports[listener] = {}
        for node in nodes:
            if first is not None and listener in listeners:
                port = first + LISTENER_STEP * number + node - 1
            else:
                port = _find_free_port(chosen)
            chosen.add(port)
            ports[listener][node] = port
    return ports


def _find_free_port(chosen: set[int]) -> int:
    # Not seeded: two processes that start at the same moment should not try the same ports.
    for port in random.SystemRandom().sample(CANDIDATES, len(CANDIDATES)):
        if port not in chosen and is_free(port):
            return port
    raise BrokerError(
        f'There is no free port from {CANDIDATES[0]} to {CANDIDATES[-1]} on this machine. '
        'End some of the processes that listen there.'
    )


def check_ports(
    listeners: Sequence[str], nodes: Sequence[int], first: int, options: str = ''
) -> None:
    """Check that nobody listens where a broker should.

    Args:
        listeners: the names of those for clients.
        nodes: the numbers of the nodes.
        first: the first node's port at the first listener.
        options: for the error, as in `PortTakenError`.

    Raises:
        PortTakenError: somebody does.
        BrokerError: there are no such ports.
    """
    highest = first + LISTENER_STEP * (len(listeners) - 1) + len(nodes) - 1
    if not 1 <= first <= highest <= HIGHEST_PORT:
        raise BrokerError(
            f'port={first} does not work: ports up to {highest} would be needed, '
            f'but they go from 1 to {HIGHEST_PORT}. Use 9092, for example.'
        )
    for number in range(len(listeners)):
        for index in range(len(nodes)):
            port = first + LISTENER_STEP * number + index
            if not is_free(port):
                raise PortTakenError(port, options)
