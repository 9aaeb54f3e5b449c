"""Bootstrap servers: the addresses at which Kafka is asked first.

The one idea to take away: a client needs one address that answers; the cluster tells it the others.
"""

import re
from typing import Any

from connection.redaction import mask_user_info
from errors import SettingsError

__all__ = ['DEFAULT_PORT', 'bootstrap_addresses']

DEFAULT_PORT = 9092
HIGHEST_PORT = 65535
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
