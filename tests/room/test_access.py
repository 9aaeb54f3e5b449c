"""Who comes into the room, and what ends with it: without a browser."""

import base64
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from room import __main__ as command_line
from room.access import Helper, Limits, address_of_this_machine, is_local, pass_phrase
from tests.support.brokers import ROOT, eventually, gone
from tests.support.rooms import Browser, connects, get, needs_chromium, open_room  # noqa: F401 - a fixture

# ruff: noqa: F811 - the fixture again
HOLD = """
import sys
from room.access import Helper
helpers = [Helper('one', 'import time; print("I run", flush=True); time.sleep(600)'),
           Helper('deaf', 'import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print("I run", flush=True); time.sleep(600)')]
for helper in helpers:
    helper.start()
while not all(helper.said for helper in helpers):
    pass
print(*[helper.pid for helper in helpers], flush=True)
sys.stdin.read()
"""


def test_a_room_is_for_its_own_machine_unless_asked(open_room: Callable[..., Any]) -> None:
    """By default nobody else can connect, a page of another name is refused, and no phrase is asked for."""
    port, _ = open_room()
    assert get(port, '/')[0] == 200
    assert get(port, '/', Host='evil.example')[0] == 421
    assert get(port, '/', Host=f'localhost:{port}')[0] == 200
    if not is_local(address_of_this_machine()):
        assert not connects(address_of_this_machine(), port)


def test_others_need_the_pass_phrase(open_room: Callable[..., Any]) -> None:
    """With 0.0.0.0 neither page nor files nor web socket are served without the phrase; with it they are; guessing is slowed."""
    port, process = open_room('--host', '0.0.0.0')
    said = ''
    while not (found := re.search(r'http://\S+/\?pass=(\S+)', said)):
        line = process.stdout.readline()
        assert line, f'the room ended: {said}'
        said += line
    assert '▀' in said or '█' in said, 'no QR code was printed'
    upgrade = {'Upgrade': 'websocket', 'Connection': 'Upgrade', 'Sec-WebSocket-Version': '13'}
    upgrade['Sec-WebSocket-Key'] = base64.b64encode(b'0123456789abcdef').decode()
    socket_path = '/_nicegui_ws/socket.io/?EIO=4&transport=websocket'
    assert get(port, '/')[0] == 401
    assert get(port, '/_nicegui_ws/socket.io/?EIO=4&transport=polling')[0] == 401
    assert get(port, socket_path, **upgrade)[0] == 403
    assert get(port, '/', Cookie='room=guessed')[0] == 401
    assert get(port, f'/?pass={found[1]}x')[0] == 401
    status, headers, _ = get(port, f'/?pass={found[1]}')
    cookie = headers['Set-Cookie']
    assert status == 303
    assert 'HttpOnly' in cookie
    assert found[1] not in cookie
    status, _, page = get(port, '/', Cookie=cookie.split(';')[0])
    assert (status, 'The room' in page) == (200, True)
    assert [get(port, f'/?pass=guess-{number}')[0] for number in range(9)][-1] == 429


def test_a_taken_port_is_told_in_a_sentence(open_room: Callable[..., Any]) -> None:
    """When the port is taken, one line says so and what to type instead."""
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
def test_what_is_no_port_is_told_in_a_sentence(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port that cannot be is refused with what to type instead."""
    with pytest.raises(SystemExit):
        command_line.main([f'--port={port}'])
    assert f"'{port}' is no port: choose a number from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize('host', ['::1', '::'])
def test_a_room_opens_by_an_address_of_the_new_kind(
    host: str, open_room: Callable[..., Any]
) -> None:
    """IPv6 addresses work, and stand in brackets in the link."""
    if not socket.has_ipv6:
        pytest.skip('this machine knows no IPv6: run it on one that does')
    port, process = open_room('--host', host, to='::1')
    assert get(port, '/', to='::1')[0] == (200 if host == '::1' else 401)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=15)
    assert re.search(rf'http://\[[0-9a-f:]*:[0-9a-f:]*\]:{port}', said), said
    assert 'http://[::]' not in said


def test_a_room_without_kafka_opens_and_ends(open_room: Callable[..., Any]) -> None:
    """A page is served although no Kafka is there; Ctrl-C ends the room within seconds and without a traceback."""
    port, process = open_room()
    assert get(port, '/')[0] == 200
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=15)
    assert 'Traceback' not in said


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGKILL])
def test_what_the_room_started_ends_with_it(how: signal.Signals) -> None:
    """When the room is killed, its helpers end too: at once, or within seconds if they do not listen to Ctrl-C."""
    room = subprocess.Popen(
        [sys.executable, '-c', HOLD],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert room.stdout
        pids = [int(pid) for pid in room.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(map(gone, pids))
        room.send_signal(how)
        room.wait(5)
        eventually(lambda: gone(pids[0]), 3.0)
        eventually(lambda: gone(pids[1]), 10.0)
    finally:
        room.kill()
        room.communicate()


@pytest.mark.browser
def test_a_phone_comes_in_by_the_code_and_a_restart_is_found(
    open_room: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link opens the page, which shows the code and leaves teaching to the teacher's machine; it finds a room opened again."""
    needs_chromium()
    monkeypatch.setenv('ROOM_PASS_PHRASE', 'tame otters 7')
    port, process = open_room('--host', '0.0.0.0')
    link = ''
    while not link:
        line = process.stdout.readline()
        assert line, 'the room ended'
        link = next(iter(re.findall(r'http://\S+/\?pass=\S+', line)), '')
    phone = Browser(tmp_path, 500, 900)
    try:
        phone.open(link)
        phone.sees('Kafka is lost', '.state')
        phone.click('.join')
        phone.sees(link, '.link')
        phone.turn_to('Teach')
        phone.sees('Start', '.teach')
        assert phone.js(
            'return [...document.querySelectorAll(".teach")].every(e => !e.disabled)'
        ), 'the teacher may, by that link too'
        cookie = get(port, '/?pass=tame%20otters%207')[1]['Set-Cookie'].split(';')[0]
        assert (
            "Only at the teacher's machine"
            in get(port, '/', Cookie=cookie, X_Forwarded_For='198.51.100.7')[2]
        )
        process.kill()
        process.wait()
        phone.js('window.before = true')
        open_room('--host', '0.0.0.0', port=port)
        eventually(lambda: phone.js('return !window.before'))
        phone.sees('Kafka is lost', '.state')
    finally:
        phone.driver.quit()


def test_limits_are_for_each_visitor_and_pass() -> None:
    """A visitor may so much within so many seconds, another one too, and both again afterwards; few are remembered."""
    now = 0.0
    limits = Limits(count=2, seconds=10.0, clock=lambda: now)
    assert [limits.allow('ann') for _ in range(3)] == [True, True, False]
    assert limits.allow('bob')
    now = 9.9
    assert not limits.allow('ann')
    now = 10.0
    assert limits.allow('ann')
    for number in range(5000):
        limits.allow(str(number))
    assert len(limits._times) <= 2000


def test_pass_phrases_are_not_guessed() -> None:
    """A phrase is four words and four digits, another one each time."""
    phrases = {pass_phrase() for _ in range(200)}
    assert len(phrases) == 200
    assert all(re.fullmatch(r'([a-z]+-){4}\d{4}', phrase) for phrase in phrases)


@pytest.mark.parametrize(
    ('address', 'local'),
    [('127.0.0.1', True), ('::1', True), ('localhost', True), ('192.0.2.1', False), ('', False)],
)
def test_the_own_machine_is_known(address: str, local: bool) -> None:
    """Loopback addresses are this machine, others and none are not, unless it is the very address that was reached."""
    assert is_local(address) is local
    assert is_local(address, '192.0.2.1') is (local or address == '192.0.2.1')
    assert is_local(address, '') is local


def test_a_helper_tells_why_it_ended() -> None:
    """What a process of the room says last is kept, without control characters, and it can be started again."""
    helper = Helper('short', r'print("\x1b[31mred"); raise SystemExit(1)')
    for _ in range(2):
        helper.start()
        eventually(lambda: helper.pid is None and helper.said)
        assert helper.said == r'\x1b[31mred'
        helper.stop()


def test_two_who_start_a_helper_at_once_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many press the button at the same moment, one process runs, and none outlives the stop."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def slowly(*args: Any, **options: Any) -> 'subprocess.Popen[bytes]':
        started.append(popen(*args, **options))
        time.sleep(0.2)  # time for the others to come between
        return started[-1]

    monkeypatch.setattr(subprocess, 'Popen', slowly)
    helper = Helper('one', 'import time; time.sleep(600)')
    threads = [threading.Thread(target=helper.start) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        helper.stop()
        assert [process.poll() is None for process in started] == [False]
    finally:
        for process in started:
            process.kill()
