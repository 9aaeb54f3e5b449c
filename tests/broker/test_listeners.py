"""A secure broker: who is let in at each listener (authentication), and what they may do then."""

import contextlib
import json
import re
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import TopicAuthorizationFailedError

import settings
from broker import Broker, installation, listeners, storage, users
from broker.monitor import ClusterMonitor
from errors import BrokerError
from tests.support.brokers import eventually, options, read, send

pytestmark = pytest.mark.broker
NAMED = [name for name in listeners.SECURE if name != 'tls']


@pytest.fixture(scope='module')
def secure() -> Iterator[Broker]:
    """One broker with all listeners."""
    with Broker(secure=True) as kafka:
        yield kafka


def _without_name_check(name: str) -> dict[str, bool]:
    return {'ssl_check_hostname': False} if name == 'wrong-name' else {}


@pytest.mark.parametrize('name', NAMED)
def test_each_listener_lets_the_teacher_in(secure: Broker, name: str) -> None:
    """With what env() says, one sends and reads in a group at every listener that logs one in."""
    environment = secure.env(name)
    send(environment, f'topic-{name}', b'x', **_without_name_check(name))
    assert read(
        environment, f'topic-{name}', 1, group_id=f'group-{name}', **_without_name_check(name)
    ) == [b'x']


@pytest.mark.parametrize('name', NAMED)
def test_the_visitor_gets_in_and_is_not_authorized(secure: Broker, name: str) -> None:
    """The visitor is known at every listener that asks for a name, and not authorized to write."""
    send(secure.env(), f'topic-{name}', b'x')
    with pytest.raises(TopicAuthorizationFailedError):
        send(secure.env(name, user='visitor'), f'topic-{name}', b'x', **_without_name_check(name))


def test_who_shows_no_name_may_do_nothing(secure: Broker) -> None:
    """TLS without a login lets everybody connect, and nobody write, unless it was asked for."""
    send(secure.env(), 'topic-tls', b'x')
    with pytest.raises(TopicAuthorizationFailedError):
        send(secure.env('tls'), 'topic-tls', b'x')


CONNECT = """
import json, sys, warnings
warnings.simplefilter('ignore')
import kafka
try:
    kafka.KafkaProducer(**json.loads(sys.argv[1]), bootstrap_timeout_ms=1500)
except kafka.errors.KafkaError:
    print('refused')
"""


def _refused(environment: dict[str, str]) -> bool:
    """Connect in a process of its own: a client that does not get in leaves sockets open."""
    run = subprocess.run(
        [sys.executable, '-c', CONNECT, json.dumps(options(environment))],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return run.stdout == 'refused\n'


@pytest.mark.parametrize('name', ['scram512', 'scram256', 'plain', 'sasl-plaintext'])
def test_a_wrong_password_does_not_get_in(secure: Broker, name: str) -> None:
    """A wrong password is refused at every listener that asks for one."""
    assert not _refused(secure.env(name))
    assert _refused({**secure.env(name), 'KAFKA_SASL_PLAIN_PASSWORD': 'wrong'})


@pytest.mark.parametrize('name', ['mtls', 'wrong-name'])
def test_without_a_certificate_one_does_not_get_in(secure: Broker, name: str) -> None:
    """Mutual TLS wants the client's own certificate."""
    environment = secure.env(name)
    del environment['KAFKA_SSL_CERTFILE'], environment['KAFKA_SSL_KEYFILE']
    assert _refused(environment)


def test_another_authority_or_another_name_is_not_trusted(secure: Broker, tmp_path: Path) -> None:
    """A client that trusts another authority, or finds a wrong name, does not go in."""
    other = users.create(tmp_path / 'other')
    assert _refused({**secure.env('tls'), 'KAFKA_SSL_CAFILE': str(other.ca)})
    assert _refused(secure.env('wrong-name'))


def test_the_heroku_shape_works_as_it_stands(
    secure: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heroku's variables (PEM texts, a certificate without the name) work by our own settings."""
    for name, value in secure.env('heroku').items():
        monkeypatch.setenv(name, value)
    found = settings.client_options('producer')
    assert 'kafka+ssl' not in str(found['bootstrap_servers'])
    send(
        {},
        'heroku',
        b'x',
        **{name: value for name, value in found.items() if name != 'max_block_ms'},
    )


def test_passwords_are_not_shown(secure: Broker) -> None:
    """No password in a repr, a log or a file that others can read."""
    assert secure.credentials
    passwords = list(secure.credentials.passwords.values())
    shown = repr(secure) + repr(secure.credentials) + secure.log().read_text()
    assert not [password for password in passwords if password in shown]
    files = [path for path in secure.credentials.folder.iterdir() if path.is_file()]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_passwords_are_in_no_list_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a secure broker is made, no command line holds a password, and no file is public."""
    run, seen = subprocess.run, []

    def look(command: list[str], **options: Any) -> Any:
        files = [path for path in Path(options['cwd']).iterdir() if path.is_file()]
        seen.append((' '.join(command), [stat.S_IMODE(path.stat().st_mode) for path in files]))
        return run(command, **options)

    monkeypatch.setattr(subprocess, 'run', look)
    made = storage.prepare(
        tmp_path / 'data',
        installation.ensure_installed(storage.format_template),
        [1],
        secure=True,
    )
    ((command, modes),) = seen
    assert made
    assert 'password' not in command
    assert not [password for password in made.passwords.values() if password in command]
    assert modes == [0o600, 0o600]


@pytest.mark.parametrize(('listener', 'user'), [('nowhere', 'teacher'), ('plain', 'nobody')])
def test_what_is_not_there_is_told(secure: Broker, listener: str, user: str) -> None:
    """A listener or user that is not there is an error that names those that are."""
    with pytest.raises(BrokerError, match=r'(nowhere|nobody).*Say one of'):
        secure.env(listener, user)


def test_users_are_kept_with_the_data(tmp_path: Path) -> None:
    """Started again on its data, a secure broker has the same users.

    Without its passwords the folder is damaged.
    """
    with Broker(secure=True, data=tmp_path) as kafka:
        assert kafka.credentials
        first, folder = kafka.credentials.passwords, kafka.credentials.folder
        send(kafka.env(), 'kept', b'x')
    with Broker(secure=True, data=tmp_path) as kafka:
        assert kafka.credentials
        assert kafka.credentials.passwords == first
        assert read(kafka.env(), 'kept', 1) == [b'x']
    earlier_name = folder.rename(folder.with_name('passes'))
    with Broker(secure=True, data=tmp_path) as kafka:
        assert kafka.credentials
        assert kafka.credentials.folder == earlier_name
        assert read(kafka.env(), 'kept', 1) == [b'x']
    (earlier_name / 'passwords.json').unlink()
    with pytest.raises(BrokerError, match=r'damaged.*Move it away'):
        Broker(secure=True, data=tmp_path).start()


@pytest.mark.parametrize('name', ['secure', 'classroom'])
def test_who_shows_no_name_is_nobody_where_that_is_not_asked_for(secure: Broker, name: str) -> None:
    """Whoever shows no name is no super user; `--open-tls` is what makes them one."""
    here = listeners.SECURE if name == 'secure' else listeners.classroom('127.0.0.1')
    every = [*here, 'internal', 'controller']
    made = listeners.listener_properties(
        1, here, {each: {1: 9092} for each in every}, secure.credentials
    )
    assert 'ANONYMOUS' not in made['super.users']


def test_an_open_broker_needs_its_address_only() -> None:
    """Without secure=True, the settings are the address alone."""
    with Broker() as kafka:
        assert kafka.env() == {'KAFKA_BOOTSTRAP_SERVERS': kafka.bootstrap_servers}
        assert list(options(kafka.env())) == ['bootstrap_servers']


@pytest.mark.parametrize(
    ('listener', 'line'),
    [
        ('', 'A client speaks TLS to a listener that does not.'),
        ('sasl-plaintext', 'A client sent something else than a login: perhaps it speaks TLS'),
    ],
)
def test_clients_that_speak_tls_to_a_plain_listener_are_one_line(
    listener: str, line: str, secure: Broker
) -> None:
    """However often they try, the foreground says once what is wrong, and what to set."""
    with contextlib.ExitStack() as stack:
        kafka = secure if listener else stack.enter_context(Broker())
        host, port = kafka.env(listener)['KAFKA_BOOTSTRAP_SERVERS'].split(':')
        monitor = ClusterMonitor(kafka)
        context = ssl.create_default_context()
        for _ in range(5):
            with socket.create_connection((host, int(port))) as plain, contextlib.suppress(OSError):
                context.wrap_socket(plain, server_hostname='localhost')
        eventually(lambda: len(re.findall('(?i)invalid receive', kafka.log().read_text())) == 5)
        (told,) = monitor.news()
    assert told.startswith(line)
    assert 'On its side: KAFKA_SECURITY_PROTOCOL=' in told
