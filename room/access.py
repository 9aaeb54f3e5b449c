"""Who may use the room: a pass phrase, a teacher's token, and checks of host and origin.

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

from room.origins import Origins
from room.pass_page import PASS_PAGE, spelled
from room.rate_limits import RateLimit
from room.response_headers import secured
from room.visitors import SCOPE_KEY, Visitor, Visitors
from simulators import ADJECTIVES, NOUNS

__all__ = ['AccessMiddleware', 'new_pass_phrase', 'new_teacher_token']

# The types of the ASGI specification.
Event = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TRIES_A_MINUTE = 10  # wrong pass phrases and tokens that one visitor may try
VISITOR_ID = re.compile('[0-9a-f]{32}')
# What a forwarder says of whom it forwards for; anybody else can say it, too.
OF_FORWARDERS = re.compile(rb'x-forwarded-.*|forwarded|x-real-ip', re.IGNORECASE)
POLICY_VIOLATION = 1008  # the code by which a web socket is closed (RFC 6455)


def new_pass_phrase() -> str:
    """A phrase that is easy to read out and hard to guess: ``'purple-otter-lazy-anvil-4071'``."""
    words = [secrets.choice(words) for words in (ADJECTIVES, NOUNS, ADJECTIVES, NOUNS)]
    return '-'.join([*words, f'{secrets.randbelow(10_000):04}'])


def new_teacher_token() -> str:
    """What makes a browser the teacher's; nobody can guess it."""
    return secrets.token_urlsafe(16)


class AccessMiddleware:
    """ASGI middleware that refuses requests before the application sees them.

    Refused are: requests without the pass phrase, requests for a host name that is not the room's,
    requests that another web site makes from a visitor's browser, and whom the teacher has put out.

    A room without a pass phrase (on 127.0.0.1) needs the checks of host and origin as well. A web
    site can have its own name point to 127.0.0.1 (DNS rebinding), it can make requests from a
    visitor's browser (CSRF) and open a web socket, and it can show the room in a frame
    (clickjacking). A link to the room is allowed.

    The visitor is handed on to the pages (`room.visitors.visitor_of`). What a request says of where
    it comes from is not believed, and not handed on.

    Args:
        app: the application behind it.
        port: where the room listens. The names of its cookies carry it, because a browser sends
            the cookies of a host to all ports.
        origins: the names of the room.
        visitors: who was put out.
        teacher_token: what makes a browser the teacher's; '' if nothing does.
        pass_phrase: the pass phrase; '' asks for none.
    """

    def __init__(
        self,
        app: App,
        port: int,
        origins: Origins,
        visitors: Visitors,
        teacher_token: str = '',
        pass_phrase: str = '',
    ) -> None:
        self.app = app
        self.cookie = f'room-{port}'
        self.origins = origins
        self.visitors = visitors
        self.teacher_token = teacher_token
        self.pass_phrase = pass_phrase
        # Made from the phrase, so that a cookie is still good when the room is started again.
        self.passed = _digest(f'the room: {pass_phrase}')
        self.taught = _digest(f'the teacher: {teacher_token}')
        self.tries = RateLimit(TRIES_A_MINUTE, 60.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, refuse, or ask for the pass phrase."""
        if scope['type'] not in ('http', 'websocket'):
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        cookies = _cookies(headers)
        visitor = self._visitor(scope, cookies)
        refusal = self._refusal(scope, headers, visitor)
        if refusal:
            await _refuse(scope, secured(send), *refusal)
        elif self.teacher_token and _queried(scope, 'teach'):
            await self._teach(scope, secured(send))
        elif visitor.is_teacher or self._may_enter(cookies):
            said = [each for each in scope['headers'] if not OF_FORWARDERS.fullmatch(each[0])]
            scope = {**scope, 'headers': said, SCOPE_KEY: visitor}
            named = _set_cookie(f'{self.cookie}-visitor', visitor.id)
            await self.app(scope, receive, secured(send, named))
        else:
            await self._log_in(scope, secured(send))

    def _visitor(self, scope: Scope, cookies: dict[str, str]) -> Visitor:
        known = cookies.get(f'{self.cookie}-visitor', '')
        taught = cookies.get(f'{self.cookie}-teacher', '')
        return Visitor(
            known if VISITOR_ID.fullmatch(known) else secrets.token_hex(16),
            (scope.get('client') or ('?',))[0],
            bool(self.teacher_token) and _is_same(taught, self.taught),
        )

    def _refusal(
        self, scope: Scope, headers: dict[str, str], visitor: Visitor
    ) -> tuple[int, str] | None:
        """Why a request is refused whoever makes it: the status and the reason."""
        host = headers.get('host', '')
        if not self.origins.has_host(host, (scope.get('server') or ('',))[0]):
            return 421, (
                'This room does not have that host name. Use the address that was printed when it '
                'started, or start it with --origin and the address that you use.'
            )
        if _is_cross_site(headers) or not self.origins.allows(headers.get('origin', ''), host):
            return 403, 'Another web site made this request. Open the room by its own address.'
        if self.visitors.is_out(visitor):
            return 403, 'The teacher has put you out of the room.'
        return None

    def _may_enter(self, cookies: dict[str, str]) -> bool:
        return not self.pass_phrase or _is_same(cookies.get(self.cookie, ''), self.passed)

    async def _log_in(self, scope: Scope, send: Send) -> None:
        given = _queried(scope, 'pass')
        if not given:
            text = 'Scan the code on the screen, or type the pass phrase.'
            await _refuse(scope, send, 401, text)
            return
        is_right = _is_same(spelled(given), spelled(self.pass_phrase))
        wrong = 'That is not the pass phrase. It is shown on the screen.'
        await self._answer(scope, send, is_right, _set_cookie(self.cookie, self.passed), wrong)

    async def _teach(self, scope: Scope, send: Send) -> None:
        is_right = _is_same(_queried(scope, 'teach'), self.teacher_token)
        wrong = "That is not the teacher's link of this room. It was printed when it started."
        cookie = _set_cookie(f'{self.cookie}-teacher', self.taught)
        await self._answer(scope, send, is_right, cookie, wrong)

    async def _answer(
        self, scope: Scope, send: Send, is_right: bool, cookie: tuple[bytes, bytes], wrong: str
    ) -> None:
        """Answer a pass phrase or a token. Only wrong ones count as tries."""
        address = (scope.get('client') or ('?',))[0]
        if self.tries.is_used_up(address):
            text = 'Too many tries. Wait a minute, then type the pass phrase again.'
            await _refuse(scope, send, 429, text)
        elif is_right:
            await _respond(send, 303, [(b'location', b'/'), cookie])
        else:
            self.tries.allow(address)
            await _refuse(scope, send, 401, wrong)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_same(given: str, expected: str) -> bool:
    """Compared in constant time: how long it takes does not tell how much was right."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _set_cookie(name: str, value: str) -> tuple[bytes, bytes]:
    return b'set-cookie', f'{name}={value}; HttpOnly; SameSite=Lax; Path=/'.encode()


def _cookies(headers: dict[str, str]) -> dict[str, str]:
    pairs = (each.strip().partition('=') for each in headers.get('cookie', '').split(';'))
    return {name: value for name, _, value in pairs}


def _queried(scope: Scope, name: str) -> str:
    """A value in the query of a page's request; '' where there is none."""
    if scope['type'] != 'http':
        return ''
    query: dict[str, list[str]] = parse_qs(scope['query_string'].decode('latin-1'))
    return query.get(name, [''])[0].strip()


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.lower().decode('latin-1'): value.decode('latin-1') for name, value in scope['headers']
    }


def _is_cross_site(headers: dict[str, str]) -> bool:
    """Whether another site's page made the request, by what the browser says (Fetch Metadata)."""
    if headers.get('sec-fetch-site') != 'cross-site':
        return False
    followed_link = (
        headers.get('sec-fetch-mode') == 'navigate' and headers.get('sec-fetch-dest') == 'document'
    )
    return not followed_link


async def _refuse(scope: Scope, send: Send, status: int, text: str) -> None:
    if scope['type'] == 'websocket':
        await send({'type': 'websocket.close', 'code': POLICY_VIOLATION})
        return
    headers = [
        (b'content-type', b'text/html; charset=utf-8'),
        (b'cache-control', b'no-store'),
    ]
    await _respond(send, status, headers, PASS_PAGE.substitute(text=text).encode())


async def _respond(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b''
) -> None:
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})
