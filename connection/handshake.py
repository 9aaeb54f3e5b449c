"""Connecting to one broker, stage by stage: name, connection, TLS, login, metadata.

The client does the same at every start, but does not tell where it failed. Used by `diagnosis`.

The one idea to take away: connecting is a series of questions, and each stage trusts what the one
before it has settled.
"""

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from connection.wire import BrokenConnectionError, BrokerConnection, resolve
from errors import UnreachableError

__all__ = ['STAGES', 'Handshake', 'Report', 'reason_of']

STAGES = ('name', 'connection', 'tls', 'login', 'metadata', 'topic')  # in this order
UNSUPPORTED_SASL_MECHANISM = 33  # an error code of Kafka's protocol
CANNOT_CONNECT = 'Cannot connect to Kafka at '

START_ONE = (
    'Start one with `python -m broker`, or set KAFKA_BOOTSTRAP_SERVERS (in .env) to where yours is'
)
USE_A_CERTIFICATE = (
    'Set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE to a certificate of yours, signed by the '
    'authority (CA) that it trusts'
)

Report = Callable[[str, str], object]  # called with a stage that was passed, and how


class Handshake:
    """The stages of connecting to one broker. Each raises an UnreachableError that names it.

    Args:
        options: kafka-python options.
        host: the broker's name or address.
        port: its port.
        deadline: ``time.monotonic()`` at which every wait ends.
        report: called with each stage that was passed, and how.
    """

    def __init__(
        self, options: dict[str, Any], host: str, port: int, deadline: float, report: Report
    ) -> None:
        self.options = options
        self.host = host
        self.port = port
        self.address = f'{host}:{port}'
        self.report = report
        self.protocol = options.get('security_protocol', 'PLAINTEXT')
        self.connection = BrokerConnection(deadline)

    def complete(self) -> None:
        """All stages from the name to the login."""
        self.connect()
        self.start_tls()
        self.request_versions()
        self.authenticate()

    def connect(self) -> None:
        """Look the name up, and connect to the first of its addresses that answers."""
        started = time.monotonic()
        try:
            found = resolve(self.host, self.port, self.seconds_left())
        except OSError as error:
            what = f'unknown host {self.host!r} ({error.strerror})'
            self.fail('name', what, 'Correct KAFKA_BOOTSTRAP_SERVERS')
        numbers = sorted({address[4][0] for address in found})
        self.report('name', f'{self.host} is {", ".join(numbers)}')
        reason = ''
        for address in found:
            try:
                self.connection.connect(address)
            except TimeoutError:
                waited = time.monotonic() - started
                reason = f'no answer within {waited:.1f} s (a firewall, or a machine that is off)'
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
            else:
                self.report('connection', f'connected to {self.address}')
                return
        self.fail('connection', reason, START_ONE)

    def start_tls(self) -> None:
        """Agree on TLS, if the options ask for it."""
        if not self.protocol.endswith('SSL'):
            self.report('tls', f'not wanted ({self.protocol})')
            return
        try:
            version = self.connection.start_tls(self.options['ssl_context'], self.host)
        except ssl.SSLCertVerificationError as error:
            self._fail_untrusted(error)
        except TimeoutError as error:
            self._fail_silent(error)
        except OSError as error:
            self._fail_tls(error)
        self.report('tls', f'{version}, certificate trusted')

    def request_versions(self) -> None:
        """Ask which requests the broker knows: the first question to any Kafka."""
        from kafka.protocol.metadata import ApiVersionsRequest

        try:
            response = self.connection.request(ApiVersionsRequest(version=0))
        except BrokenConnectionError as error:
            self._fail_first_request(error)
        self.connection.use_versions(response.api_keys)

    def authenticate(self) -> None:
        """Log in by SASL, if the options ask for it."""
        from kafka.errors import KafkaError

        if not self.protocol.startswith('SASL'):
            self.report('login', f'not wanted ({self.protocol})')
            return
        try:
            self._agree_on_mechanism()
            self._exchange_credentials()
        except (BrokenConnectionError, KafkaError, ValueError) as error:
            what = f'login failed for {self._user()}: {type(error).__name__}'
            cure = 'Correct user name, password and KAFKA_SASL_MECHANISM'
            self.fail('login', what, cure, error)
        self.report('login', f'{self.options["sasl_mechanism"]} as {self._user()}')

    def request_metadata(self, topics: Sequence[str] | None = (), create: bool = False) -> Any:
        """The brokers, and for each topic its partitions and what we are authorized to do.

        Args:
            topics: names on the cluster; None for all that we may know of.
            create: create the topics that are missing, if the broker allows it.
        """
        from kafka.protocol.metadata import MetadataRequest

        named = [MetadataRequest.MetadataRequestTopic(name=topic) for topic in topics or ()]
        request = MetadataRequest(
            topics=None if topics is None else named,
            allow_auto_topic_creation=create,
            include_topic_authorized_operations=True,
        )
        try:
            return self.connection.request(request)
        except BrokenConnectionError as error:
            if error.timed_out or self.protocol.startswith('SASL'):
                self._fail_silent(error)
            self.fail(
                'login',
                'it is Kafka, but it closes the connection without a login',
                'Set KAFKA_SECURITY_PROTOCOL=SASL_SSL or SASL_PLAINTEXT, KAFKA_SASL_MECHANISM, '
                'user name and password',
                error,
            )

    def seconds_left(self) -> float:
        """Seconds until the deadline."""
        return self.connection.seconds_left()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def fail(
        self, stage: str, what: str, cure: str, cause: BaseException | None = None
    ) -> NoReturn:
        """Raise the error of a stage: what happened, and what to do."""
        raise UnreachableError(f'{CANNOT_CONNECT}{self.address}: {what}. {cure}.', stage) from cause

    def _user(self) -> str:
        user = self.options.get('sasl_plain_username')
        return repr(user or 'the bearer of a token')

    def _agree_on_mechanism(self) -> None:
        from kafka.protocol.sasl import SaslHandshakeRequest

        mechanism = self.options['sasl_mechanism']
        response = self.connection.request(SaslHandshakeRequest(mechanism=mechanism, max_version=1))
        if response.error_code == UNSUPPORTED_SASL_MECHANISM:
            self.fail(
                'login',
                f'it does not support {mechanism} (UNSUPPORTED_SASL_MECHANISM); '
                f'it supports {", ".join(response.mechanisms)}',
                'Set KAFKA_SASL_MECHANISM to one of these',
            )
        if response.error_code:
            better = 'SSL' if self.protocol == 'SASL_SSL' else 'PLAINTEXT'
            self.fail(
                'login',
                f'this listener has no login ({_error_name(response.error_code)})',
                f'Set KAFKA_SECURITY_PROTOCOL={better}, or use the port that has one',
            )

    def _exchange_credentials(self) -> None:
        from kafka.net.sasl import get_sasl_mechanism
        from kafka.protocol.sasl import SaslAuthenticateRequest

        options = {'security_protocol': self.protocol, **self.options}
        mechanism = get_sasl_mechanism(self.options['sasl_mechanism'])(host=self.host, **options)
        while not mechanism.is_done():
            response = self.connection.request(SaslAuthenticateRequest(mechanism.auth_bytes()))
            if response.error_code:
                said = (response.error_message or 'no reason given').strip().rstrip('.')
                self.fail(
                    'login',
                    f'login failed for {self._user()}: {said} ({_error_name(response.error_code)})',
                    'Correct KAFKA_SASL_PLAIN_USERNAME and KAFKA_SASL_PLAIN_PASSWORD',
                )
            mechanism.receive(response.auth_bytes)

    def _fail_untrusted(self, error: ssl.SSLCertVerificationError) -> NoReturn:
        said = error.verify_message.rstrip('.')
        if 'ostname' in said or 'IP address' in said:
            cure = (
                'Use the name that stands in its certificate; '
                'KAFKA_SSL_CHECK_HOSTNAME=false only on your own desk'
            )
        elif 'expired' in said or 'not yet' in said:
            cure = 'Ask for a new certificate, or set the clock of this machine'
        else:
            cure = 'Set KAFKA_SSL_CAFILE to the certificate of the authority (CA) that signed it'
        what = f"the broker's certificate is not trusted (CERTIFICATE_VERIFY_FAILED): {said}"
        self.fail('tls', what, cure, error)

    def _fail_tls(self, cause: OSError) -> NoReturn:
        reason = getattr(cause, 'reason', None) or ''
        if 'ALERT' in reason:
            what = f'the broker refused the TLS handshake ({reason})'
            self.fail('tls', what, USE_A_CERTIFICATE, cause)
        better = 'SASL_PLAINTEXT' if self.protocol == 'SASL_SSL' else 'PLAINTEXT or SASL_PLAINTEXT'
        name = f' ({reason})' if reason else ''
        self.fail(
            'tls',
            f'this port does not speak TLS{name}, but KAFKA_SECURITY_PROTOCOL is {self.protocol}',
            f'Set it to {better}, or use the TLS port',
            cause,
        )

    def _fail_silent(self, cause: BaseException) -> NoReturn:
        self.fail(
            'connection',
            'it accepted the connection, but does not answer: a frozen broker, or not Kafka',
            'Try again, restart the broker, or correct KAFKA_BOOTSTRAP_SERVERS',
            cause,
        )

    def _fail_first_request(self, error: BrokenConnectionError) -> NoReturn:
        """Tell why whatever listens there does not answer as Kafka does."""
        if error.timed_out:
            self._fail_silent(error)
        first = self.connection.first_bytes
        if self.protocol.endswith('SSL') and not first:
            what = f'the broker closed the connection after the TLS handshake ({error})'
            self.fail('tls', what, USE_A_CERTIFICATE, error)
        if first.startswith(b'\x15\x03') or self._speaks_tls():  # an alert of TLS
            better = 'SASL_SSL' if self.protocol == 'SASL_PLAINTEXT' else 'SSL or SASL_SSL'
            self.fail(
                'tls',
                f'this port requires TLS, but KAFKA_SECURITY_PROTOCOL is {self.protocol}',
                f'Set it to {better}',
                error,
            )
        if first.startswith(b'HTTP'):
            what = 'it is not Kafka, but a web server'
        elif first:
            what = f'it is not Kafka: it answers {first!r}'
        else:
            what = 'it is not Kafka: it closes the connection at once'
        self.fail('metadata', what, 'Correct the port in KAFKA_BOOTSTRAP_SERVERS', error)

    def _speaks_tls(self) -> bool:
        # Nothing is sent over this connection, so nobody's certificate has to be trusted.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            line = socket.create_connection((self.host, self.port), self.seconds_left())
            with line, context.wrap_socket(line):
                return True
        except ssl.SSLError as error:
            return 'ALERT' in (error.reason or '')
        except OSError:
            return False


def reason_of(error: UnreachableError) -> str:
    """Address and reason out of a handshake's error, without what to do about it."""
    return str(error).removeprefix(CANNOT_CONNECT).partition('. ')[0]


def _error_name(code: int) -> str:
    """The name of an error code in Kafka's documentation."""
    from kafka.errors import for_code

    return str(for_code(code).message)
