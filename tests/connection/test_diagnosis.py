"""Connecting stage by stage, against servers that fail at one of them.

Real listeners of Kafka are in test_mistakes.py.
"""

import datetime
import gc
import socket
import ssl
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import trustme

import settings
from connection import diagnosis
from errors import UnreachableError

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that does something with each connection; returns its port."""
    with ExitStack() as stack:

        def start(handle: Callable[[socket.socket], None]) -> int:
            listener = stack.enter_context(socket.create_server(('127.0.0.1', 0)))

            def accept() -> None:
                while True:
                    try:
                        line = listener.accept()[0]
                    except OSError:
                        return
                    stack.callback(line.close)
                    handle(line)

            threading.Thread(target=accept, daemon=True).start()
            return int(listener.getsockname()[1])

        yield start


def silent(_: socket.socket) -> None:
    """Says nothing."""


def speaks_tls(certificate: trustme.LeafCert) -> Callable[[socket.socket], None]:
    """A server that shows a certificate and then hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def handle(line: socket.socket) -> None:
        try:
            with context.wrap_socket(line, server_side=True) as tls:
                tls.recv(100)
        except OSError:
            pass

    return handle


def trusting(authority: trustme.CA, port: int, **more: Any) -> settings.Options:
    """Options for a TLS port, trusting an authority."""
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    return settings.client_options(
        'producer',
        bootstrap_servers=f'localhost:{port}',
        security_protocol='SSL',
        ssl_context=context,
        **more,
    )


def failure(options: Any, **more: Any) -> tuple[str, str, float]:
    """The stage at which the way in ended, the message, and the seconds it took."""
    start = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        diagnosis.check_connection(options, **more)
    return caught.value.stage, str(caught.value), time.monotonic() - start


def test_every_stage_is_told_in_order(kafka: Any, topic: str) -> None:
    """Each stage that was passed is reported, topic and group last."""
    told: list[str] = []
    options = settings.client_options('consumer')
    diagnosis.check_connection(
        options,
        [settings.topic_name(topic)],
        group=settings.group_name('mine'),
        report=lambda stage, _: told.append(stage),
    )
    assert told == ['name', 'connection', 'tls', 'login', 'metadata', 'topic', 'group']


def test_a_healthy_kafka_costs_next_to_nothing(kafka: Any) -> None:
    """Asking first takes milliseconds: a learner does not notice.

    Typically 2 to 5 ms, 20 with TLS and SCRAM.
    """
    options = settings.client_options('producer')
    seconds = []
    for _ in range(15):
        start = time.perf_counter()
        diagnosis.require_listener(options)
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.05


def test_one_address_of_several_is_enough(kafka: Any, serve: Serve) -> None:
    """Where one bootstrap server is gone and another frozen, the third is asked in time."""
    options = settings.client_options('producer')
    servers = f'127.0.0.1:1,127.0.0.1:{serve(silent)},{options["bootstrap_servers"]}'
    start = time.monotonic()
    diagnosis.require_listener(settings.client_options('producer', bootstrap_servers=servers))
    assert time.monotonic() - start < 4


def test_of_several_failures_the_furthest_is_told_and_the_others_named(serve: Serve) -> None:
    """The address that got furthest explains best; the others are named with their reasons."""
    port = serve(lambda line: line.sendall(b'HTTP/1.1 400 Bad Request\r\n'))
    options = settings.client_options(
        'producer', bootstrap_servers=f'kafka.invalid:9092,127.0.0.1:{port},127.0.0.1:1'
    )
    stage, message, seconds = failure(options)
    assert stage == 'metadata'
    assert (
        f'Cannot connect to Kafka at 127.0.0.1:{port}: it is not Kafka, but a web server' in message
    )
    assert "kafka.invalid:9092: unknown host 'kafka.invalid'" in message
    assert '127.0.0.1:1: connection refused' in message
    assert seconds < 2


@pytest.mark.parametrize('protocol', ['PLAINTEXT', 'SSL'])
def test_silence_ends_within_the_time(protocol: str, serve: Serve) -> None:
    """A server that accepts and does not answer is given up after the timeout."""
    options = settings.client_options(
        'producer', bootstrap_servers=f'127.0.0.1:{serve(silent)}', security_protocol=protocol
    )
    stage, message, seconds = failure(options, timeout=0.5)
    assert (stage, 'does not answer' in message) == ('connection', True)
    assert 0.4 < seconds < 1.5


@pytest.mark.parametrize('host', ['broker..example.com', f'{"x" * 64}.example.com'])
def test_a_name_that_no_host_can_have_is_told(host: str) -> None:
    """At once, and not as a name server that does not answer."""
    stage, message, seconds = failure(
        settings.client_options('producer', bootstrap_servers=f'{host}:9092')
    )
    assert stage == 'name'
    assert 'not a valid host name' in message
    assert seconds < 2


def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking up a name has a timeout too, which Python's own way to do it lacks."""
    over = threading.Event()
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *_, **__: over.wait(10))
    stage, message, seconds = failure(
        settings.client_options('producer', bootstrap_servers='kafka.example:9092'), timeout=0.5
    )
    over.set()
    assert (stage, seconds < 1.5) == ('name', True)
    assert 'no answer from the name server' in message


def test_certificates_fail_each_in_its_own_way(serve: Serve) -> None:
    """An unknown authority, another name, an expired certificate: each has a cure of its own."""
    authority = trustme.CA()
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    right = serve(speaks_tls(authority.issue_cert('localhost')))
    expired = serve(
        speaks_tls(
            authority.issue_cert(
                'localhost', not_before=past - datetime.timedelta(days=9), not_after=past
            )
        )
    )
    other = serve(speaks_tls(authority.issue_cert('broker.example')))
    found = {
        'authority': failure(trusting(trustme.CA(), right)),
        'expired': failure(trusting(authority, expired)),
        'name': failure(trusting(authority, other)),
        'hung up': failure(trusting(authority, right)),
    }
    assert {stage for stage, _, _ in found.values()} == {'tls'}
    assert 'Set KAFKA_SSL_CAFILE' in found['authority'][1]
    assert 'set the clock' in found['expired'][1]
    assert "'localhost'. Use the name that stands in its certificate" in found['name'][1]
    assert 'closed the connection after the TLS handshake' in found['hung up'][1]


def test_a_port_that_requires_tls_is_recognised(serve: Serve) -> None:
    """Speaking plainly to a TLS port says so, also where it is no Kafka's."""
    port = serve(speaks_tls(trustme.CA().issue_cert('localhost')))
    stage, message, _ = failure(
        settings.client_options('producer', bootstrap_servers=f'127.0.0.1:{port}')
    )
    assert (stage, 'requires TLS' in message) == ('tls', True)


def test_nothing_is_tried_through_a_proxy() -> None:
    """Where a proxy is set, the client alone knows the way."""
    told = []
    options = settings.client_options(
        'producer', bootstrap_servers='kafka.invalid:1', proxy_url='socks5://localhost:1'
    )
    diagnosis.check_connection(options, report=lambda stage, text: told.append((stage, text)))
    assert told == [('connection', 'through a proxy: not tried')]


def test_what_the_client_says_afterwards_is_explained(kafka: Any, serve: Serve) -> None:
    """A client that could not be built gets the stage that failed as its error.

    If Kafka answers meanwhile, it gets the advice to try again.
    """
    cause = TimeoutError('Unable to bootstrap')
    gone = diagnosis.explain(
        settings.client_options('producer', bootstrap_servers='127.0.0.1:1'), cause
    )
    back = diagnosis.explain(settings.client_options('producer'), cause)
    assert (gone.stage, 'refused' in str(gone)) == ('connection', True)
    assert 'Unable to bootstrap' in str(back)
    assert 'Try again' in str(back)


def test_no_socket_is_left_open(kafka: Any, serve: Serve) -> None:
    """Neither a check that succeeds nor one that fails leaves a socket behind."""
    port = serve(silent)
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', ResourceWarning)
        diagnosis.require_listener(settings.client_options('producer'))
        failure(
            settings.client_options('producer', bootstrap_servers=f'127.0.0.1:1,127.0.0.1:{port}'),
            timeout=0.4,
        )
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
