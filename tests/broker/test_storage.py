"""The data folder of the embedded broker: one broker at a time, and a way out if it is damaged."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from broker import Broker, installation, storage
from errors import BrokerError
from tests.support.brokers import ROOT, send, temporary_folders

__all__ = ['temporary_folders']

pytestmark = pytest.mark.broker


@pytest.mark.parametrize(
    'damage',
    [
        lambda node: (node / 'meta.properties').write_bytes(b'\0\1'),
        lambda node: (node / 'meta.properties').unlink(),
        lambda node: (node / '__cluster_metadata-0' / 'quorum-state').write_bytes(b'xx'),
        lambda node: [
            (path.chmod(0o600), path.write_bytes(b'x'))
            for path in node.glob('__cluster_metadata-0/*.checkpoint')
        ],
    ],
    ids=['garbled', 'half', 'quorum', 'checkpoint'],
)
def test_a_damaged_data_folder_is_named_with_its_cure(tmp_path: Path, damage: object) -> None:
    """A damaged or half-written folder is an error that says to move or delete it.

    Nothing in it is touched.
    """
    with Broker(data=tmp_path / 'data'):
        pass
    folder = tmp_path / 'data' / '1-broker'
    damage(folder / 'node-1')  # type: ignore[operator]
    with pytest.raises(BrokerError, match=r'damaged.*Move it away.*or delete it') as refused:
        Broker(data=tmp_path / 'data').start()
    assert str(folder) in str(refused.value)
    assert folder.exists()
    folder.rename(tmp_path / 'away')
    with Broker(data=tmp_path / 'data') as kafka:
        send(kafka.env(), 'some', b'x')


def test_one_folder_serves_one_broker(tmp_path: Path) -> None:
    """A second broker on the same data folder is refused at once, and the first goes on."""
    with Broker(data=tmp_path / 'data') as kafka:
        with pytest.raises(BrokerError, match='in use by another broker'):
            Broker(data=tmp_path / 'data').start()
        send(kafka.env(), 'some', b'x')


def test_of_two_brokers_that_start_at_once_on_one_folder_one_starts(tmp_path: Path) -> None:
    """Two starts at the same moment: one broker serves, the other is told who has the folder."""
    brokers = [Broker(data=tmp_path / 'data') for _ in range(2)]
    outcomes: list[str] = []

    def start(kafka: Broker) -> None:
        try:
            outcomes.append(kafka.start().bootstrap_servers)
        except BrokerError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=start, args=(kafka,)) for kafka in brokers]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        refused, served = sorted(outcomes, key=lambda text: text.startswith('127.0.0.1'))
        assert 'in use by another broker' in refused
        send({'KAFKA_BOOTSTRAP_SERVERS': served}, 'some', b'x')
    finally:
        for kafka in brokers:
            kafka.stop()


HOLD = """
import pathlib, sys, time
from broker import storage
with storage.locked(pathlib.Path(sys.argv[1])):
    print('locked', flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_by_a_process_as_long_as_it_lives(tmp_path: Path) -> None:
    """A process that is about to start holds the folder while it is empty; kill -9 frees it."""
    folder = tmp_path / '1-broker'
    command = [sys.executable, '-c', HOLD, str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, 'PYTHONPATH': str(ROOT)}
    ) as other:
        try:
            assert other.stdout
            assert other.stdout.readline() == b'locked\n'
            with pytest.raises(BrokerError, match='in use by another broker'):
                Broker(data=tmp_path).start()
            assert not folder.exists()
        finally:
            other.kill()
    with storage.locked(folder):
        pass


def test_a_folder_may_have_any_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters beyond ASCII in the path do no harm, nor does a terminal that knows none."""
    monkeypatch.setenv('LC_ALL', 'C')
    with Broker(data=tmp_path / 'Ödön 学 🙂') as kafka:
        send(kafka.env(), 'some', b'x')


def test_a_folder_with_a_comma_is_refused(tmp_path: Path) -> None:
    """Kafka takes a comma for the end of a folder's name, so it is told, and nothing is made."""
    with pytest.raises(BrokerError, match=r'one, two.* has a comma'):
        Broker(data=tmp_path / 'one, two').start()
    assert not list(tmp_path.glob('one*'))


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    """A file where the folder should be is told with its name."""
    (tmp_path / 'data').touch()
    with pytest.raises(BrokerError, match=r'data folder .*cannot be used'):
        Broker(data=tmp_path / 'data').start()


@pytest.mark.skipif(os.name == 'nt', reason='Windows has no such modes')
def test_the_data_are_for_their_owner_only(tmp_path: Path) -> None:
    """Nobody else may look into ``.kafka``, also if an earlier version has made it.

    Of a folder that was there already, only what is ours is closed.
    """

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    there = tmp_path / 'shared'
    there.mkdir()
    there.chmod(0o755)
    kafka = installation.ensure_installed(storage.format_template)
    for folder, parent in ((tmp_path / '.kafka', 0o700), (there, 0o755)):
        data = folder / '1-broker'
        storage.prepare(data, kafka, [1], secure=False)
        assert (mode(folder), mode(data)) == (parent, 0o700)
        data.chmod(0o755)
        folder.chmod(0o755)
        storage.prepare(data, kafka, [1], secure=False)
        assert (mode(folder), mode(data)) == (parent, 0o700)
