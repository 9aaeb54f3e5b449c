"""The command line of the room: `python -m room`."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from room import __main__ as command_line
from tests.support.brokers import ROOT
from tests.support.rooms import get, open_room  # noqa: F401

# ruff: noqa: F811 - a fixture is imported, and named again by each test that uses it


def test_a_port_in_use_is_told_in_a_sentence(open_room: Callable[..., Any]) -> None:
    """When the port is in use, one line says so and what to type instead."""
    port, _ = open_room()
    again = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'room', '--port', str(port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert again.returncode == 1
    assert f'--port {port + 1}' in again.stderr
    assert 'Traceback' not in again.stderr


@pytest.mark.parametrize('port', ['99999', '0', '-1', 'http'])
def test_an_impossible_port_is_told_in_a_sentence(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port that cannot be is refused with what to type instead."""
    with pytest.raises(SystemExit):
        command_line.main([f'--port={port}'])
    assert f"'{port}' is not a port: choose a number from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize('host', ['::1', '::'])
def test_a_room_listens_on_ipv6(host: str, open_room: Callable[..., Any]) -> None:
    """IPv6 addresses work, and are in brackets in the link."""
    if not socket.has_ipv6:
        pytest.skip('this machine has no IPv6: run it on one that has')
    port, process = open_room('--host', host, to='::1')
    assert get(port, '/', to='::1')[0] == (200 if host == '::1' else 401)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=15)
    assert re.search(rf'http://\[[0-9a-f:]*:[0-9a-f:]*\]:{port}', said), said
    assert 'http://[::]' not in said


def test_a_room_without_kafka_opens_and_ends(open_room: Callable[..., Any]) -> None:
    """A page is served although there is no Kafka; Ctrl-C ends the room without a traceback."""
    port, process = open_room()
    assert get(port, '/')[0] == 200
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=15)
    assert 'Traceback' not in said
