"""Who may use the room: a pass phrase, and checks of host and origin, as ASGI middleware.

`AccessMiddleware` runs before the whole web application, its web socket too; `server` adds it.

The one idea to take away: a page that listens to a room full of people is a server, and a server
decides what it accepts before anything else runs.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from room.pass_page import PASS_PAGE, spelled
from room.rate_limits import RateLimit
from simulators import ADJECTIVES, NOUNS

__all__ = ['AccessMiddleware', 'new_pass_phrase']

# The types of the ASGI specification.
Event = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = 'room'
TRIES_A_MINUTE = 10  # pass phrases that one visitor may try
POLICY_VIOLATION = 1008  # the code by which a web socket is closed (RFC 6455)


def new_pass_phrase() -> str:
    """A phrase that is easy to read out and hard to guess: ``'purple-otter-lazy-anvil-4071'``."""
    words = [secrets.choice(words) for words in (ADJECTIVES, NOUNS, ADJECTIVES, NOUNS)]
    return '-'.join([*words, f'{secrets.randbelow(10_000):04}'])


class AccessMiddleware:
    """ASGI middleware that refuses requests before the application sees them.

    Refused are: requests without the pass phrase, requests for a host name that is not the room's,
    and requests that another web site makes from a visitor's browser.

    A room without a pass phrase (on 127.0.0.1) needs the last two as well. A web site can have its
    own name point to 127.0.0.1 (DNS rebinding), it can make requests from a visitor's browser
    (CSRF), and it can show the room in a frame (clickjacking). A link to the room is allowed.

    Args:
        app: the application behind it.
        pass_phrase: the pass phrase; '' asks for none.
        hosts: the names and addresses by which the room may be called; empty for any.
    """

    def __init__(
        self, app: App, pass_phrase: str = '', hosts: frozenset[str] = frozenset()
    ) -> None:
        self.app = app
        self.pass_phrase = pass_phrase
        self.hosts = hosts
        # Made from the phrase, so that a cookie is still good when the room is started again.
        self.token = hashlib.sha256(f'the room: {pass_phrase}'.encode()).hexdigest()
        self.tries = RateLimit(TRIES_A_MINUTE, 60.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, refuse, or ask for the pass phrase."""
        if scope['type'] not in ('http', 'websocket'):
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        send = _without_frames(send)
        if self.hosts and _host(headers) not in self.hosts:
            text = (
                'This room does not have that host name. Use the address that was printed when it '
                'started.'
            )
            await _refuse(scope, send, 421, text)
        elif _is_cross_site(headers):
            text = 'Another web site made this request. Open the room by its own address.'
            await _refuse(scope, send, 403, text)
        elif not self.pass_phrase or self._has_cookie(headers):
            await self.app(scope, receive, send)
        else:
            await self._log_in(scope, send)

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        for cookie in headers.get('cookie', '').split(';'):
            name, _, value = cookie.strip().partition('=')
            if name == COOKIE and _is_same(value.encode('latin-1'), self.token.encode()):
                return True
        return False

    async def _log_in(self, scope: Scope, send: Send) -> None:
        query = parse_qs(scope.get('query_string', b'').decode('latin-1'))
        given = query.get('pass', [''])[0].strip()
        visitor = (scope.get('client') or ('?',))[0]
        if not given or scope['type'] != 'http':
            text = 'Scan the code on the screen, or type the pass phrase.'
            await _refuse(scope, send, 401, text)
        elif not self.tries.allow(visitor):
            text = 'Too many tries. Wait a minute, then type the pass phrase again.'
            await _refuse(scope, send, 429, text)
        elif not _is_same(spelled(given).encode(), spelled(self.pass_phrase).encode()):
            text = 'That is not the pass phrase. It is shown on the screen.'
            await _refuse(scope, send, 401, text)
        else:
            cookie = f'{COOKIE}={self.token}; HttpOnly; SameSite=Lax; Path=/'
            headers = [(b'location', b'/'), (b'set-cookie', cookie.encode())]
            await _respond(send, 303, headers)


def _is_same(given: bytes, expected: bytes) -> bool:
    """Compared in constant time: how long it takes does not tell how much was right."""
    return hmac.compare_digest(given, expected)


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.lower().decode('latin-1'): value.decode('latin-1') for name, value in scope['headers']
    }


def _host(headers: dict[str, str]) -> str:
    """The host name of a request, without port and brackets."""
    return re.sub(r':\d+$', '', headers.get('host', '')).strip('[]')


def _is_cross_site(headers: dict[str, str]) -> bool:
    """Whether another site's page made the request, by what the browser says (Fetch Metadata)."""
    if headers.get('sec-fetch-site') != 'cross-site':
        return False
    followed_link = (
        headers.get('sec-fetch-mode') == 'navigate' and headers.get('sec-fetch-dest') == 'document'
    )
    return not followed_link


def _without_frames(send: Send) -> Send:
    """Forbid in each response that the page is shown in another page's frame."""

    async def send_with_header(event: Event) -> None:
        if event['type'] == 'http.response.start':
            headers = [*event.get('headers', ()), (b'x-frame-options', b'DENY')]
            event = {**event, 'headers': headers}
        await send(event)

    return send_with_header


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    if scope['type'] == 'websocket':
        await send({'type': 'websocket.close', 'code': POLICY_VIOLATION})
        return
    headers = [
        (b'content-type', b'text/html; charset=utf-8'),
        (b'cache-control', b'no-store'),
        (b'referrer-policy', b'no-referrer'),
    ]
    await _respond(send, status, headers, PASS_PAGE.substitute(text=text).encode())


async def _respond(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b''
) -> None:
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})
