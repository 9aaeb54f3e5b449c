"""One socket to one broker, and Kafka's own protocol over it (used by `handshake`).

Requests and responses are kafka-python's classes; only the socket is ours, because the client tells
nobody where its own one failed.

The one idea to take away: there is no magic in a client; it sends one request after the other over
a socket, and waits for each response.
"""

import encodings.idna  # noqa: F401 - else the first look-up of a name imports it while we wait
import socket
import ssl
import struct
import threading
import time
from typing import Any

__all__ = ['BrokenConnectionError', 'BrokerConnection', 'resolve']

CLIENT_ID = 'diagnosis'  # the name under which the broker sees these requests
FIRST_BYTES = 16  # of what came: enough to recognise another protocol
SHORTEST_WAIT = (
    0.05  # seconds: a deadline that has passed still lets an answer that is there be read
)


class BrokenConnectionError(Exception):
    """The broker did not answer, closed the connection, or speaks another protocol.

    Args:
        cause: what the socket or the parser said.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(getattr(cause, 'reason', None) or cause))
        self.timed_out = isinstance(cause, TimeoutError)


class BrokerConnection:
    """A socket that speaks Kafka's protocol.

    Args:
        deadline: ``time.monotonic()`` at which every wait ends.
    """

    def __init__(self, deadline: float) -> None:
        from kafka.protocol.parser import KafkaProtocol

        self.deadline = deadline
        self.first_bytes = b''
        self._parser = KafkaProtocol(client_id=CLIENT_ID)
        self._versions: Any = None
        self._socket: socket.socket | None = None

    def connect(self, found: Any) -> None:
        """Connect to one of the addresses that `resolve` found.

        Raises:
            OSError: it does not answer; a TimeoutError if it is silent.
        """
        family, kind, number, _, address = found
        candidate = socket.socket(family, kind, number)
        try:
            candidate.settimeout(self.seconds_left())
            candidate.connect(address)
        except OSError:
            candidate.close()
            raise
        self._socket = candidate

    def start_tls(self, context: ssl.SSLContext, host: str) -> str:
        """Encrypt the connection from here on; returns the version of TLS.

        Raises:
            OSError: the TLS handshake failed; an ``ssl.SSLError`` says why.
        """
        assert self._socket is not None
        self._socket.settimeout(self.seconds_left())
        encrypted = context.wrap_socket(self._socket, server_hostname=host)
        self._socket = encrypted
        return str(encrypted.version())

    def use_versions(self, api_keys: Any) -> None:
        """Take the versions of each request that the broker knows, as it answered them."""
        from kafka.protocol.broker_version_data import BrokerVersionData

        versions = {api.api_key: (api.min_version, api.max_version) for api in api_keys}
        self._versions = BrokerVersionData(api_versions=versions)

    def request(self, request: Any) -> Any:
        """Send one request, and wait for its response.

        Raises:
            BrokenConnectionError: there is none.
        """
        from kafka.errors import KafkaError

        assert self._socket is not None
        try:
            if request.API_VERSION is None:
                request.API_VERSION = self._versions.api_version(request)
            self._parser.send_request(request)
            self._socket.settimeout(self.seconds_left())
            self._socket.sendall(self._parser.send_bytes())
            return self._response(self._socket)
        except (OSError, EOFError, KafkaError, ValueError, struct.error) as error:
            raise BrokenConnectionError(error) from error

    def seconds_left(self) -> float:
        """Seconds until the deadline."""
        return max(self.deadline - time.monotonic(), SHORTEST_WAIT)

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            self._socket.close()

    def _response(self, line: socket.socket) -> Any:
        while True:
            line.settimeout(self.seconds_left())
            data = line.recv(65536)
            if not data:
                raise EOFError('connection closed')
            self.first_bytes = (self.first_bytes + data)[:FIRST_BYTES]
            for _, response in self._parser.receive_bytes(data):
                return response


def resolve(host: str, port: int, timeout: float) -> list[Any]:
    """The addresses of a host, as `socket.getaddrinfo` gives them; that function has no timeout.

    Raises:
        OSError: there is no such host, or the name server does not answer.
    """
    answers: list[list[Any]] = []
    errors: list[OSError] = []

    def look_up() -> None:
        try:
            answers.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            errors.append(error)
        except UnicodeError:  # two dots in a row, or more than 63 characters between two
            errors.append(OSError(0, 'this is not a valid host name'))

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(timeout)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(0, f'no answer from the name server within {timeout:.1f} s')
    return answers[0]
