"""One connection to one Kafka, made by hand: socket, TLS, versions, login, metadata, rights (used by `diagnosis`).

The client does the same at every start, but tells nobody where it ended. Requests and answers are kafka-python's own
classes; only the socket is ours.

The one idea to take away: there is no magic in a client; it asks one question after the other over a socket.
"""

import encodings.idna  # noqa: F401 - else the first look-up of a name would import it, while somebody waits
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from errors import UnreachableError

__all__ = ['START_ONE', 'BrokenError', 'Talk', 'Tell']

START_ONE = (
    'Start one with `python -m broker`, or set KAFKA_BOOTSTRAP_SERVERS (in .env) to where yours is'
)
OWN_CERTIFICATE = 'Set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE to a certificate of yours, signed by the authority (CA) that it trusts'
Tell = Callable[[str, str], object]


class Talk:
    """A conversation with the Kafka at one address. Each method is a stage, and raises an error that names it.

    Args:
        options: kafka-python options.
        host: name or address.
        port: its port.
        deadline: `time.monotonic()` at which every wait ends.
        tell: called with each stage that was passed, and how.
    """

    def __init__(
        self, options: dict[str, Any], host: str, port: int, deadline: float, tell: Tell
    ) -> None:
        from kafka.protocol.parser import KafkaProtocol

        self.options, self.host, self.port, self.deadline, self.tell = (
            options,
            host,
            port,
            deadline,
            tell,
        )
        self.where = f'{host}:{port}'
        self.protocol = options.get('security_protocol', 'PLAINTEXT')
        self.parser = KafkaProtocol(client_id='diagnosis')
        self.versions: Any = None
        self.socket = socket.socket()
        self.heard = b''

    def come_in(self) -> None:
        """From the name to the login."""
        self.connect()
        self.secure()
        self.ask_versions()
        self.log_in()

    def connect(self) -> None:
        """Look the name up and connect to the first of its addresses that answers."""
        started = time.monotonic()
        found = _look_up(self.host, self.port, self.left())
        if isinstance(found, OSError):
            self.fail(
                'name',
                f'{self.host!r} is an unknown host ({found.strerror})',
                'Correct KAFKA_BOOTSTRAP_SERVERS',
            )
        self.tell(
            'name', f'{self.host} is {", ".join(sorted({address[4][0] for address in found}))}'
        )
        reason = ''
        for family, kind, number, _, address in found:
            candidate = socket.socket(family, kind, number)
            try:
                candidate.settimeout(self.left())
                candidate.connect(address)
            except OSError as error:
                candidate.close()
                silent = f'no answer within {time.monotonic() - started:.1f} s (a firewall, or a machine that is off)'
                reason = (
                    silent
                    if isinstance(error, TimeoutError)
                    else (error.strerror or str(error)).lower()
                )
            else:
                self.socket.close()
                self.socket = candidate
                self.tell('connection', f'connected to {self.where}')
                return
        self.fail('connection', reason, START_ONE)

    def secure(self) -> None:
        """Agree on TLS, if the options want it."""
        if not self.protocol.endswith('SSL'):
            self.tell('tls', f'not wanted ({self.protocol})')
            return
        context: ssl.SSLContext = self.options['ssl_context']
        try:
            self.socket.settimeout(self.left())
            self.socket = context.wrap_socket(self.socket, server_hostname=self.host)
        except ssl.SSLCertVerificationError as error:
            if 'ostname' in error.verify_message or 'IP address' in error.verify_message:
                cure = 'Use the name that stands in its certificate; KAFKA_SSL_CHECK_HOSTNAME=false only on your own desk'
            elif 'expired' in error.verify_message or 'not yet' in error.verify_message:
                cure = 'Ask for a new certificate, or set the clock of this machine'
            else:
                cure = (
                    'Set KAFKA_SSL_CAFILE to the certificate of the authority (CA) that signed it'
                )
            self.fail(
                'tls',
                f"the broker's certificate is not trusted: {error.verify_message.rstrip('.')}",
                cure,
                error,
            )
        except TimeoutError as error:
            self._silent(error)
        except OSError as error:
            self._no_tls(error)
        else:
            self.tell('tls', f'{self.socket.version()}, certificate trusted')

    def ask_versions(self) -> None:
        """Is it Kafka at all?"""
        from kafka.protocol.broker_version_data import BrokerVersionData
        from kafka.protocol.metadata import ApiVersionsRequest

        try:
            answer = self.ask(ApiVersionsRequest(version=0))
        except BrokenError as error:
            self._no_kafka(error)
        self.versions = BrokerVersionData(
            api_versions={
                api.api_key: (api.min_version, api.max_version) for api in answer.api_keys
            }
        )

    def log_in(self) -> None:
        """Log in by SASL, if the options want it."""
        from kafka.errors import KafkaError
        from kafka.net.sasl import get_sasl_mechanism
        from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

        if not self.protocol.startswith('SASL'):
            self.tell('login', f'not wanted ({self.protocol})')
            return
        name = self.options['sasl_mechanism']
        who = f'{name} as {self.options.get("sasl_plain_username", "the bearer of a token")!r}'
        try:
            answer = self.ask(SaslHandshakeRequest(mechanism=name, max_version=1))
            if answer.error_code == 33:
                offered = ', '.join(answer.mechanisms)
                self.fail(
                    'login',
                    f'it does not know {name}; it offers {offered}',
                    'Set KAFKA_SASL_MECHANISM to one of these',
                )
            if answer.error_code:
                better = 'SSL' if self.protocol == 'SASL_SSL' else 'PLAINTEXT'
                self.fail(
                    'login',
                    'this listener has no login',
                    f'Set KAFKA_SECURITY_PROTOCOL={better}, or use the port that has one',
                )
            mechanism = get_sasl_mechanism(name)(
                host=self.host, **{'security_protocol': self.protocol, **self.options}
            )
            while not mechanism.is_done():
                answer = self.ask(SaslAuthenticateRequest(mechanism.auth_bytes()))
                if answer.error_code:
                    said = (answer.error_message or 'no reason given').strip().rstrip('.')
                    self.fail(
                        'login',
                        f'login refused, {who}: {said}',
                        'Correct KAFKA_SASL_PLAIN_USERNAME and KAFKA_SASL_PLAIN_PASSWORD',
                    )
                mechanism.receive(answer.auth_bytes)
        except (BrokenError, KafkaError, ValueError) as error:
            cure = 'Correct user name, password and KAFKA_SASL_MECHANISM'
            self.fail('login', f'login refused, {who}: {type(error).__name__}', cure, error)
        self.tell('login', who)

    def ask(self, request: Any) -> Any:
        """Send one request, wait for its answer; `BrokenError` if the other end is silent, hangs up, or speaks something else."""
        from kafka.errors import KafkaError

        try:
            if request.API_VERSION is None:
                request.API_VERSION = self.versions.api_version(request)
            self.parser.send_request(request)
            self.socket.settimeout(self.left())
            self.socket.sendall(self.parser.send_bytes())
            while True:
                self.socket.settimeout(self.left())
                data = self.socket.recv(65536)
                self.heard = (self.heard + data)[:16]
                if not data:
                    raise EOFError('it hung up')
                for _, answer in self.parser.receive_bytes(data):
                    return answer
        except (OSError, EOFError, KafkaError, ValueError, struct.error) as error:
            raise BrokenError(error) from error

    def ask_metadata(self, topics: Sequence[str] = (), create: bool = False) -> Any:
        """The brokers, and for each of the topics its partitions and our rights."""
        from kafka.protocol.metadata import MetadataRequest

        named = [MetadataRequest.MetadataRequestTopic(name=topic) for topic in topics]
        rights = {'include_topic_authorized_operations': True}
        try:
            return self.ask(
                MetadataRequest(topics=named, allow_auto_topic_creation=create, **rights)
            )
        except BrokenError as error:
            if error.silent or self.protocol.startswith('SASL'):
                self._silent(error)
            cure = 'Set KAFKA_SECURITY_PROTOCOL=SASL_SSL or SASL_PLAINTEXT, KAFKA_SASL_MECHANISM, user name and password'
            self.fail('login', 'it speaks Kafka, but hangs up without a login', cure, error)

    def left(self) -> float:
        """Seconds until the deadline."""
        return max(self.deadline - time.monotonic(), 0.05)

    def fail(
        self, stage: str, what: str, cure: str, cause: BaseException | None = None
    ) -> NoReturn:
        """Raise the error of a stage: what happened, and what to do."""
        raise UnreachableError(
            f'No way into Kafka at {self.where}: {what}. {cure}.', stage
        ) from cause

    def _silent(self, cause: BaseException) -> NoReturn:
        what = 'it accepts the connection and then says nothing: a frozen broker, or no Kafka'
        self.fail(
            'connection',
            what,
            'Try again, restart the broker, or correct KAFKA_BOOTSTRAP_SERVERS',
            cause,
        )

    def _no_tls(self, cause: OSError) -> NoReturn:
        alert = getattr(cause, 'reason', None) or ''
        if 'ALERT' in alert:
            self.fail('tls', f'TLS refused by the broker ({alert})', OWN_CERTIFICATE, cause)
        better = 'SASL_PLAINTEXT' if self.protocol == 'SASL_SSL' else 'PLAINTEXT or SASL_PLAINTEXT'
        self.fail(
            'tls',
            f'it speaks no TLS, and KAFKA_SECURITY_PROTOCOL is {self.protocol}',
            f'Set it to {better}, or use the TLS port',
            cause,
        )

    def _no_kafka(self, error: 'BrokenError') -> NoReturn:
        if error.silent:
            self._silent(error)
        if self.protocol.endswith('SSL') and not self.heard:
            self.fail('tls', f'the broker hung up after TLS ({error})', OWN_CERTIFICATE, error)
        if self.heard.startswith(b'\x15\x03') or self._speaks_tls():
            better = 'SASL_SSL' if self.protocol == 'SASL_PLAINTEXT' else 'SSL or SASL_SSL'
            self.fail(
                'tls',
                f'it wants TLS, and KAFKA_SECURITY_PROTOCOL is {self.protocol}',
                f'Set it to {better}',
                error,
            )
        said = (
            'is a web server'
            if self.heard.startswith(b'HTTP')
            else f'answers {self.heard!r}'
            if self.heard
            else 'hangs up at once'
        )
        self.fail(
            'metadata',
            f'it is no Kafka: it {said}',
            'Correct the port in KAFKA_BOOTSTRAP_SERVERS',
            error,
        )

    def _speaks_tls(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with (
                socket.create_connection((self.host, self.port), self.left()) as line,
                context.wrap_socket(line),
            ):
                return True
        except ssl.SSLError as error:
            return 'ALERT' in (error.reason or '')
        except OSError:
            return False


class BrokenError(Exception):
    """The other end was silent, hung up, or spoke something else."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(getattr(cause, 'reason', None) or cause))
        self.silent = isinstance(cause, TimeoutError)


def _look_up(host: str, port: int, timeout: float) -> list[Any] | OSError:
    """`socket.getaddrinfo`, which knows no timeout, in a thread of its own."""
    answers: list[list[Any] | OSError] = [
        TimeoutError(0, f'no answer from the name server within {timeout:.1f} s')
    ]

    def look() -> None:
        try:
            answers.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            answers.append(error)
        except UnicodeError:  # two dots in a row, or more than 63 characters between two
            answers.append(OSError(0, 'this is no valid name'))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(timeout)
    return answers[-1]
