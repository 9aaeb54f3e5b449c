"""A page of the room without a browser: what a browser would send, and whatever else one likes."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.rooms import cookies, get

__all__ = ['RawPage', 'raw_page']


class RawPage:
    """A page that was opened, and its web socket.

    Args:
        page: the page's HTML.
        line: its web socket.
    """

    def __init__(self, page: str, line: ClientConnection) -> None:
        self.page = page
        self.line = line
        self.client_id = _client_id(page)
        found = re.search(r'parseElements\(String.raw`(.*?)`\)', page, re.DOTALL)
        assert found
        text = found[1].replace('&lt;', '<').replace('&gt;', '>').replace('&#36;', '$')
        text = text.replace('&#96;', '`').replace('&amp;', '&')
        self.elements: dict[str, Any] = json.loads(text)

    def find(self, name: str) -> tuple[int, dict[str, Any]]:
        """The number of an element with a CSS class, and the element."""
        return next(
            (int(number), each)
            for number, each in self.elements.items()
            if name in each.get('class', [])
        )

    def read(self, seconds: float) -> list[tuple[float, str]]:
        """What comes within so many seconds, and when; answered as a browser does."""
        found = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                text = str(self.line.recv(left))
            except TimeoutError:
                break
            if text == '2':
                self.line.send('3')
                continue
            found.append((time.time(), text))
            asked = re.search(r'"request_id":"([^"]+)"', text)
            if asked:
                answer = {'client_id': self.client_id, 'request_id': asked[1], 'result': None}
                self.packet('javascript_response', answer)
        return found

    def packet(self, name: str, *args: Any) -> None:
        """Send a packet."""
        self.line.send('42' + json.dumps([name, *args]))

    def event(self, css_class: str, *args: Any, kind: str = '', client_id: str = '') -> None:
        """Send an event of an element, as a browser does when it is clicked."""
        number, element = self.find(css_class)
        listener = next(each for each in element['events'] if not kind or each['type'] == kind)
        self.packet(
            'event',
            {
                'id': number,
                'client_id': client_id or self.client_id,
                'listener_id': listener['listener_id'],
                'args': [json.dumps(each) for each in args],
            },
        )


def _client_id(page: str) -> str:
    found = re.search(r"'client_id': '([0-9a-f-]+)'", page)
    assert found, 'no page'
    return found[1]


@contextmanager
def raw_page(
    port: int, link: str = '/', client_id: str = '', source: str = '127.0.0.1'
) -> Iterator[RawPage]:
    """Open a page as a browser does: cookies, page, web socket.

    Args:
        port: the room's.
        link: ``'/?teach=...'`` for the teacher's.
        client_id: of a page of somebody else's, to take its place.
        source: the address that the visitor comes from.
    """
    entered = get(port, link, source=source)
    jar = cookies(entered)
    *_, page = opened = entered if entered[0] == 200 else get(port, '/', source=source, Cookie=jar)
    jar = '; '.join(filter(None, (jar, cookies(opened))))
    page_id = client_id or _client_id(page)
    query = f'client_id={page_id}&next_message_id=0&implicit_handshake=true&tab_id=t&document_id=d'
    address = f'ws://127.0.0.1:{port}/_nicegui_ws/socket.io/?{query}&EIO=4&transport=websocket'
    with connect(address, additional_headers={'Cookie': jar}, max_size=None) as line:
        line.recv(10)
        line.send('40')
        answer = str(line.recv(10))
        if not answer.startswith('40'):
            raise ConnectionRefusedError(answer)
        yield RawPage(page, line)
