"""Every kind of listener: send, read, group and alert service.

With good credentials, and with bad ones.
"""

import contextlib
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

import consumer
import producer
import settings
from alerts import AlertService
from broker import Broker
from errors import AccessError, UnreachableError

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
LISTENERS = ['plain', 'scram256', 'scram512', 'sasl-plaintext', 'tls', 'mtls', 'heroku']
WORDS = {'sender': 'red', 'contents': 'hello'}
Enter = Callable[..., None]


@pytest.fixture(scope='module')
def secure() -> Iterator[Broker]:
    """A broker with every kind of listener."""
    with Broker(secure=True, open_tls=True) as broker:
        yield broker


@pytest.fixture
def enter(secure: Broker, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Sets a user's variables for a listener; changes have no KAFKA_ in front, '' is nothing."""

    def use(listener: str, user: str = 'teacher', **changed: str) -> None:
        changes = {f'KAFKA_{name}': value for name, value in changed.items()}
        for name, value in (secure.env(listener, user) | changes).items():
            monkeypatch.setenv(name, value)
        if listener == 'heroku':
            monkeypatch.setenv('KAFKA_PREFIX', 'river-1.')

    return use


@pytest.fixture
def topic() -> str:
    """A name that no other test uses; Kafka creates it at its first use."""
    return f'test-{secrets.token_hex(6)}'


class Echo(AlertService):
    """Alerts on everything."""

    def process_message(self, message: Any) -> None:
        """Each message is worth an alert."""
        self.emit_alert(message)


@pytest.mark.parametrize('listener', LISTENERS)
def test_all_of_the_walkthrough_works_at_every_listener(
    listener: str, enter: Enter, topic: str
) -> None:
    """With the right credentials a learner sends, reads alone or in a group, runs a service."""
    enter(listener)
    alone = consumer.get_consumer(topic, timeout=10)
    record = producer.send_msg(topic, WORDS, block=True).get()
    assert record.topic == ('river-1.' if listener == 'heroku' else '') + topic
    assert next(iter(alone)).value == WORDS
    alone.close()
    group = consumer.get_consumer(topic, group_id=topic, offset='earliest', timeout=10)
    assert next(iter(group)).value == WORDS
    group.close()
    service = Echo(
        monitor_topic=topic,
        alert_topic=f'{topic}-alerts',
        group_id=f'{topic}-service',
        offset='earliest',
    )
    thread = threading.Thread(target=service.monitor, kwargs={'print_msgs': False})
    thread.start()
    try:
        alerts = consumer.get_consumer(f'{topic}-alerts', offset='earliest', timeout=15)
        assert next(iter(alerts)).value['triggered_by'] == WORDS
        alerts.close()
    finally:
        service.stop()
        thread.join(10)
    assert not thread.is_alive()


BAD = {
    'plain, wrong password': ('plain', {'SASL_PLAIN_PASSWORD': 'sesame'}, 'login'),
    'scram256, wrong password': ('scram256', {'SASL_PLAIN_PASSWORD': 'sesame'}, 'login'),
    'scram512, wrong user': ('scram512', {'SASL_PLAIN_USERNAME': 'nobody'}, 'login'),
    'sasl-plaintext, wrong password': (
        'sasl-plaintext',
        {'SASL_PLAIN_PASSWORD': 'sesame'},
        'login',
    ),
    'tls, the public CAs': ('tls', {'SSL_CAFILE': ''}, 'tls'),
    'mtls, no certificate': ('mtls', {'SSL_CERTFILE': '', 'SSL_KEYFILE': ''}, 'tls'),
    'wrong-name, checked': ('wrong-name', {}, 'tls'),
    'heroku, no certificate': ('heroku', {'CLIENT_CERT': '', 'CLIENT_CERT_KEY': ''}, 'tls'),
    'heroku, another CA': ('heroku', {'TRUSTED_CERT': ''}, 'tls'),
}


def attempts(topic: str) -> dict[str, Callable[[], object]]:
    """What a learner tries."""
    service = Echo(monitor_topic=topic, alert_topic=f'{topic}-alerts', group_id=topic)
    return {
        'send': lambda: producer.send_msg(topic, WORDS, block=True),
        'read': lambda: consumer.get_consumer(topic, timeout=1),
        'group': lambda: consumer.get_consumer(topic, group_id=topic, timeout=1),
        'alert service': lambda: service.monitor(print_msgs=False),
    }


@pytest.mark.parametrize('case', BAD)
def test_bad_credentials_end_in_the_stage_that_refused_them(
    case: str, enter: Enter, topic: str
) -> None:
    """Sending, reading, a group and an alert service all end in an error that names the stage."""
    listener, changed, stage = BAD[case]
    enter(listener, **changed)
    for attempt in attempts(topic).values():
        with pytest.raises(UnreachableError) as caught:
            attempt()
        assert caught.value.stage == stage


@pytest.mark.parametrize('listener', ['plain', 'scram512', 'mtls', 'heroku'])
def test_a_user_who_is_not_authorized_is_told_so(listener: str, enter: Enter, topic: str) -> None:
    """A user without ACLs gets an AccessError that names the topic, whatever they try."""
    enter(listener, 'visitor')
    for attempt in attempts(topic).values():
        with pytest.raises(AccessError, match=topic):
            attempt()


def test_a_durable_service_that_may_read_but_not_write_ends(
    secure: Broker, enter: Enter, topic: str
) -> None:
    """A missing authorization ends it: the error says what to ask for, and nothing is committed."""
    enter('plain')
    producer.send_msg(topic, WORDS, block=True)
    producer.close()
    with contextlib.closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
        for kind, name in ((ResourceType.TOPIC, topic), (ResourceType.GROUP, topic)):
            admin.create_acls(
                [
                    ACL(
                        'User:visitor',
                        '*',
                        ACLOperation.READ,
                        ACLPermissionType.ALLOW,
                        ResourcePattern(kind, name),
                    )
                ]
            )
    enter('plain', 'visitor')
    with pytest.raises(AccessError, match='Ask for WRITE'):
        Echo(
            monitor_topic=topic, alert_topic=f'{topic}-alerts', group_id=topic, offset='earliest'
        ).monitor(print_msgs=False)


@pytest.mark.parametrize(
    ('listener', 'user', 'status', 'last'),
    [('scram512', 'teacher', 0, 'OK'), ('mtls', 'visitor', 1, 'topic       FAILED')],
)
def test_settings_at_the_command_line_try_every_stage(
    listener: str, user: str, status: int, last: str, enter: Enter, topic: str, secure: Broker
) -> None:
    """`python -m settings` shows each stage that was passed.

    It ends with OK or with the stage that failed; no secret is in it.
    """
    enter(listener, user)
    done = subprocess.run(
        [sys.executable, '-m', 'settings', '--topic', topic],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[-1].startswith(last), done.stderr) == (status, True, '')
    stages = [line.split()[0] for line in lines]
    assert [
        stage for stage in ('name', 'connection', 'tls', 'login', 'metadata') if stage not in stages
    ] == []
    assert 'TLSv1.3, certificate trusted' in done.stdout
    assert secure.credentials is not None
    assert secure.credentials.passwords[user] not in done.stdout
    assert 'KAFKA_SSL_CAFILE, environment' in done.stdout


def test_an_admin_client_gets_in_by_the_same_settings(enter: Enter, topic: str) -> None:
    """client_options('admin') is all that kafka-python's admin client needs, PEM texts included."""
    enter('heroku')
    admin = KafkaAdminClient(**settings.client_options('admin'))
    try:
        admin.create_topics(
            {settings.topic_name(topic): {'num_partitions': 2}}, wait_for_metadata=True
        )
    finally:
        admin.close()
    mine = consumer.get_consumer(topic)
    assert mine.partitions_for_topic(f'river-1.{topic}') == {0, 1}
    mine.close()
