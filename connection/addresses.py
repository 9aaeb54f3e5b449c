"""Bootstrap servers: the addresses at which Kafka is asked first.

The one idea to take away: a client needs one address that answers; the cluster tells it the others.
"""

import contextlib
import re
import socket
from typing import Any

from connection.redaction import mask_user_info
from errors import SettingsError

__all__ = ['DEFAULT_PORT', 'address_of_this_machine', 'bootstrap_addresses']

DEFAULT_PORT = 9092
HIGHEST_PORT = 65535
# Addresses that are reserved for documentation (RFC 5737 and RFC 3849): nobody is there.
NOBODY = {socket.AF_INET: '192.0.2.1', socket.AF_INET6: '2001:db8::1'}
LOOPBACK = {socket.AF_INET: '127.0.0.1', socket.AF_INET6: '::1'}
DISCARD_PORT = 9

SERVER = re.compile(r'(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?')


def bootstrap_addresses(
    options: dict[str, Any], name: str = 'KAFKA_BOOTSTRAP_SERVERS'
) -> list[tuple[str, int]]:
    """The bootstrap servers as ``(host, port)`` pairs; the default port is 9092.

    Args:
        options: kafka-python options.
        name: the setting that they came from, for the error.

    Raises:
        SettingsError: names the address that is not one.

    >>> bootstrap_addresses({'bootstrap_servers': 'localhost, broker.example:9093'})
    [('localhost', 9092), ('broker.example', 9093)]
    """
    servers = options['bootstrap_servers']
    if isinstance(servers, str):
        servers = servers.split(',')
    return [_parse(server.strip(), name) for server in servers]


def address_of_this_machine(family: int = socket.AF_INET) -> str:
    """The address by which others in this network reach this machine.

    Nothing is sent to find out: connecting a UDP socket only asks the operating system for a route.

    Args:
        family: ``socket.AF_INET`` or ``socket.AF_INET6``.

    Returns:
        An address; the loopback address if this machine is in no network.
    """
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((NOBODY[socket.AddressFamily(family)], DISCARD_PORT))
        return str(probe.getsockname()[0])
    return LOOPBACK[socket.AddressFamily(family)]


def _parse(server: str, name: str) -> tuple[str, int]:
    match = SERVER.fullmatch(server)
    if match:
        port = int(match['port'] or DEFAULT_PORT)
        if 0 < port <= HIGHEST_PORT:
            return match['host'].strip('[]'), port
    hint = 'without http:// or the like' if '://' in server else 'several separated by commas'
    raise SettingsError(
        f'{name}: {mask_user_info(server)!r} is not a valid address. '
        f'Write host:port, {hint}, as in localhost:9092.'
    )
