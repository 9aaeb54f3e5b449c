"""The doors of a broker: which ports it listens on, what each asks of a client, and what a client says to get in.

Used by ``broker.py``. The one idea to take away: a Kafka client knocks at one address and is then told where to go, so a broker has to
know (and advertise) the address by which its clients reach it.
"""

import random
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.users import INTERNAL, USERS, Passes
from errors import BrokerError

__all__ = [
    'HOST',
    'OPEN',
    'SECURE',
    'Door',
    'PortTakenError',
    'choose_ports',
    'client_settings',
    'door_properties',
    'is_free',
    'refuse_taken_ports',
]

HOST = '127.0.0.1'  # nobody outside this machine gets in; advertised as a number, because 'localhost' may mean ::1 first
PORTS = range(
    20000, 32000
)  # below the ports that systems give to outgoing connections, so that a restarted node finds its own again
HEROKU = 'heroku'
STEP = 10  # from the ports of one door to those of the next
LOGIN = 'org.apache.kafka.common.security'
Ports = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True)
class Door:
    """A listener of the broker.

    Args:
        protocol: Kafka's word for it: ``'PLAINTEXT'``, ``'SSL'``, ``'SASL_SSL'`` or ``'SASL_PLAINTEXT'``.
        mechanism: how a password is shown: ``'PLAIN'``, ``'SCRAM-SHA-256'`` or ``'SCRAM-SHA-512'``.
        wants_certificate: whether a client must show a certificate of its own.
        right_name: whether the broker's certificate carries the name of this machine.
    """

    protocol: str
    mechanism: str = ''
    wants_certificate: bool = False
    right_name: bool = True


OPEN = {'plaintext': Door('PLAINTEXT')}
SECURE = {
    'scram512': Door('SASL_SSL', 'SCRAM-SHA-512'),
    'scram256': Door('SASL_SSL', 'SCRAM-SHA-256'),
    'plain': Door('SASL_SSL', 'PLAIN'),
    'tls': Door('SSL'),
    'mtls': Door('SSL', wants_certificate=True),
    'wrong-name': Door('SSL', wants_certificate=True, right_name=False),
    'sasl-plaintext': Door('SASL_PLAINTEXT', 'SCRAM-SHA-512'),
}


class PortTakenError(BrokerError):
    """Another process listens on that port."""

    def __init__(self, port: int, doors: Sequence[str], nodes: Sequence[int]) -> None:
        same = f'{f" --brokers {len(nodes)}" if len(nodes) > 1 else ""}{" --secure" if list(doors) == list(SECURE) else ""}'
        super().__init__(
            f'Port {port} is taken by another process. Perhaps a broker runs here already: then just use that one. If not, end '
            'that process, or run a broker beside it, with its own data: '
            f'python -m broker{same} --port {port + 100} --data .kafka/{port + 100}'
        )


def is_free(port: int) -> bool:
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


def choose_ports(
    doors: Sequence[str], nodes: Sequence[int], first: int | None = None
) -> dict[str, dict[int, int]]:
    """The port of each node at each door, ``{'scram512': {1: 9092, 2: 9093}, ...}``.

    Args:
        doors: their names; ``'internal'`` and ``'controller'``, for the brokers among themselves, are added.
        nodes: the numbers of the nodes.
        first: the first node's port at the first door; by default free ones are found.
    """
    chance = random.SystemRandom()
    ports: dict[str, dict[int, int]] = {}
    taken: set[int] = set()
    for number, door in enumerate([*doors, INTERNAL, 'controller']):
        ports[door] = {}
        for node in nodes:
            port = first + STEP * number + node - 1 if first is not None and door in doors else 0
            while not port or port in taken:
                port = chance.choice(
                    [port for port in chance.sample(PORTS, 20) if is_free(port)] or [0]
                )
            taken.add(port)
            ports[door][node] = port
    return ports


def refuse_taken_ports(doors: Sequence[str], nodes: Sequence[int], first: int) -> None:
    """Raise PortTakenError if somebody listens where a broker should."""
    highest = first + STEP * (len(doors) - 1) + len(nodes) - 1
    if not 1 <= first <= highest <= 65535:
        raise BrokerError(
            f'Port {first} does not work: ports up to {highest} would be needed, and they go from 1 to 65535. Say 9092.'
        )
    for number in range(len(doors)):
        for node in range(len(nodes)):
            if not is_free(port := first + STEP * number + node):
                raise PortTakenError(port, doors, nodes)


def door_properties(
    node: int, doors: Mapping[str, Door], ports: Ports, passes: Passes | None
) -> dict[str, str]:
    """The part of ``server.properties`` that is about the doors of one node."""
    among_themselves = Door('SASL_PLAINTEXT', 'PLAIN') if passes else Door('PLAINTEXT')
    everything = {
        **doors,
        **({INTERNAL: among_themselves} if passes else {}),
        'controller': among_themselves,
    }
    addresses = {door: f'{_listener(door)}://{HOST}:{ports[door][node]}' for door in everything}
    own = {
        'controller.quorum.voters': ','.join(
            f'{each}@{HOST}:{port}' for each, port in ports['controller'].items()
        ),
        'listeners': ','.join(addresses.values()),
        'advertised.listeners': ','.join(
            address for door, address in addresses.items() if door != 'controller'
        ),
        'listener.security.protocol.map': ','.join(
            f'{_listener(name)}:{door.protocol}' for name, door in everything.items()
        ),
        'controller.listener.names': _listener('controller'),
        'inter.broker.listener.name': _listener(INTERNAL if passes else next(iter(doors))),
    }
    if passes:
        own |= {
            'sasl.mechanism.inter.broker.protocol': 'PLAIN',
            'sasl.mechanism.controller.protocol': 'PLAIN',
            'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
            # at the door 'tls' nobody says who he is, so everybody is ANONYMOUS there
            'super.users': f'User:{INTERNAL};User:{USERS[0]};User:ANONYMOUS',
            'ssl.truststore.type': 'PEM',
            'ssl.truststore.location': str(passes.ca),
            'ssl.keystore.type': 'PEM',
        }
        for name, door in everything.items():
            own |= {
                f'listener.name.{_listener(name).lower()}.{option}': value
                for option, value in _demands(name, door, passes).items()
            }
    return own


def _listener(door: str) -> str:
    return door.replace('-', '').upper()


def _demands(name: str, door: Door, passes: Passes) -> dict[str, str]:
    demands = {}
    if door.protocol.endswith('SSL'):
        demands['ssl.keystore.location'] = str(passes.server(door.right_name))
    if door.wants_certificate:
        demands['ssl.client.auth'] = 'required'
        demands['ssl.principal.mapping.rules'] = 'RULE:.*CN=([^,]+).*/$1/,DEFAULT'
    if door.mechanism:
        demands['sasl.enabled.mechanisms'] = door.mechanism
        login = f'{LOGIN}.scram.ScramLoginModule required'
        if door.mechanism == 'PLAIN':
            who = USERS if name in SECURE else (INTERNAL,)
            known = ''.join(f' user_{user}="{passes.passwords[user]}"' for user in who)
            login = f'{LOGIN}.plain.PlainLoginModule required username="{who[0]}" password="{passes.passwords[who[0]]}"{known}'
        demands[f'{door.mechanism.lower()}.sasl.jaas.config'] = f'{login};'
    return demands


def client_settings(
    name: str, user: str, doors: Mapping[str, Door], ports: Ports, passes: Passes | None
) -> dict[str, str]:
    """What a client has to say at a door, ``{'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:9092', ...}``. See ``Broker.env``."""
    heroku, name = name == HEROKU, 'wrong-name' if name == HEROKU else name
    if name not in doors:
        raise BrokerError(f'There is no listener {name!r} here. Say one of: {", ".join(doors)}.')
    if user not in USERS:
        raise BrokerError(f'There is no user {user!r}. Say one of: {", ".join(USERS)}.')
    door = doors[name]
    servers = [f'{HOST}:{port}' for port in ports[name].values()]
    settings = {'KAFKA_BOOTSTRAP_SERVERS': ','.join(servers)}
    if passes is None:
        return settings
    if heroku:
        return {
            'KAFKA_URL': ','.join(f'kafka+ssl://{server}' for server in servers),
            'KAFKA_TRUSTED_CERT': passes.ca.read_text(encoding='ascii'),
            'KAFKA_CLIENT_CERT': passes.certificate(user).read_text(encoding='ascii'),
            'KAFKA_CLIENT_CERT_KEY': passes.key(user).read_text(encoding='ascii'),
        }
    settings['KAFKA_SECURITY_PROTOCOL'] = door.protocol
    if door.protocol.endswith('SSL'):
        settings['KAFKA_SSL_CAFILE'] = str(passes.ca)
    if door.wants_certificate:
        settings |= {
            'KAFKA_SSL_CERTFILE': str(passes.certificate(user)),
            'KAFKA_SSL_KEYFILE': str(passes.key(user)),
        }
    if door.mechanism:
        settings['KAFKA_SASL_MECHANISM'] = door.mechanism
        settings |= {
            'KAFKA_SASL_PLAIN_USERNAME': user,
            'KAFKA_SASL_PLAIN_PASSWORD': passes.passwords[user],
        }
    return settings
