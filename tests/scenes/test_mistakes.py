"""What a beginner does wrong, on real listeners: how soon the error comes, and what it says.

``pytest tests/scenes/test_mistakes.py -s`` prints the table of times and messages.
"""

import gc
import io
import logging
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import kafka
import pytest

import consumer
import producer
from errors import (
    AccessError,
    ChatError,
    ClosedError,
    DeliveryError,
    MessageError,
    SettingsError,
    UnreachableError,
)
from tests.support.rig import Rig, Settings, at, free_port

# kafka-python's own sockets, after a broker was killed.
pytestmark = pytest.mark.filterwarnings('ignore:unclosed:ResourceWarning')

WORDS = {'sender': 'red', 'contents': 'hello'}
SECRET = 'sesame-Äffchen-42'


@pytest.fixture(scope='module')
def whole_rig() -> Iterator[Rig]:
    """The brokers and servers of this module."""
    with ExitStack() as stack:
        yield Rig(stack)


@pytest.fixture
def rig(whole_rig: Rig) -> Iterator[Rig]:
    """The rig; what a test has broken is repaired afterwards."""
    yield whole_rig
    while whole_rig.repairs:
        whole_rig.repairs.pop()()
    with warnings.catch_warnings():
        # kafka-python leaves sockets that found nobody to the collector.
        warnings.simplefilter('ignore', ResourceWarning)
        producer.close(timeout=0.1)
        gc.collect()


def listener(rig: Rig, name: str, user: str = 'teacher', **changed: str) -> Settings:
    """The settings for one of the secure broker's listeners, changed; '' leaves one out."""
    changes = {f'KAFKA_{option}': value for option, value in changed.items()}
    values = rig.secure.env(name, user) | changes
    return {name: value for name, value in values.items() if value}


def only_address(rig: Rig, name: str, **more: str) -> Settings:
    """The address of a listener alone."""
    address = rig.secure.env(name)['KAFKA_BOOTSTRAP_SERVERS']
    variables = {f'KAFKA_{option}': value for option, value in more.items()}
    return {'KAFKA_BOOTSTRAP_SERVERS': address, **variables}


def stranger(rig: Rig) -> Settings:
    """A client's certificate from an authority that the broker does not know."""
    leaf = rig.strange_ca.issue_cert('red@workshop.example')
    certificate = leaf.cert_chain_pems[0].bytes().decode()
    key = leaf.private_key_pem.bytes().decode()
    return listener(rig, 'mtls', SSL_CERTFILE=certificate, SSL_KEYFILE=key)


def send(_: Rig, topic: str = 'closed', contents: str = 'hello') -> None:
    """What the learner types in step 1."""
    producer.send_msg(topic, WORDS | {'contents': contents}, block=True, timeout=3)


def read(_: Rig, topic: str = 'closed', group_id: str | None = None) -> None:
    """What the learner types in step 2."""
    consumer.get_consumer(topic, group_id=group_id, timeout=3).close()


def send_there(rig: Rig) -> None:
    """The same, to the topic that the strict broker has."""
    send(rig, 'there')


def without_snappy(rig: Rig) -> None:
    """The same, where the codec is not installed (requirements.txt brings it)."""
    with pytest.MonkeyPatch.context() as patch:
        compressors = kafka.KafkaProducer._COMPRESSORS
        patch.setitem(compressors, 'snappy', (lambda: False, compressors['snappy'][1]))
        send_there(rig)


def frozen(rig: Rig) -> None:
    """A client that meets a broker which does not move."""
    rig.strict.pause()
    rig.repairs.append(rig.strict.resume)
    send(rig, 'there')


def frozen_later(rig: Rig) -> None:
    """A broker that freezes in mid-work."""
    send(rig, 'there')
    frozen(rig)


def killed(rig: Rig) -> None:
    """A broker that is gone in mid-work."""
    send(rig, 'there')
    rig.strict.kill()
    rig.repairs.append(rig.strict.restart)
    send(rig, 'there')


def closed(_: Rig) -> None:
    """A consumer that was closed, used again."""
    mine = consumer.get_consumer('there', timeout=1)
    mine.close()
    next(iter(mine))


class Mistake(NamedTuple):
    """A row of the table: settings, the error and what it says, what is typed, and the seconds."""

    env: Callable[[Rig], Settings]
    error: type[ChatError]
    says: tuple[str, ...]
    do: Callable[[Rig], None] = send
    limit: float = 5.0


def here(rig: Rig) -> Settings:
    """The right settings for the strict broker."""
    return rig.strict.env()


def visitor(rig: Rig) -> Settings:
    """The right settings for the user who may do next to nothing."""
    return listener(rig, 'scram512', 'visitor')


PLAIN_TLS = 'KAFKA_SECURITY_PROTOCOL is PLAINTEXT. Set it to SSL or SASL_SSL'
MISTAKES = {
    'misspelt option': Mistake(
        lambda r: at(9092, SASL_MECHANISMS='PLAIN'),
        SettingsError,
        ('Did you mean KAFKA_SASL_MECHANISM',),
    ),
    'address with http://': Mistake(
        lambda r: at(9092, 'http://a'), SettingsError, ('http://a:9092', 'Write host:port')
    ),
    'password, but PLAINTEXT': Mistake(
        lambda r: listener(r, 'sasl-plaintext', SECURITY_PROTOCOL='PLAINTEXT'),
        SettingsError,
        ('Set KAFKA_SECURITY',),
    ),
    'CA file not there': Mistake(
        lambda r: listener(r, 'tls', SSL_CAFILE='no.pem'),
        SettingsError,
        ("SSL_CAFILE='no.pem'", 'Correct the path'),
    ),
    'half of a login': Mistake(
        lambda r: listener(r, 'plain', SASL_PLAIN_USERNAME=''),
        SettingsError,
        ('needs KAFKA_SASL_PLAIN_USERNAME',),
    ),
    'options that do not fit': Mistake(
        lambda r: here(r) | {'KAFKA_ACKS': '1', 'KAFKA_ENABLE_IDEMPOTENCE': 'true'},
        SettingsError,
        ('acks=1', 'Correct or remove'),
        send_there,
    ),
    'compression not installed': Mistake(
        lambda r: here(r) | {'KAFKA_COMPRESSION_TYPE': 'snappy'},
        SettingsError,
        ('snappy', 'remove'),
        without_snappy,
    ),
    'nothing listens': Mistake(
        lambda r: at(free_port()), UnreachableError, ('refused', 'python -m broker')
    ),
    'unknown host': Mistake(
        lambda r: at(9092, 'kafka.invalid'),
        UnreachableError,
        ('unknown host', 'Correct KAFKA_BOOTSTRAP_SERVERS'),
    ),
    'a web server': Mistake(
        lambda r: r.server(b'HTTP/1.1 400 Bad'),
        UnreachableError,
        ('not Kafka, but a web server', 'Correct the port'),
    ),
    'another server': Mistake(
        lambda r: r.server(b'220 smtp ready\r\n'),
        UnreachableError,
        ("b'220 smtp", 'Correct the port'),
    ),
    'hangs up at once': Mistake(
        lambda r: r.server(b''),
        UnreachableError,
        ('closes the connection at once', 'Correct the port'),
    ),
    'says nothing': Mistake(
        lambda r: r.server(None),
        UnreachableError,
        ('does not answer', 'correct KAFKA_BOOTSTRAP_SERVERS'),
    ),
    'TLS to a plain port': Mistake(
        lambda r: here(r) | {'KAFKA_SECURITY_PROTOCOL': 'SSL'},
        UnreachableError,
        ('does not speak TLS', 'Set it to PLAINTEXT'),
    ),
    'plain to a TLS port': Mistake(
        lambda r: only_address(r, 'tls'), UnreachableError, ('requires TLS', PLAIN_TLS)
    ),
    'no CA': Mistake(
        lambda r: listener(r, 'tls', SSL_CAFILE=''),
        UnreachableError,
        ('not trusted (CERTIFICATE_VERIFY_FAILED)', 'Set KAFKA_SSL_CAFILE'),
    ),
    'wrong CA': Mistake(
        lambda r: listener(r, 'tls', SSL_CAFILE=r.strange_ca.cert_pem.bytes().decode()),
        UnreachableError,
        ('not trusted', 'Set KAFKA_SSL_CA'),
    ),
    'name not in the certificate': Mistake(
        lambda r: listener(r, 'wrong-name'), UnreachableError, ("'127.0.0.1'", 'Use the name')
    ),
    'no client certificate': Mistake(
        lambda r: listener(r, 'mtls', SSL_CERTFILE='', SSL_KEYFILE=''),
        UnreachableError,
        ('CERTIFICATE_REQUIRED', 'Set KAFKA_SSL_CERTFILE'),
    ),
    'unknown client certificate': Mistake(
        stranger, UnreachableError, ('CERTIFICATE_UNKNOWN', 'signed by the authority')
    ),
    'wrong password': Mistake(
        lambda r: listener(r, 'plain', SASL_PLAIN_PASSWORD=SECRET),
        UnreachableError,
        ("'teacher'", '(SASL_AUTHENTICATION_FAILED)', 'Correct KAFKA_SASL'),
    ),
    'wrong password, SCRAM': Mistake(
        lambda r: listener(r, 'scram256', SASL_PLAIN_PASSWORD=SECRET),
        UnreachableError,
        ("'teacher'", '(SASL_AUTHENTICATION_FAILED)', 'KAFKA_SASL_PLAIN_PASSWORD'),
    ),
    'unknown user': Mistake(
        lambda r: listener(r, 'scram512', SASL_PLAIN_USERNAME='rde'),
        UnreachableError,
        ("'rde'", 'KAFKA_SASL_PLAIN_USER'),
    ),
    'mechanism not offered': Mistake(
        lambda r: listener(r, 'scram256', SASL_MECHANISM='PLAIN'),
        UnreachableError,
        ('support PLAIN (UNSUPPORTED_SASL_MECHANISM)', 'SCRAM-SHA-256. Set KAFKA_SASL_MECHANISM'),
    ),
    'login where there is none': Mistake(
        lambda r: (
            here(r) | {k: v for k, v in listener(r, 'sasl-plaintext').items() if 'SERVERS' not in k}
        ),
        UnreachableError,
        ('has no login (ILLEGAL_SASL_STATE)',),
    ),
    'no login': Mistake(
        lambda r: only_address(r, 'sasl-plaintext'),
        UnreachableError,
        ('without a login', 'Set KAFKA_SECURITY_PROTOCOL=SASL'),
    ),
    'advertised elsewhere': Mistake(
        lambda r: r.elsewhere.env(),
        UnreachableError,
        ('kafka.invalid:29092', 'advertised.listeners'),
    ),
    'not authorized to write': Mistake(
        visitor,
        AccessError,
        (
            "'visitor' is not authorized to write to topic 'closed' (TOPIC_AUTHORIZATION_FAILED)",
            'allows WRITE',
        ),
    ),
    'not authorized to read': Mistake(
        visitor,
        AccessError,
        (
            "'visitor' is not authorized to read topic 'closed' (TOPIC_AUTHORIZATION_FAILED)",
            'allows READ',
        ),
        read,
    ),
    'not authorized for the group': Mistake(
        visitor,
        AccessError,
        ("'visitor' is not authorized to read group 'mine' (GROUP_AUTHORIZATION_FAILED)",),
        lambda r: read(r, 'readable', 'mine'),
    ),
    'topic missing, sending': Mistake(
        here,
        AccessError,
        ("'missing' does not exist", 'UNKNOWN_TOPIC_OR_PARTITION', 'Create it'),
        lambda r: send(r, 'missing'),
    ),
    'topic missing, reading': Mistake(
        here,
        AccessError,
        ("'missing' does not exist", 'UNKNOWN_TOPIC_OR_PARTITION', 'Create it'),
        lambda r: read(r, 'missing'),
    ),
    'message too large': Mistake(
        here,
        MessageError,
        ('max_request_size', 'Send less'),
        lambda r: send(r, 'there', 'x' * 2_000_000),
    ),
    'too large for the topic': Mistake(
        here, DeliveryError, ('there', 'Send less'), lambda r: send(r, 'there', 'x' * 20_000)
    ),
    'closed consumer': Mistake(here, ClosedError, ('closed', 'get_consumer'), closed),
    'frozen in mid-work': Mistake(
        here, DeliveryError, ('not acknowledged within 3 s', 'may arrive'), frozen_later, 10
    ),
    'gone in mid-work': Mistake(
        here, DeliveryError, ('not acknowledged within 3 s', 'may arrive'), killed, 10
    ),
    'frozen broker': Mistake(
        here, UnreachableError, ('does not answer', 'restart the broker'), frozen, 10
    ),
}


@pytest.fixture
def kafkas_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What kafka-python logs at DEBUG level, as text at once.

    pytest's own log would keep its clients alive.
    """
    text, logger = io.StringIO(), logging.getLogger('kafka')
    handler = logging.StreamHandler(text)
    logger.addHandler(handler)
    monkeypatch.setattr(logger, 'propagate', False)
    monkeypatch.setattr(logger, 'level', logging.DEBUG)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    yield text
    logger.removeHandler(handler)
    logger.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.mark.broker
@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake_ends_in_an_error_that_tells_the_way_out(
    mistake: str,
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    kafkas_log: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each mistake becomes an error of ours that names the value and the cure, and no secret.

    It comes within 5 s, or 10 s where a broker is frozen.
    """
    env, error, says, do, limit = MISTAKES[mistake]
    variables = env(rig)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    start = time.monotonic()
    with pytest.raises(error) as caught:
        do(rig)
    seconds = time.monotonic() - start
    message = str(caught.value)
    with capfd.disabled():
        print(f'\n{mistake:<28} {seconds:5.2f} s  {message}')
    assert [words for words in says if words not in message] == []
    if error is UnreachableError:
        assert variables['KAFKA_BOOTSTRAP_SERVERS'] in message
    everything = '\n'.join(
        [
            *traceback.format_exception(caught.value),
            repr(caught.value),
            kafkas_log.getvalue(),
            *capfd.readouterr(),
        ]
    )
    hidden = [
        value for name, value in variables.items() if 'PASSWORD' in name or 'PRIVATE KEY' in value
    ]
    assert [
        secret
        for secret in hidden
        if secret in everything or repr(secret.encode())[2:-1] in everything
    ] == []
    assert seconds < limit
