"""Who comes into the room."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connection.addresses import address_of_this_machine
from room.access import new_pass_phrase
from room.addresses import is_local
from tests.support.brokers import eventually
from tests.support.rooms import Browser, connects, get, needs_chromium, open_room  # noqa: F401

# ruff: noqa: F811 - a fixture is imported, and named again by each test that uses it

SHOWN = """
    const state = document.querySelector(arguments[0]);
    return [getComputedStyle(state).visibility, getComputedStyle(state, "::after").content];
"""
TYPE_AND_SEND = """
    const field = document.querySelector(".text textarea");
    field.value = arguments[0];
    field.dispatchEvent(new Event("input"));
    document.querySelector(".send").click();
"""
COVERED = """
    const box = document.querySelector("#popup").getBoundingClientRect();
    return [...document.querySelectorAll(".composer input, .composer textarea")].some((field) => {
        const its = field.getBoundingClientRect();
        return its.top < box.bottom && its.bottom > box.top && its.width && its.height;
    });
"""


def test_a_room_is_for_its_own_machine_unless_asked(open_room: Callable[..., Any]) -> None:
    """By default nobody else can connect, another host name is refused, and there is no phrase."""
    port, _ = open_room()
    assert get(port, '/')[0] == 200
    assert get(port, '/', Host='evil.example')[0] == 421
    assert get(port, '/', Host=f'localhost:{port}')[0] == 200
    if not is_local(address_of_this_machine()):
        assert not connects(address_of_this_machine(), port)


def test_others_need_the_pass_phrase(open_room: Callable[..., Any]) -> None:
    """With 0.0.0.0 neither page nor web socket are served without the phrase; with it, the page is.

    Guessing is slowed down.
    """
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
    assert get(port, '/', Cookie=f'room-{port}=guessed')[0] == 401
    assert get(port, f'/?pass={found[1]}x')[0] == 401
    status, headers, _ = get(port, f'/?pass={found[1]}')
    cookie = headers['Set-Cookie']
    assert status == 303
    assert 'HttpOnly' in cookie
    assert found[1] not in cookie
    status, _, page = get(port, '/', Cookie=cookie.split(';')[0])
    assert (status, 'The room' in page) == (200, True)
    # One wrong one so far; right ones cost no tries.
    assert {get(port, f'/?pass={found[1]}')[0] for _ in range(15)} == {303}
    assert [get(port, f'/?pass=guess-{number}')[0] for number in range(11)][-2:] == [429, 429]
    assert get(port, f'/?pass={found[1]}')[0] == 429, 'a guesser is not told that it is right'
    assert get(port, f'/?pass={found[1]}', source='127.0.0.2')[0] == 303


@pytest.mark.browser
def test_a_phone_comes_in_by_the_code_and_a_restart_is_found(
    open_room: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link opens the page, which shows the code; the page finds a room that is opened again.

    It is a visitor's page, although it is opened on the room's own machine.
    """
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
        phone.sees('disconnected', '.state')
        phone.click('.join')
        phone.sees(link.partition('/?')[0], '.link')
        phone.sees('tame otters 7', '.phrase')
        phone.open_tab('Teach')
        phone.sees('Start', '.teach')
        phone.sees("The buttons are the teacher's", '.q-tab-panel')
        assert phone.js('return [...document.querySelectorAll(".teach")].every(e => e.disabled)')
        process.kill()
        process.wait()
        phone.js('window.before = true')
        eventually(lambda: phone.js(SHOWN, '.state') == ['hidden', '"cut off"'])
        eventually(lambda: phone.js('return getComputedStyle(popup).visibility') == 'visible')
        assert not phone.js(COVERED), 'the notice covers the fields'
        phone.js(TYPE_AND_SEND, 'is this on?')
        assert phone.js('return document.querySelector(".text textarea").value') == 'is this on?'
        open_room('--host', '0.0.0.0', port=port)
        eventually(lambda: phone.js('return !window.before'))
        phone.sees('disconnected', '.state')
    finally:
        phone.driver.quit()


def test_pass_phrases_are_hard_to_guess() -> None:
    """A phrase is four words and four digits, another one each time."""
    phrases = {new_pass_phrase() for _ in range(200)}
    assert len(phrases) == 200
    assert all(re.fullmatch(r'([a-z]+-){4}\d{4}', phrase) for phrase in phrases)
