"""What guards the chat room's page: who comes in, how much one may say, and that what it starts ends with it (used by ``server.py``).

``Door`` stands before the whole web application, its web socket too. ``Limits`` counts what each visitor does. ``Helper`` is a
process that runs one line of Python, and watches a pipe: when the room ends, however it ends, the pipe ends, and so does it.

The one idea to take away: a page for a room full of people is a server, and a server decides what it accepts.
"""

import contextlib
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from schemas import printable
from simulators import ADJECTIVES, NOUNS

__all__ = [
    'Door',
    'Helper',
    'Limits',
    'Worker',
    'address_of_this_machine',
    'is_local',
    'pass_phrase',
    'run_until_closed',
]

COOKIE = 'room'
VISITORS = 2000  # that are remembered by the limits
LOGIN = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>The room</title>
<style>body{font:1.2em system-ui;max-width:22em;margin:15vh auto;padding:1em}
input,button{font:inherit;padding:.4em;width:100%%;margin:.3em 0}</style>
<h1>The room</h1><p>%s</p><form method="get" action="/"><input name="pass" placeholder="pass phrase" autofocus autocomplete="off">
<button>Come in</button></form></html>"""


def pass_phrase() -> str:
    """A phrase that is read out easily and not guessed: ``'purple-otter-lazy-anvil-4071'``."""
    words = [secrets.choice(words) for words in (ADJECTIVES, NOUNS, ADJECTIVES, NOUNS)]
    return '-'.join([*words, f'{secrets.randbelow(10_000):04}'])


def address_of_this_machine(family: int = socket.AF_INET) -> str:
    """The address by which others in this network reach this machine; nothing is sent to find out."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(
            ('192.0.2.1' if family == socket.AF_INET else '2001:db8::1', 9)
        )  # kept for documentation (RFC 5737, 3849)
        return str(probe.getsockname()[0])
    return '127.0.0.1' if family == socket.AF_INET else '::1'


def is_local(address: str | None, own: str | None = None) -> bool:
    """Whether a visitor sits at this machine: ``is_local('127.0.0.1')``; ``own`` is the address that the visitor has reached."""
    try:
        return bool(address and address == own) or ipaddress.ip_address(address or '').is_loopback
    except ValueError:
        return address == 'localhost'


class Worker:
    """A thread that works from ``start()`` to ``stop()``: a child's ``run`` goes on until ``ending`` is set."""

    def __init__(self) -> None:
        self.ending = threading.Event()
        self._thread = threading.Thread(target=self.run, name=type(self).__name__, daemon=True)

    def run(self) -> None:
        """Work until stopped."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread has."""
        self.ending.set()
        self._thread.join(5.0)


class Limits:
    """So many actions each so many seconds, for each visitor: ``Limits(count=5, seconds=5.0).allow('192.0.2.7')``."""

    def __init__(
        self, count: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.count, self.seconds, self.clock = count, seconds, clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def allow(self, visitor: str) -> bool:
        """Whether this visitor may once more, now; if so, it counts."""
        now = self.clock()
        times = self._times.setdefault(visitor, deque(maxlen=self.count))
        self._times.move_to_end(visitor)
        if len(self._times) > VISITORS:
            self._times.popitem(last=False)
        if len(times) == self.count and now - times[0] < self.seconds:
            return False
        times.append(now)
        return True


class Door:
    """ASGI middleware: lets nobody in without the pass phrase, nor by a host name that is not the room's, nor through another's page.

    Without a phrase (a room on 127.0.0.1) a web site of somebody else's is the one to fear: one whose name was made to point here
    (DNS rebinding), one that asks from a visitor's browser, one that shows the room in a frame. A link to the room is welcome.

    Args:
        app: the application behind the door.
        phrase: the pass phrase; '' asks for none.
        hosts: the names and addresses by which the room may be called; empty for any.
    """

    def __init__(self, app: Any, phrase: str = '', hosts: frozenset[str] = frozenset()) -> None:
        self.app, self.phrase, self.hosts = app, phrase, hosts
        self.token = hashlib.sha256(
            f'the room: {phrase}'.encode()
        ).hexdigest()  # holds on when the room is opened again
        self.tries = Limits(10, 60.0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, refuse, or ask for the phrase."""
        if scope['type'] not in ('http', 'websocket'):
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value.decode('latin-1') for name, value in scope['headers']}
        host = re.sub(r':\d+$', '', headers.get(b'host', '')).strip('[]')
        link = (headers.get(b'sec-fetch-mode'), headers.get(b'sec-fetch-dest')) == (
            'navigate',
            'document',
        )

        async def unframed(message: Any) -> None:
            more = (
                [(b'x-frame-options', b'DENY')] if message['type'] == 'http.response.start' else []
            )
            await send(message | {'headers': [*message['headers'], *more]} if more else message)

        if self.hosts and host not in self.hosts:
            await _refuse(
                scope,
                unframed,
                421,
                'This room is not called by that name. Use the address that it printed at its start.',
            )
        elif headers.get(b'sec-fetch-site') == 'cross-site' and not link:
            await _refuse(
                scope,
                unframed,
                403,
                'Another web site asked for this. Open the room by its own address.',
            )
        elif not self.phrase or self._has_cookie(headers.get(b'cookie', '')):
            await self.app(scope, receive, unframed)
        else:
            await self._ask(scope, unframed)

    def _has_cookie(self, cookies: str) -> bool:
        found = [
            each.strip().partition('=')[2]
            for each in cookies.split(';')
            if each.strip().partition('=')[0] == COOKIE
        ]
        return any(
            hmac.compare_digest(each.encode('latin-1'), self.token.encode()) for each in found
        )

    async def _ask(self, scope: Any, send: Any) -> None:
        given = (
            parse_qs(scope.get('query_string', b'').decode('latin-1')).get('pass', [''])[0].strip()
        )
        if not given or scope['type'] != 'http':
            await _refuse(scope, send, 401, 'Scan the code on the screen, or type the pass phrase.')
        elif not self.tries.allow((scope.get('client') or ('?',))[0]):
            await _refuse(
                scope,
                send,
                429,
                'Too many tries. Wait a minute, then type the pass phrase once more.',
            )
        elif not hmac.compare_digest(given.encode(), self.phrase.encode()):
            await _refuse(scope, send, 401, 'That is not the pass phrase. It stands on the screen.')
        else:
            cookie = f'{COOKIE}={self.token}; HttpOnly; SameSite=Lax; Path=/'.encode()
            await send(
                {
                    'type': 'http.response.start',
                    'status': 303,
                    'headers': [(b'location', b'/'), (b'set-cookie', cookie)],
                }
            )
            await send({'type': 'http.response.body', 'body': b''})


async def _refuse(scope: Any, send: Any, status: int, text: str) -> None:
    if scope['type'] == 'websocket':
        await send({'type': 'websocket.close', 'code': 1008})
        return
    headers = [
        (b'content-type', b'text/html; charset=utf-8'),
        (b'cache-control', b'no-store'),
        (b'referrer-policy', b'no-referrer'),
    ]
    await send({'type': 'http.response.start', 'status': status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': (LOGIN % text).encode()})


def run_until_closed(code: str) -> None:
    """Run a line of Python until it ends or standard input does: then it gets Ctrl-C, and five seconds to say goodbye."""

    def watch() -> None:
        while os.read(0, 1000):
            pass
        killer = threading.Timer(
            5.0, signal.raise_signal, [getattr(signal, 'SIGKILL', signal.SIGTERM)]
        )
        killer.daemon = True
        killer.start()
        signal.raise_signal(signal.SIGINT) if sys.platform == 'win32' else signal.pthread_kill(
            threading.main_thread().ident or 0, signal.SIGINT
        )

    threading.Thread(target=watch, daemon=True).start()
    try:
        exec(code, {'__name__': '__main__'})  # noqa: S102 - a line of our own, the one that the page shows
    except KeyboardInterrupt:
        pass


class Helper:
    """A process of its own that runs one line of Python, and ends when it is told to or when this process ends.

    Args:
        name: what it is, for the button.
        code: the line.
    """

    def __init__(self, name: str, code: str) -> None:
        self.name, self.code = name, code
        self._process: subprocess.Popen[bytes] | None = None
        self._last: deque[bytes] = deque(maxlen=1)
        self._turn = threading.RLock()

    @property
    def pid(self) -> int | None:
        """Its process id; None if it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def said(self) -> str:
        """The last line it wrote."""
        return printable(self._last[-1][-200:].decode('utf-8', 'replace')) if self._last else ''

    def start(self) -> None:
        """Start it, if it does not run."""
        root = str(Path(__file__).parents[1])
        run = f'import sys; sys.path.insert(0, {root!r}); from room import access; access.run_until_closed(sys.argv[1])'
        command = [sys.executable, '-W', 'ignore', '-c', run, self.code]
        with self._turn:  # two visitors may press the same button at once
            if self.pid is not None:
                return
            self.stop()  # closes the pipe of one that ended by itself
            self._last.clear()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def stop(self, timeout: float = 8.0) -> None:
        """End it, in good order if it can; returns when it has."""
        with self._turn:
            if self._process is None:
                return
            assert self._process.stdin
            self._process.stdin.close()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _read(self, process: 'subprocess.Popen[bytes]') -> None:
        assert process.stdout
        with process.stdout as lines:
            for line in iter(lambda: lines.readline(2000), b''):
                if line.strip():
                    self._last.append(line.strip())
