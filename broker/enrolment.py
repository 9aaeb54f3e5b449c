"""How learners get into a class: a small https server that gives each of them their settings, once.

Used by ``python -m broker --classroom``; ``python -m settings --class`` is what asks it. There are
two things to ask for::

    GET /authority        the certificate of the class's authority, which is public. Whoever asks
                          compares its fingerprint with the code that the teacher shows.
    POST /learners        {"name": "red", "phrase": "..."}: the settings of a new learner

The one idea to take away: a password for everybody is no password, so the class's phrase opens one
door only, and behind it everybody gets a password of their own.
"""

import contextlib
import hmac
import http.server
import json
import queue
import secrets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from broker.classroom import Classroom, NameTakenError
from connection.classroom import DEFAULT_PORT, fingerprint, plain_phrase
from errors import BrokerError

__all__ = ['Enrolment', 'WrongPhraseLimit', 'new_phrase']

CONSONANTS, VOWELS = 'bdfglmnprstvz', 'aeiou'
WRONG_PHRASES = 10  # from one address, and
WRONG_PHRASES_OF_ALL = 100  # from all together,
WINDOW = 60.0  # within so many seconds
LONGEST_REQUEST = 2000  # bytes
SILENCE = 10.0  # seconds until a visitor who says nothing is sent away


def new_phrase() -> str:
    """A phrase that is easy to say aloud and hard to guess: ``'bora-tupe-lino-gaze'``.

    There are 3e14 of them.
    """
    return '-'.join(
        ''.join(secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(2))
        for _ in range(4)
    )


class WrongPhraseLimit:
    """Who has said so many wrong phrases that they have to wait.

    Args:
        clock: what tells the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: deque[tuple[float, str]] = deque(maxlen=WRONG_PHRASES_OF_ALL)

    def must_wait(self, address: str) -> bool:
        """Whether a phrase from this address is not even looked at."""
        since = self._clock() - WINDOW
        recent = [each for when, each in self._wrong if when > since]
        return len(recent) >= WRONG_PHRASES_OF_ALL or recent.count(address) >= WRONG_PHRASES

    def note(self, address: str) -> None:
        """Count a wrong phrase."""
        self._wrong.append((self._clock(), address))


class Enrolment:
    """The server, from its making until `close`.

    Args:
        classroom: where the learners are kept.
        host: the address to listen on.
        port: its port.
        certificate: a file with the server's private key and certificate.
        authority: a file with the certificate of the authority that signed it.

    Raises:
        BrokerError: the port is taken.
    """

    def __init__(
        self, classroom: Classroom, host: str, port: int, certificate: Path, authority: Path
    ) -> None:
        self.classroom = classroom
        self.phrase = new_phrase()
        self.limit = WrongPhraseLimit()
        self.authority = authority.read_text(encoding='ascii')
        code = fingerprint(self.authority)
        self.address = f'{host}/{code}' if port == DEFAULT_PORT else f'{host}:{port}/{code}'
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        try:
            self._server = _Server((host, port), context, self)
        except OSError as error:
            raise BrokerError(
                f'Port {port} at {host}, where learners get their settings, cannot be used: '
                f'{error.strerror}. Name another one: python -m broker --classroom --port 9192'
            ) from error
        threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name='enrolment', daemon=True
        ).start()

    def close(self) -> None:
        """Let nobody in any more; who is in, stays in."""
        self._server.shutdown()
        self._server.server_close()

    def news(self) -> Iterator[str]:
        """What happened since the last call, in sentences."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._news.get_nowait()

    def enrol(self, name: str, phrase: str, visitor: str) -> tuple[HTTPStatus, dict[str, str]]:
        """What a visitor is answered: a status, and settings or ``{'error': '...'}``.

        Args:
            name: the one they want.
            phrase: the one they say.
            visitor: their address.
        """
        if self.limit.must_wait(visitor):
            return HTTPStatus.TOO_MANY_REQUESTS, {
                'error': 'too many wrong phrases. Wait a minute, and ask the teacher for the phrase'
            }
        if not hmac.compare_digest(plain_phrase(phrase).encode(), self.phrase.encode()):
            self.limit.note(visitor)
            self._news.put(f'A wrong phrase was said at {visitor}.')
            return HTTPStatus.FORBIDDEN, {'error': 'that is not the phrase of this class'}
        try:
            settings = self.classroom.add(name)
        except NameTakenError as error:
            return HTTPStatus.CONFLICT, {'error': str(error)}
        except BrokerError as error:
            return HTTPStatus.BAD_REQUEST, {'error': str(error)}
        self._news.put(f'{name} is in the class now, at {visitor}.')
        return HTTPStatus.CREATED, {**settings, 'KAFKA_SSL_CAFILE': self.authority}


class _Server(http.server.ThreadingHTTPServer):
    """Agrees on TLS in the thread of each visitor, so that a silent one keeps nobody waiting."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, address: tuple[str, int], context: ssl.SSLContext, enrolment: Enrolment
    ) -> None:
        self.context = context
        self.enrolment = enrolment
        super().__init__(address, _Visit)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(SILENCE)
        with self.context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who does not speak TLS, or went away: no affair of ours."""


class _Visit(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: _Server
    timeout = SILENCE

    def do_GET(self) -> None:
        """The authority's certificate."""
        if self.path == '/authority':
            self._answer(HTTPStatus.OK, 'application/x-pem-file', self.server.enrolment.authority)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """A new learner."""
        length = self.headers.get('Content-Length', '')
        if self.path != '/learners':
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        if not length.isdecimal() or int(length) > LONGEST_REQUEST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        try:
            asked = json.loads(self.rfile.read(int(length)))
            name, phrase = str(asked['name']), str(asked['phrase'])
        except (ValueError, KeyError, TypeError, RecursionError):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        status, answer = self.server.enrolment.enrol(name, phrase, self.client_address[0])
        self._answer(status, 'application/json', json.dumps(answer))

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged: the teacher is told of those who came in."""
