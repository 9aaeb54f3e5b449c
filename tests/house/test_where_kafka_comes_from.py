"""The tests' Kafka: which one is taken.

That a developer's own settings are not met by accident.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import testkafka
from tests.support.testkafka import Kafka

ROOT = Path(__file__).parents[2]


def _engine(monkeypatch: pytest.MonkeyPatch, *, answers: bool) -> None:
    monkeypatch.setattr(testkafka, '_engine_trouble', lambda: '' if answers else 'ConnectionError')


def test_a_kafka_in_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """KAFKA_BOOTSTRAP_SERVERS wins over a Docker engine, and its other settings come with it."""
    _engine(monkeypatch, answers=True)
    given = {'KAFKA_BOOTSTRAP_SERVERS': 'somewhere:9092', 'KAFKA_SECURITY_PROTOCOL': 'SSL'}
    choice = testkafka.choose('auto', given | {'PATH': '/bin'})
    assert (choice.place, choice.given) == ('env', given)
    assert 'somewhere:9092' in choice.why


def test_docker_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a Docker engine answers, the Kafka is a container, of another image if one is named."""
    _engine(monkeypatch, answers=True)
    assert testkafka.choose('auto', {}).image == 'apache/kafka:4.4.0'
    choice = testkafka.choose('auto', {'WORKSHOP_KAFKA_IMAGE': 'mine:1'})
    assert (choice.place, choice.image, choice.forced) == ('docker', 'mine:1', False)
    assert 'mine:1' in choice.why


def test_the_embedded_broker_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither an address nor an engine, the Kafka is the embedded broker."""
    _engine(monkeypatch, answers=False)
    assert testkafka.choose('auto', {}).place == 'embedded'


@pytest.mark.parametrize('place', ['env', 'docker', 'embedded'])
def test_a_place_can_be_forced(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """--kafka takes the place it names, whatever else is there."""
    _engine(monkeypatch, answers=True)
    choice = testkafka.choose(place, {'KAFKA_BOOTSTRAP_SERVERS': 'somewhere:9092'})
    assert (choice.place, choice.missing) == (place, '')


@pytest.mark.parametrize(('place', 'cure'), [('env', 'set it'), ('docker', 'start one')])
@pytest.mark.parametrize('ci', [True, False])
def test_a_forced_place_that_is_missing_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, place: str, cure: str, *, ci: bool
) -> None:
    """A forced place that is not there is a failure in CI, elsewhere a skip.

    Both say what to do.
    """
    _engine(monkeypatch, answers=False)
    monkeypatch.setenv('CI', 'true' if ci else '')
    choice = testkafka.choose(place, {})
    kind = pytest.fail.Exception if ci else pytest.skip.Exception
    with pytest.raises(kind, match=cure), testkafka.started(choice, []):
        pass


def test_the_header_says_which() -> None:
    """The header line names the Kafka that was chosen."""
    run = subprocess.run(
        [
            *(sys.executable, '-m', 'pytest', '--collect-only'),
            *('--kafka=embedded', '-k', 'nothing_at_all'),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert 'kafka: the embedded broker (--kafka=embedded)' in run.stdout.splitlines()


def test_a_developers_own_settings_are_not_met() -> None:
    """A test that asks for no Kafka sees no setting of one, from the environment or a `.env`."""
    import settings

    assert [name for name in os.environ if name.startswith('KAFKA_')] == []
    assert settings.env_file() is None


def test_the_library_finds_the_tests_kafka(kafka: Kafka) -> None:
    """A test that asks for Kafka reaches it with no address given."""
    import settings

    assert (
        ','.join(settings.client_options('producer')['bootstrap_servers'].split(','))
        == kafka.bootstrap_servers
    )
