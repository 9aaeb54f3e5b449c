"""What one visitor, or another web site, can do to the room: nothing that others feel."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from room.server import LARGEST_MESSAGE, PAGES_A_MINUTE
from tests.support.brokers import eventually
from tests.support.rooms import Browser, get, needs_chromium, open_room  # noqa: F401

# ruff: noqa: F811 - a fixture is imported, and named again by each test that uses it
FORTY_REQUESTS = """
const [address, done] = arguments;
const request = () => fetch(address, {mode: "no-cors"}).then(response => response.type);
Promise.all([...Array(40)].map(request)).then(done, error => done(String(error)));
"""
A_SOCKET = """
const [address, done] = arguments;
const line = new WebSocket(address);
line.onopen = () => done("open");
line.onerror = () => done("refused");
"""
OpenRoom = Callable[..., tuple[int, 'subprocess.Popen[str]']]


def test_one_visitor_does_not_shut_out_others(open_room: OpenRoom) -> None:
    """Who opens page after page is told when to try again; others come in."""
    port, _ = open_room()
    answers = [get(port, '/') for _ in range(PAGES_A_MINUTE + 5)]
    assert [status for status, _, _ in answers] == [200] * PAGES_A_MINUTE + [429] * 5
    assert answers[-1][1]['Retry-After'] == '60'
    assert 'again in a minute' in answers[-1][2]
    assert get(port, '/', source='127.0.0.2')[0] == 200
    assert get(port, '/nothing')[0] == 404


def test_pages_that_nobody_looks_at_are_given_up(open_room: OpenRoom) -> None:
    """A full room says so; pages whose browser never reported are closed by themselves."""
    port, process = open_room(before='server.MOST_PAGES, server.PATIENCE = 3, 1.0')
    answers = [get(port, '/') for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 503]
    assert 'The room is full' in answers[-1][2]
    eventually(lambda: get(port, '/')[0] == 200, 10.0)
    process.terminate()
    said, _ = process.communicate(timeout=15)
    assert 'Traceback' not in said
    assert 'rror' not in said


@pytest.mark.parametrize(
    ('mode', 'dest', 'status'),
    [
        ('no-cors', 'empty', 403),
        ('navigate', 'iframe', 403),
        ('cors', 'script', 403),
        ('navigate', 'document', 200),
    ],
)
def test_other_web_sites_can_only_link(
    mode: str, dest: str, status: int, open_room: OpenRoom
) -> None:
    """Another site's requests are refused, a link is not; the room is never shown in a frame."""
    port, _ = open_room()
    asked = get(port, '/', Sec_Fetch_Site='cross-site', Sec_Fetch_Mode=mode, Sec_Fetch_Dest=dest)
    assert asked[0] == status
    assert asked[1]['X-Frame-Options'] == 'DENY'


class OtherSite(BaseHTTPRequestHandler):
    """A web site that has nothing to do with the room."""

    def do_GET(self) -> None:
        """An empty page."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def other_site() -> Iterator[str]:
    """Its address."""
    with HTTPServer(('127.0.0.1', 0), OtherSite) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://localhost:{server.server_port}/'
        server.shutdown()
        thread.join()


@pytest.mark.browser
def test_a_web_site_open_in_the_browser_cannot_fill_the_room(
    open_room: OpenRoom, tmp_path: Path
) -> None:
    """Another site can make any number of requests: no page is opened, and its link works.

    It gets no web socket.
    """
    needs_chromium()
    port, _ = open_room(before='server.MOST_PAGES = 30')
    browser = Browser(tmp_path, 800, 600)
    try:
        with other_site() as site:
            browser.driver.get(site)
            ask = browser.driver.execute_async_script
            kinds = ask(FORTY_REQUESTS, f'http://127.0.0.1:{port}/')
            assert kinds == ['opaque'] * 40, 'the browser itself blocked the requests'
            path = '_nicegui_ws/socket.io/?EIO=4&transport=websocket'
            assert ask(A_SOCKET, f'ws://127.0.0.1:{port}/{path}') == 'refused'
            browser.js('location = arguments[0]', f'http://127.0.0.1:{port}/')
            browser.sees('disconnected', '.state')
            ask = browser.driver.execute_async_script
            assert ask(A_SOCKET, f'ws://127.0.0.1:{port}/{path}') == 'open', 'not even our own'
    finally:
        browser.driver.quit()


def test_a_browser_cannot_send_without_end(open_room: OpenRoom) -> None:
    """A message larger than any of our pages sends is not read: the connection is closed."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    port, _ = open_room()
    with connect(f'ws://127.0.0.1:{port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket') as line:
        assert str(line.recv(10)).startswith('0{')
        line.send('40{}')
        assert str(line.recv(10)).startswith('40{')
        line.send(_event(1, LARGEST_MESSAGE // 2))
        eventually(lambda: str(line.recv(10)).startswith('431['))
        line.send(_event(2, LARGEST_MESSAGE))
        with pytest.raises(ConnectionClosed):
            [line.recv(10) for _ in range(4)]


def _event(number: int, size: int) -> str:
    return f'42{number}["ack",{{"client_id":"nobody","more":"{"x" * size}"}}]'
