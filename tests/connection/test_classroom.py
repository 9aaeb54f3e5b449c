"""Settings of a learner: which names get the prefix, what a class's address is, what is written."""

from pathlib import Path

import pytest

import settings
from connection.classroom import SETTINGS, fingerprint, join, plain_phrase, write_env_file
from errors import SettingsError
from tests.conftest import Use


@pytest.mark.parametrize(
    ('shared', 'topic', 'name'),
    [
        ('human-messages, alerts,class.*', 'human-messages', 'human-messages'),
        ('human-messages, alerts,class.*', 'alerts', 'alerts'),
        ('human-messages, alerts,class.*', 'class.blue.shouts', 'class.blue.shouts'),
        ('human-messages, alerts,class.*', 'class.red.shouts', 'class.red.shouts'),
        ('human-messages, alerts,class.*', 'shouts', 'class.red.shouts'),
        ('human-messages, alerts,class.*', 'human-messages.dead', 'class.red.human-messages.dead'),
        ('human-messages, alerts,class.*', 'Alerts', 'class.red.Alerts'),
        ('', 'human-messages', 'class.red.human-messages'),
        ('', 'class.blue.shouts', 'class.red.class.blue.shouts'),
    ],
)
def test_shared_topics_keep_their_names(
    environment: Use, shared: str, topic: str, name: str
) -> None:
    """The prefix is put before every topic but the shared ones, and before every group."""
    environment({'PREFIX': 'class.red.', 'SHARED_TOPICS': shared})
    assert settings.topic_name(topic) == name
    assert settings.group_name('alerts') == 'class.red.alerts'


def test_without_a_prefix_shared_topics_change_nothing(environment: Use) -> None:
    """No prefix, no exceptions from it."""
    environment({'SHARED_TOPICS': 'alerts'})
    assert (settings.topic_name('alerts'), settings.topic_name('mine')) == ('alerts', 'mine')


@pytest.mark.parametrize('address', ['', 'not an address', 'host:99999', 'host/not-hex', '::1'])
def test_what_is_no_address_is_told(address: str) -> None:
    """It is told before anything is asked or sent."""
    with pytest.raises(SettingsError, match=r'is not the address of a class\. Copy it'):
        join(address, pytest.fail)


def test_a_phrase_may_be_typed_as_it_was_heard() -> None:
    """Capitals, spaces and dashes do not matter."""
    assert plain_phrase('  Bora tupe -LINO gaze ') == 'bora-tupe-lino-gaze'


def test_the_file_is_ones_own_and_nothing_is_overwritten(tmp_path: Path) -> None:
    """Each earlier file is kept; a value that would be read as something else is refused."""
    path = tmp_path / '.env'
    values = dict.fromkeys(SETTINGS, 'x')
    assert write_env_file(path, values) is None
    path.write_text('mine')
    assert write_env_file(path, values) == tmp_path / '.env.1'
    assert write_env_file(path, values) == tmp_path / '.env.2'
    assert (tmp_path / '.env.1').read_text() == 'mine'
    for bad in ("x'; rm -r", 'x\nKAFKA_PREFIX=y', 'x\\'):
        with pytest.raises(SettingsError, match='cannot stand in a'):
            write_env_file(path, values | {'KAFKA_PREFIX': bad})


def test_a_fingerprint_is_that_of_the_certificate() -> None:
    """As `openssl x509 -fingerprint -sha256` counts it: of the bytes, not of the text."""
    pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    assert fingerprint(pem) == fingerprint(f'\n{pem}\n') == '709e-80c8-8487-a241'
