"""What every test has: a real Kafka, a clean environment, a topic of its own.

The README and the pages of ``docs/`` are run from here too, as they are written. How tests are
spread over several workers stands in ``tests/support/workers.py``.
"""

import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sybil import Sybil
from sybil.sybil import SybilCollection

from testing import Conversation
from tests.support import plain, readme_blocks, testkafka, workers
from tests.support.testkafka import Kafka

CHOICE = pytest.StashKey[testkafka.Choice]()
NOTES = pytest.StashKey[list[str]]()
MakeTopic = Callable[..., str]


def _pages(fixture: str, patterns: Sequence[str], excludes: Sequence[str] = ()) -> Sybil:
    """Pages whose blocks are run, given a Kafka."""
    return Sybil(
        parsers=[readme_blocks.parse],
        patterns=patterns,
        excludes=excludes,
        fixtures=[fixture],
        teardown=readme_blocks.close,
    )


pytest_collect_file = SybilCollection(
    [
        _pages('kafka', ['README.md', 'docs/*.md'], ['docs/break-it.md', 'docs/upstream.md']),
        _pages('three_brokers', ['docs/break-it.md']),
    ]
).pytest()


def pytest_addoption(parser: pytest.Parser) -> None:
    """--kafka says where Kafka comes from."""
    parser.addoption(
        '--kafka',
        choices=testkafka.PLACES,
        default='auto',
        help='KAFKA_BOOTSTRAP_SERVERS (env), a Docker container, the embedded broker, or the first '
        'of these that is there (auto)',
    )


def pytest_configure(config: pytest.Config) -> None:
    """Decide where Kafka comes from, before anything changes the environment."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # We are a shell's background job; the prompts of the README would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hang_up = getattr(signal, 'SIGHUP', None)
    if hang_up is not None and signal.getsignal(hang_up) is signal.SIG_IGN:
        signal.signal(hang_up, signal.SIG_DFL)  # as under nohup; children would inherit that, too
    config.stash[CHOICE] = testkafka.choose(config.getoption('--kafka'), os.environ)
    config.stash[NOTES] = []


def pytest_report_header(config: pytest.Config) -> list[str]:
    """The header names the Kafka, and how many workers share the tests."""
    choice = config.stash[CHOICE]
    return [f'kafka: {choice.missing or choice.why}', workers.header(config)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many workers ``-n auto`` means."""
    return workers.how_many()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is run by one worker, whatever ``--dist`` says."""
    return workers.scheduler(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `client` and speaks to Kafka runs accelerated and plain."""
    if plain.runs_twice(metafunc):
        metafunc.parametrize('plain_client', plain.MODES, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark `kafka` whatever uses that fixture; of several workers, none begins a long file late."""
    for item in items:
        if 'session_kafka' in getattr(item, 'fixturenames', ()):  # as `kafka` does, too
            item.add_marker('kafka')
        if 'three_brokers' in getattr(item, 'fixturenames', ()):
            item.add_marker('broker')
    if workers.is_one_of_several(config):
        workers.long_files_first(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its notes to the process that prints the summary."""
    if workers.is_one_of_several(session.config):
        session.config.workeroutput['notes'] = session.config.stash[NOTES]  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The notes of a worker that has ended."""
    notes = getattr(node, 'workeroutput', {}).get('notes', [])
    node.config.stash[NOTES].extend(note for note in notes if note not in node.config.stash[NOTES])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """What came otherwise than the header said."""
    for note in config.stash[NOTES]:
        terminalreporter.section('kafka')
        terminalreporter.line(note)


@pytest.fixture(scope='session', name='session_kafka')
def _session_kafka(pytestconfig: pytest.Config) -> Iterator[Kafka]:
    """The one Kafka of this run (or of this worker), started by the first test that needs it."""
    with testkafka.started(pytestconfig.stash[CHOICE], pytestconfig.stash[NOTES]) as kafka:
        yield kafka


@pytest.fixture(scope='module', name='three_brokers')
def _three_brokers() -> Iterator[Any]:
    """A cluster of a page's own, to be broken."""
    from broker import Broker

    with Broker(brokers=3) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test meets a developer's own settings, and none hands its producer on to the next."""
    for name in os.environ:
        if name.startswith('KAFKA_'):
            monkeypatch.delenv(name)
    monkeypatch.setenv('WORKSHOP_ENV_FILE', '')
    yield
    if producer := sys.modules.get('producer'):
        producer.close()


@pytest.fixture(autouse=True)
def plain_client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beneath kafka-python's public surface is switched off for the plain half."""
    if getattr(request, 'param', '') == 'plain':
        monkeypatch.setenv('WORKSHOP_PLAIN_CLIENT', '1')


@pytest.fixture
def kafka(session_kafka: Kafka, clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> Kafka:
    """A running Kafka, which the library finds through the environment.

    Its address is ``kafka.bootstrap_servers``.
    """
    for name, value in session_kafka.environment.items():
        monkeypatch.setenv(name, value)
    return session_kafka


@pytest.fixture
def make_topic(kafka: Kafka) -> MakeTopic:
    """Makes topics that no other test uses.

    ``make_topic(partitions=3, **{'retention.ms': '1000'})`` returns the name.
    """

    def make(partitions: int = 1, **config: str) -> str:
        from kafka.admin import KafkaAdminClient

        import settings

        name = f'test-{secrets.token_hex(6)}'
        admin = KafkaAdminClient(**settings.client_options('admin'))
        try:
            admin.create_topics(
                {settings.topic_name(name): {'num_partitions': partitions, 'configs': config}},
                wait_for_metadata=True,
            )
        finally:
            admin.close()
        return name

    return make


@pytest.fixture
def topic(make_topic: MakeTopic) -> str:
    """A fresh topic with one partition."""
    return make_topic()


@pytest.fixture(name='room')
def _room(topic: str) -> Iterator[Conversation]:
    """What say and hear share."""
    room = Conversation(topic)
    yield room
    room.close()


@pytest.fixture
def say(room: Conversation) -> Callable[..., None]:
    """``say('red', 'hello')`` sends to the test's topic, and returns once Kafka has it."""
    return room.say


@pytest.fixture
def hear(room: Conversation) -> Callable[..., list[Any]]:
    """``hear(2, timeout=5.0)`` waits for the next two messages of the test's topic.

    ``hear()`` gives all that are there.
    """
    return room.hear
