"""Why Kafka does not answer: the way in tried stage by stage (name, connection, TLS, login, metadata).

kafka-python says ``Unable to bootstrap`` for all of it, after its whole time-out. The producer and the consumer ask
here instead, and `python -m settings` walks through every stage.

The one idea to take away: connecting is a row of small agreements, and each of them fails in its own way.
"""

import socket
from typing import Any

from errors import UnreachableError

__all__ = ['explain', 'require_listener']

START_ONE = 'Start one with `python -m broker`, or set KAFKA_BOOTSTRAP_SERVERS (in .env) to where yours is'


def addresses(options: dict[str, Any]) -> list[tuple[str, int]]:
    """The bootstrap servers as ``(host, port)`` pairs; the default port is 9092."""
    servers = options['bootstrap_servers']
    pairs = []
    for server in servers.split(',') if isinstance(servers, str) else servers:
        host, _, port = server.strip().rpartition(':') if ':' in server else (server.strip(), '', '9092')
        pairs.append((host.strip('[]'), int(port)))
    return pairs


def require_listener(options: dict[str, Any], timeout: float = 2.0) -> None:
    """Be sure that something listens at one of the bootstrap servers, before a client is built.

    Args:
        options: kafka-python options.
        timeout: seconds for each address.

    Raises:
        UnreachableError: names every address, why each failed, and what to do.
    """
    reasons = []
    for host, port in addresses(options):
        try:
            socket.create_connection((host, port), timeout).close()
        except socket.gaierror:
            reasons.append(f'{host}:{port}: unknown host {host!r}')
        except TimeoutError:
            reasons.append(f'{host}:{port}: no answer within {timeout:g} s')
        except OSError as error:
            reasons.append(f'{host}:{port}: {"connection refused" if isinstance(error, ConnectionRefusedError) else error.strerror}')
        else:
            return
    raise UnreachableError(f'No Kafka at {"; ".join(reasons)}. {START_ONE}.', 'name' if 'unknown host' in reasons[0] else 'connection')


def explain(options: dict[str, Any], cause: BaseException) -> UnreachableError:
    """The error to raise when a client could not be built although something listens there.

    Args:
        options: the kafka-python options that were used.
        cause: what the client said.

    Returns:
        An error that names the address, the stage and the cure. It is returned, not raised, so that it can be chained.
    """
    servers = ', '.join(f'{host}:{port}' for host, port in addresses(options))
    try:
        require_listener(options)
    except UnreachableError as error:
        return error
    return UnreachableError(f'Something listens at {servers}, but it does not answer as a Kafka ({cause}). {START_ONE}.', 'metadata')
