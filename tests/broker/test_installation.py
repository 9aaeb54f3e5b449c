"""Where Kafka's jars come from: held by the lock, installed whole or not at all.

A repository of one small jar on this machine stands in for the real one.
"""

import hashlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from broker import installation
from broker.installation import Installation
from errors import BrokerError
from tests.support.brokers import ROOT

NAME = 'org.example:small:1.0'
JAR = b'a small jar'
PATH = '/org/example/small/1.0/small-1.0.jar'


class Repository:
    def __init__(self) -> None:
        repository = self
        self.content = JAR
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.asked.append(self.path)
                answer = {
                    PATH: repository.content,
                    f'{PATH}.sha1': hashlib.sha1(repository.content).hexdigest().encode(),
                }.get(self.path)
                self.send_response(404 if answer is None else 200)
                self.send_header('Content-Length', str(len(answer or b'')))
                self.end_headers()
                self.wfile.write(answer or b'')

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={'poll_interval': 0.05}
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Repository]:
    """A repository on this machine, and an empty cache folder."""
    made = Repository()
    monkeypatch.setattr('jgo.maven._core.DEFAULT_REMOTE_REPOS', {'here': made.url})
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    monkeypatch.setenv('WORKSHOP_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setenv('WORKSHOP_KIT', 'none')
    monkeypatch.setattr('broker.jars.ATTEMPTS', 1)
    yield made
    made.close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock that names one small jar."""
    path = tmp_path / 'jars.lock'
    path.write_text(f'# a comment\n{hashlib.sha256(JAR).hexdigest()}  {NAME}\n', encoding='ascii')
    return path


def _nothing(made: Installation) -> None:
    (made.folder / 'prepared').touch()


def test_what_the_lock_names_is_installed_once(repository: Repository, lock: Path) -> None:
    """The first call downloads and prepares, the second one uses what is there."""
    first = installation.ensure_installed(_nothing, lock)
    asked = list(repository.asked)
    assert installation.ensure_installed(_nothing, lock) == first
    assert repository.asked == asked
    assert [path.read_bytes() for path in first.jars] == [JAR]
    assert (first.folder / 'prepared').exists()
    assert sorted(path.name for path in first.folder.parent.iterdir()) == sorted(
        [first.folder.name, 'install.lock']
    )


def test_a_download_that_is_not_what_the_lock_names_is_refused(
    repository: Repository, lock: Path
) -> None:
    """A jar with another checksum is not installed, and nothing of the attempt stays."""
    repository.content = b'a bad jar!!'
    with pytest.raises(BrokerError, match=rf'{NAME}.*SHA-256'):
        installation.ensure_installed(_nothing, lock)
    assert [path.name for path in installation.cache_folder().iterdir()] == ['install.lock']


def test_a_jar_that_was_changed_later_is_refused(repository: Repository, lock: Path) -> None:
    """A changed or missing jar stops the start; deleting the folder that is named helps."""
    made = installation.ensure_installed(_nothing, lock)
    made.jars[0].write_bytes(b'a small jaR')
    with pytest.raises(BrokerError, match=r'small-1\.0\.jar .* Delete the folder') as refused:
        installation.ensure_installed(_nothing, lock)
    assert str(made.folder) in str(refused.value)
    made.jars[0].unlink()
    with pytest.raises(BrokerError, match=r'small-1\.0\.jar .* Delete the folder'):
        installation.ensure_installed(_nothing, lock)
    (made.folder / 'jars').rmdir()
    (made.folder / 'prepared').unlink()
    made.folder.rmdir()
    assert installation.ensure_installed(_nothing, lock).jars[0].read_bytes() == JAR


def test_without_a_network_the_error_says_so(
    repository: Repository, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that fails is one error that names what was wanted and what else can be done."""
    monkeypatch.setattr('jgo.maven._core.DEFAULT_REMOTE_REPOS', {'nowhere': 'http://127.0.0.1:9'})
    with pytest.raises(
        BrokerError, match=rf'could not be downloaded: {NAME}.*network.*docker compose up'
    ):
        installation.ensure_installed(_nothing, lock)


def test_a_kit_comes_before_the_network(
    repository: Repository, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A jar of the kit is taken, and checked; only what a kit lacks is asked of the network."""
    folder = tmp_path / 'kit'
    (folder / 'jars').mkdir(parents=True)
    (folder / 'kit.sha256').touch()
    monkeypatch.setenv('WORKSHOP_KIT', str(folder))
    (folder / 'jars/small-1.0.jar').write_bytes(b'a small jaR')
    with pytest.raises(BrokerError, match=r'small-1\.0\.jar in the kit .* Copy the kit again'):
        installation.ensure_installed(_nothing, lock)
    assert [path.name for path in installation.cache_folder().iterdir()] == ['install.lock']
    (folder / 'jars/small-1.0.jar').write_bytes(JAR)
    made = installation.ensure_installed(_nothing, lock)
    assert made.jars[0].read_bytes() == JAR
    assert repository.asked == []
    (folder / 'jars/small-1.0.jar').unlink()
    monkeypatch.setenv('WORKSHOP_CACHE', str(tmp_path / 'another'))
    assert installation.ensure_installed(_nothing, lock).jars[0].read_bytes() == JAR
    assert PATH in repository.asked


def test_a_failed_preparation_leaves_no_installation(repository: Repository, lock: Path) -> None:
    """What could not be prepared is not there at all, so the next start begins anew."""

    def fail(_: Installation) -> None:
        raise BrokerError('no')

    with pytest.raises(BrokerError, match='no'):
        installation.ensure_installed(fail, lock)
    assert [path.name for path in installation.cache_folder().iterdir()] == ['install.lock']


@pytest.mark.filterwarnings('ignore:.*multi-threaded:DeprecationWarning')
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='the processes share the repository by fork')
def test_processes_and_threads_that_install_at_once_install_once(
    repository: Repository, lock: Path
) -> None:
    """Three processes and two threads at once: one download, and all of them have Kafka."""
    fork = multiprocessing.get_context('fork')
    processes = [
        fork.Process(target=installation.ensure_installed, args=(_nothing, lock)) for _ in range(3)
    ]
    threads = [
        threading.Thread(target=installation.ensure_installed, args=(_nothing, lock))
        for _ in range(2)
    ]
    starts = [each.start for each in processes] + [each.start for each in threads]
    joins = [each.join for each in processes] + [each.join for each in threads]
    for start in starts:
        start()
    for join in joins:
        join(20)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert installation.ensure_installed(_nothing, lock).jars[0].read_bytes() == JAR
    assert repository.asked.count(PATH) == 1


def test_the_cache_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """WORKSHOP_CACHE wins, then the system's custom."""
    monkeypatch.setenv('WORKSHOP_CACHE', str(tmp_path))
    assert installation.cache_folder() == tmp_path
    monkeypatch.delenv('WORKSHOP_CACHE')
    monkeypatch.setattr('sys.platform', 'linux')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    assert installation.cache_folder() == tmp_path / 'xdg' / 'kafka-workshop'
    monkeypatch.setattr('sys.platform', 'win32')
    monkeypatch.setenv('LOCALAPPDATA', str(tmp_path / 'local'))
    assert installation.cache_folder() == tmp_path / 'local' / 'kafka-workshop'


def test_a_cache_folder_that_java_cannot_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A name with Java's path separator, or no folder, is an error that names WORKSHOP_CACHE."""
    monkeypatch.setenv('WORKSHOP_CACHE', str(tmp_path / f'one{os.pathsep}two'))
    with pytest.raises(BrokerError, match=r'one.two.*Set WORKSHOP_CACHE'):
        installation.cache_folder()
    monkeypatch.setenv('WORKSHOP_CACHE', '~nobody-of-this-name/cache')
    with pytest.raises(BrokerError, match=r'no home folder.*Set WORKSHOP_CACHE'):
        installation.cache_folder()


INTERRUPTED = """
import pathlib, sys, jgo.maven._core
from broker import installation
jgo.maven._core.DEFAULT_REMOTE_REPOS = {'silent': sys.argv[1]}
installation.ensure_installed(print, pathlib.Path(sys.argv[2]))
"""


@pytest.mark.skipif(os.name != 'posix', reason='sends Ctrl-C as POSIX does')
def test_ctrl_c_ends_a_download_that_gets_no_answer(lock: Path, tmp_path: Path) -> None:
    """A download is announced, and Ctrl-C ends it at once although the network never answers."""
    with socket.create_server(('127.0.0.1', 0)) as silent:
        url = f'http://127.0.0.1:{silent.getsockname()[1]}'
        environment = {
            **os.environ,
            'PYTHONPATH': str(ROOT),
            'NO_PROXY': '127.0.0.1',
            'WORKSHOP_CACHE': str(tmp_path / 'cache'),
            'WORKSHOP_KIT': 'none',
        }
        command = [sys.executable, '-c', INTERRUPTED, url, str(lock)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as child:
            try:
                assert child.stderr
                assert child.stderr.readline() == b'Downloading Kafka 1.0, once: 1 files ...\n'
                silent.settimeout(10)
                with silent.accept()[0]:
                    child.send_signal(signal.SIGINT)
                    assert b'KeyboardInterrupt' in child.communicate(timeout=5)[1]
            finally:
                child.kill()


def test_the_lock_holds_one_kafka() -> None:
    """The committed lock names Kafka 4.4.0 with a SHA-256 for each jar, each once."""
    lines = [
        line.split('  ')
        for line in installation.LOCK.read_text(encoding='utf-8').splitlines()
        if not line.startswith('#')
    ]
    assert lines[0][1] == 'org.apache.kafka:kafka_2.13:4.4.0'
    assert all(len(digest) == 64 and int(digest, 16) for digest, _ in lines)
    assert len({name.rpartition(':')[0] for _, name in lines}) == len(lines)
