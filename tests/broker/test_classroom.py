"""A class on one Kafka: how learners get in, what each may do, and what a flood costs others."""

import contextlib
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kafka as kafka_python
import pytest
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)

from broker import Broker, console, ports, users
from broker.__main__ import _welcome
from broker.classroom import QUOTAS, Classroom
from broker.enrolment import WINDOW, WRONG_PHRASES, WRONG_PHRASES_OF_ALL, Enrolment
from broker.enrolment import WrongPhraseLimit as Limit
from connection.classroom import join
from errors import AccessError, BrokerError, SettingsError, UnreachableError
from tests.support.brokers import ROOT, options, read, send

pytestmark = pytest.mark.broker
Settings = dict[str, str]


@pytest.fixture(scope='module')
def early(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Settings, str]]:
    """A class that was started again; with the settings of one who came before, and its code."""
    with Broker(classroom='127.0.0.1', data=tmp_path_factory.mktemp('class')) as kafka:
        assert kafka.enrolment
        code = kafka.enrolment.address.partition('/')[2]
        before = _join(kafka, 'early')
        kafka.stop()
        yield kafka.start(), before, code


@pytest.fixture(scope='module')
def kafka(early: tuple[Broker, Settings, str]) -> Broker:
    return early[0]


@pytest.fixture(scope='module')
def red(kafka: Broker) -> Settings:
    """A learner who has made a topic, and a group that reads it."""
    settings = _join(kafka, 'red')
    _send(settings, 'red.shouts', b'HELLO')
    assert _read(settings, 'red.shouts', 1, group_id='red.group') == [b'HELLO']
    return settings


@pytest.fixture(scope='module')
def blue(kafka: Broker) -> Settings:
    return _join(kafka, 'blue')


def _enrolment(kafka: Broker) -> Enrolment:
    assert kafka.enrolment
    return kafka.enrolment


def _join(kafka: Broker, name: str, phrase: str = '', address: str = '') -> Settings:
    """What `python -m settings --class` does, up to the file."""
    enrolment = _enrolment(kafka)
    answers = iter([name, phrase or enrolment.phrase])
    return join(address or enrolment.address, lambda _: next(answers))


def _client(settings: Settings) -> dict[str, Any]:
    """A learner's settings as arguments of kafka-python's own clients."""
    known = kafka_python.KafkaAdminClient.DEFAULT_CONFIG
    found = {name: value for name, value in options(settings).items() if name in known}
    return found | {'ssl_cafile': None, 'ssl_context': _trusting(settings)}


def _trusting(settings: Settings) -> Any:
    import ssl

    return ssl.create_default_context(cadata=settings['KAFKA_SSL_CAFILE'])


def _send(settings: Settings, topic: str, *values: bytes, **more: Any) -> None:
    send({}, topic, *values, **_client(settings), **more)


def _read(settings: Settings, topic: str, count: int, **more: Any) -> list[bytes]:
    return read({}, topic, count, **_client(settings), **more)


def test_a_restart_keeps_learners(early: tuple[Broker, Settings, str]) -> None:
    """Who was in the class stays in it, with the same settings, and the code stays the same."""
    kafka, before, code = early
    assert _enrolment(kafka).address.endswith(f'/{code}')
    assert 'early' in _enrolment(kafka).classroom.names()
    port = {'KAFKA_BOOTSTRAP_SERVERS': kafka.bootstrap_servers}  # chosen anew, as none was named
    _send(before | port, 'early.own', b'x')


def test_all_chat_and_each_has_topics_and_groups_of_their_own(
    kafka: Broker, red: Settings, blue: Settings
) -> None:
    """The shared topics are everybody's; others read what has my prefix."""
    _send(red, 'human-messages', b'hello')
    _send(blue, 'human-messages', b'hello red')
    for settings in (red, blue):
        group = f'{settings["KAFKA_PREFIX"]}chat'
        assert set(_read(settings, 'human-messages', 2, group_id=group)) == {b'hello', b'hello red'}
    assert _read(blue, 'red.shouts', 1) == [b'HELLO']
    _send(red, 'alerts', b'x')


def _admin(settings: Settings) -> Any:
    return contextlib.closing(kafka_python.KafkaAdminClient(**_client(settings)))


def _delete_topic(name: str) -> Callable[[Settings], None]:
    def delete(settings: Settings) -> None:
        with _admin(settings) as admin:
            admin.delete_topics([name])

    return delete


def _reset_group(settings: Settings) -> None:
    place = kafka_python.TopicPartition('human-messages', 0)
    offsets = {place: kafka_python.structs.OffsetAndMetadata(0, '', -1)}
    with _admin(settings) as admin:
        (error,) = admin.alter_group_offsets('red.group', offsets).values()
    if error is not kafka_python.errors.NoError:
        raise error


def _delete_group(settings: Settings) -> None:
    with _admin(settings) as admin:
        (told,) = admin.delete_groups(['red.group']).values()
    if told != 'OK':
        raise GroupAuthorizationFailedError(told)


def _transact(settings: Settings) -> None:
    producer = kafka_python.KafkaProducer(**_client(settings), transactional_id='red.t')
    try:
        producer.init_transactions()
    finally:
        producer.close(timeout=0)


@pytest.mark.parametrize(
    ('trespass', 'error'),
    [
        (lambda blue: _send(blue, 'red.shouts', b'x'), TopicAuthorizationFailedError),
        (lambda blue: _send(blue, 'no-prefix', b'x'), TopicAuthorizationFailedError),
        (lambda blue: _read(blue, '__consumer_offsets', 1), TopicAuthorizationFailedError),
        (lambda blue: _read(blue, 'alerts', 1, group_id='red.g'), GroupAuthorizationFailedError),
        (_delete_topic('red.shouts'), TopicAuthorizationFailedError),
        (_delete_topic('human-messages'), TopicAuthorizationFailedError),
        (_reset_group, GroupAuthorizationFailedError),
        (_delete_group, GroupAuthorizationFailedError),
        (_transact, TransactionalIdAuthorizationFailedError),
    ],
    ids=[
        'write-to-theirs',
        'make-a-topic-of-no-prefix',
        'read-kafkas-own',
        'join-their-group',
        'delete-theirs',
        'delete-the-chat',
        'reset-their-group',
        'delete-their-group',
        'their-transactions',
    ],
)
def test_what_is_anothers_is_not_changed(
    red: Settings, blue: Settings, trespass: Callable[[Settings], None], error: type[KafkaError]
) -> None:
    """A learner is refused whatever would change something of another one, with Kafka's error."""
    with pytest.raises(error):
        trespass(blue)
    assert _read(red, 'red.shouts', 1) == [b'HELLO']


def test_a_flood_is_slowed_down_and_the_chat_is_not(
    kafka: Broker, red: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Who sends more than their share waits for it; the teacher, without a quota, does not."""
    spam = _join(kafka, 'spam')
    record = b'x' * 8000
    count = int(11.5 * QUOTAS['producer_byte_rate']) // len(record)  # ten seconds' worth may pass

    def waited() -> float:
        """Seconds that the broker had clients wait, since this was last asked."""
        told = re.findall(r'throttled by broker \((\d+) ms\)', caplog.text)
        caplog.clear()
        return sum(map(int, told)) / 1000

    began = time.monotonic()
    _send(spam, 'spam.flood', *[record] * count)
    assert min(waited(), time.monotonic() - began) > 1.0
    send(kafka.env(), 'spam.flood', *[record] * count)
    _send(red, 'human-messages', *[b'hello'] * 20)
    assert waited() == 0


def test_a_wrong_phrase_opens_nothing(kafka: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused and told; after ten of them, the right one has to wait, too."""
    enrolment = _enrolment(kafka)
    monkeypatch.setattr(enrolment, 'limit', Limit())
    list(enrolment.news())
    for _ in range(WRONG_PHRASES):
        with pytest.raises(AccessError, match='not the phrase'):
            _join(kafka, 'guesser', 'bora-tupe-lino-gaze')
    with pytest.raises(AccessError, match=r'too many wrong phrases\. Wait a minute'):
        _join(kafka, 'guesser')
    assert 'guesser' not in enrolment.classroom.names()
    assert list(enrolment.news()) == ['A wrong phrase was said at 127.0.0.1.'] * WRONG_PHRASES


def test_wrong_phrases_are_counted_by_address_and_forgotten() -> None:
    """One who guesses shuts out nobody else; many who guess together are stopped together."""
    now = 0.0
    limit = Limit(lambda: now)
    for _ in range(WRONG_PHRASES):
        assert not limit.must_wait('192.0.2.7')
        limit.note('192.0.2.7')
    assert limit.must_wait('192.0.2.7')
    assert not limit.must_wait('192.0.2.8')
    for number in range(WRONG_PHRASES_OF_ALL):
        limit.note(f'192.0.2.{number}')
    assert limit.must_wait('198.51.100.1')
    now += WINDOW
    assert not limit.must_wait('192.0.2.7')


@pytest.mark.parametrize('name', ['teacher', 'internal', 'a.b', '../x', '*', '', 'x' * 21, 'jörg'])
def test_some_names_are_not_given(kafka: Broker, name: str) -> None:
    """A name that is somebody else's, or would make a strange prefix, is refused."""
    with pytest.raises(AccessError, match=r'cannot be a name here\. Take'):
        _join(kafka, name)


def test_a_name_is_given_once_until_the_teacher_forgets_it(kafka: Broker) -> None:
    """The second who wants it is told; forgotten, the first has no rights any more."""
    first = _join(kafka, 'green')
    _send(first, 'green.own', b'kept')
    with pytest.raises(AccessError, match=r"'green' is taken.*the teacher types: forget green"):
        _join(kafka, 'Green')
    producer = kafka_python.KafkaProducer(**_client(first))
    producer.send('green.own', b'x').get(timeout=15)
    assert console.execute(kafka, 'forget green').startswith('green is no longer in the class')
    with pytest.raises(TopicAuthorizationFailedError):  # although its connection still stands
        producer.send('green.own', b'x').get(timeout=15)
    producer.close(timeout=1)
    second = _join(kafka, 'green')
    assert second['KAFKA_SASL_PLAIN_PASSWORD'] != first['KAFKA_SASL_PLAIN_PASSWORD']
    assert _read(second, 'green.own', 1) == [b'kept']
    with pytest.raises(KafkaError):
        kafka_python.KafkaProducer(**_client(first), bootstrap_timeout_ms=500)
    assert console.execute(kafka, 'forget nobody') == "There is no learner 'nobody' here."


def test_who_stands_in_between_hears_no_phrase(kafka: Broker, tmp_path: Path) -> None:
    """Another authority is found out by its fingerprint, another server by the authority."""
    real = _enrolment(kafka)
    made = users.create(tmp_path / 'made')
    users.certify(made, '127.0.0.1')
    assert kafka.credentials
    (port,) = ports.choose_ports(['between'], [1])['between'].values()
    code = real.address.partition('/')[2]
    for authority, error in [
        (made.ca, (SettingsError, 'The fingerprint there is')),
        (kafka.credentials.ca, (UnreachableError, 'certificate is not trusted')),
    ]:
        between = Enrolment(Classroom(kafka.env()), '127.0.0.1', port, made.server(), authority)
        try:
            with pytest.raises(error[0], match=error[1]):
                _join(kafka, 'victim', address=f'127.0.0.1:{port}/{code}')
            assert list(between.news()) == []
        finally:
            between.close()
    questions = []

    def ask(question: str) -> str:
        questions.append(question)
        return 'no'

    with pytest.raises(SettingsError, match='Nothing was sent'):
        join(real.address.partition('/')[0], ask)
    assert questions == [f"Does the teacher's terminal show {code}? (yes/no) "]


def test_what_the_teacher_sees_holds_no_secret(kafka: Broker, red: Settings) -> None:
    """What stands on the wall, the log and the news hold no phrase or password; a file has them."""
    enrolment = _enrolment(kafka)
    assert kafka.credentials
    shown = _welcome(kafka, '.kafka', 1.0) + ''.join(
        console.execute(kafka, line) for line in ('env', 'env classroom', 'help', 'learners')
    )
    assert f'python -m settings --class {enrolment.address}\n' in shown
    assert 'red' in console.execute(kafka, 'learners')
    everything = shown + kafka.log().read_text() + ''.join(enrolment.news())
    passwords = [*kafka.credentials.passwords.values(), red['KAFKA_SASL_PLAIN_PASSWORD']]
    assert not [secret for secret in [*passwords, enrolment.phrase] if secret in everything]
    file = kafka.credentials.folder / 'teacher.env'
    assert kafka.credentials.passwords['teacher'] in file.read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}
    before = enrolment.phrase
    assert console.execute(kafka, 'phrase').endswith(before)
    assert before not in console.execute(kafka, 'phrase new')


def test_one_command_writes_a_learners_env_file(kafka: Broker, tmp_path: Path) -> None:
    """It asks twice, keeps the `.env` that was there, shows no password, and tries the settings."""
    (tmp_path / '.env').write_text("KAFKA_BOOTSTRAP_SERVERS='localhost:1'\n")
    environment = {name: value for name, value in os.environ.items() if name[:6] != 'KAFKA_'}
    environment.pop('WORKSHOP_ENV_FILE', None)
    enrolment = _enrolment(kafka)

    def run(name: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, '-m', 'settings', '--class', enrolment.address],
            input=f'{name}\n{enrolment.phrase.replace("-", " ").upper()}\n',
            cwd=tmp_path,
            env={**environment, 'PYTHONPATH': str(ROOT), **more},
            capture_output=True,
            text=True,
            timeout=60,
        )

    done = run('Grey')
    assert done.stdout.endswith('OK\n'), done.stdout + done.stderr
    assert 'You are grey.' in done.stdout
    written = tmp_path / '.env'
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert 'localhost:1' in (tmp_path / '.env.1').read_text()
    (password,) = [
        line.split("'")[1] for line in written.read_text().splitlines() if 'PASSWORD' in line
    ]
    assert password not in done.stdout + done.stderr
    told = run('brown', KAFKA_BOOTSTRAP_SERVERS='localhost:9092')
    assert told.returncode == 1
    assert 'KAFKA_BOOTSTRAP_SERVERS is set in this terminal, and wins over .env' in told.stdout
    assert "USERNAME='brown'" in written.read_text()
    assert "class       FAILED: The class does not take you in: 'grey'" in run('grey').stdout


@pytest.mark.parametrize('address', ['198.51.100.7', '::1', 'no such name'])
def test_an_address_of_another_machine_is_told_before_the_start(address: str) -> None:
    """A broker can listen at the addresses of its own machine only."""
    with pytest.raises(BrokerError, match=rf'{address!r} is not an address of this machine'):
        Broker(classroom=address)
