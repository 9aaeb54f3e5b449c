"""The embedded broker in the foreground: python -m broker."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from broker import ports
from tests.support.brokers import ROOT, read, send, temporary_folders

__all__ = ['temporary_folders']

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(os.name != 'posix', reason='drives it as a POSIX terminal does'),
]


def _free_port() -> int:
    return ports.choose_ports(['any'], [1])['any'][1]


def _start(folder: Path, *arguments: str) -> 'pexpect.spawn[str]':
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'TERM': 'dumb'}
    command = ['-m', 'broker', *arguments]
    return pexpect.spawn(
        sys.executable,
        command,
        cwd=str(folder),
        env=environment,
        encoding='utf-8',
        timeout=30,
        echo=False,
    )


def test_the_foreground_says_what_to_type_and_what_happens(tmp_path: Path) -> None:
    """It says where it is and what to type next, tells of new topics, and executes commands.

    It ends on Ctrl-C within 5 s and keeps the messages.
    """
    port = _free_port()
    for attempt in range(2):
        shell = _start(tmp_path, '--port', str(port))
        shell.expect_exact(f'localhost:{port}')
        shell.expect_exact(f"export KAFKA_BOOTSTRAP_SERVERS='127.0.0.1:{port}'")
        shell.expect_exact("send_msg(topic='human-messages'")
        environment = {'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{port}'}
        if attempt == 0:
            send(environment, 'human-messages', b'kept')
            shell.expect_exact('Topic human-messages was created, partitions: 1.')
            shell.sendline('kill 1')
            shell.expect_exact('Broker 1 was killed.')
            shell.sendline('restart 1')
            shell.expect_exact('Broker 1 was restarted.')
        assert read(environment, 'human-messages', 1) == [b'kept']
        began = time.monotonic()
        shell.sendintr()
        shell.expect(pexpect.EOF)
        shell.close()
        assert shell.exitstatus == 0
        assert time.monotonic() - began < 5
        assert shell.before.strip().endswith('Kafka has ended. Its messages are kept.')
    assert (tmp_path / '.kafka').is_dir()


def test_the_foreground_ends_on_sigterm_within_five_seconds(tmp_path: Path) -> None:
    """SIGTERM ends it in good order, and its port is free again; without a terminal too."""
    port = _free_port()
    command = [
        sys.executable,
        '-m',
        'broker',
        '--port',
        str(port),
        '--data',
        str(tmp_path / 'data'),
    ]
    shell = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert shell.stdout
    assert 'ready' in shell.stdout.readline()
    began = time.monotonic()
    shell.terminate()
    assert shell.wait(10) == 0
    assert time.monotonic() - began < 5
    shell.stdout.close()
    assert ports.is_free(port)


@pytest.mark.parametrize('options', ['', ' --brokers 3', ' --brokers 3 --secure', ' --classroom'])
def test_a_taken_port_is_told_with_what_to_do(options: str, tmp_path: Path) -> None:
    """A taken port ends the foreground at once, with its number and a way out.

    That is the same command with another port and folder.
    """
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run(
            [sys.executable, '-m', 'broker', *options.split(), '--port', str(port)],
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert run.returncode == 1
    assert f'Port {port} is taken' in run.stderr
    assert run.stderr.endswith(
        f': python -m broker{options} --port {port + 100} --data .kafka/{port + 100}\n'
    )
    assert 'Traceback' not in run.stderr
    assert list(tmp_path.glob('.kafka')) == []
