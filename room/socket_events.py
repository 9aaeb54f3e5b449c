"""What browsers send by the web socket, looked at before NiceGUI does.

A page's browser sends its events with the name of its page. Anybody can send anything: another
page's name, no name, no JSON.

The one idea to take away: what cannot be read is refused in one line. A log that a visitor can fill
with tracebacks hides the one that matters.
"""

import inspect
import logging
import sys
import traceback
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from room.rate_limits import RateLimit
from room.visitors import SCOPE_KEY, is_teacher
from schemas import printable

__all__ = ['EventGuard', 'one_line_each']

LINES_A_MINUTE = 10
LONGEST_LINE = 300  # characters
LOGGERS = ('nicegui', 'socketio.server', 'engineio.server', 'asyncio', 'uvicorn.error')

log = logging.getLogger(__name__)


class EventGuard:
    """Has NiceGUI get only events of a page from that page's own browser.

    Args:
        sio: NiceGUI's socket.io server.
        clients: NiceGUI's clients by their ids.
    """

    def __init__(self, sio: Any, clients: Any) -> None:
        self.sio = sio
        self.clients = clients
        self.handlers = dict(sio.handlers['/'])

    def install(self) -> None:
        """Take the place of NiceGUI's own handlers, which are called by it."""
        self.sio.on('connect', self._connect)
        self.sio.on('handshake', self._handshake)
        for name in ('event', 'javascript_response', 'ack'):
            self.sio.on(name, partial(self._packet, name))
        self.sio.on('log', lambda *_: None)  # a browser does not write into our log

    async def _packet(self, name: str, sid: str, message: Any = None, *_: Any) -> Any:
        page = message.get('client_id') if isinstance(message, dict) else None
        if not isinstance(page, str) or page not in self.sio.rooms(sid):
            log.warning('Refused: a packet %r that is of no page of its browser.', name)
            return None
        return await self._call(name, sid, message)

    async def _handshake(self, sid: str, message: Any = None, *_: Any) -> Any:
        page = message.get('client_id') if isinstance(message, dict) else None
        if self._is_barred(self.sio.get_environ(sid), page):
            return False
        return await self._call('handshake', sid, message)

    async def _connect(self, sid: str, environ: Any, *_: Any) -> Any:
        page = parse_qs(environ['QUERY_STRING']).get('client_id', [''])[0]
        if self._is_barred(environ, page):
            return False
        return await self._call('connect', sid, environ)

    def _is_barred(self, environ: Any, page: Any) -> bool:
        """Whether a visitor wants to speak for the teacher's page."""
        client = self.clients.get(page) if isinstance(page, str) else None
        visitor = environ['asgi.scope'][SCOPE_KEY]
        if client is None or visitor.is_teacher or not is_teacher(client):
            return False
        log.warning("Refused: a visitor's connection to the teacher's page.")
        return True

    async def _call(self, name: str, sid: str, message: Any) -> Any:
        try:
            result = self.handlers[name](sid, message)
            return await result if inspect.isawaitable(result) else result
        except Exception as error:
            if name == 'connect' and type(error).__name__ == 'ConnectionRefusedError':
                raise  # NiceGUI's way to refuse
            log.warning('Refused: a packet %r that cannot be read: %r', name, error)
            return False


class _OneLine(logging.Filter):
    """Makes one line of an error and its traceback, and says so many a minute only."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = RateLimit(LINES_A_MINUTE, 60.0)

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage()
        if error is not None:
            places = traceback.extract_tb(error.__traceback__)
            where = f' ({places[-1].filename}:{places[-1].lineno})' if places else ''
            text = f'{type(error).__name__}: {error}{where}'
            record.exc_info = None
        if not self.limit.allow(record.name):
            return False
        more = ' More of these are left out for a minute.'
        left_out = more if self.limit.is_used_up(record.name) else ''
        record.msg, record.args = printable(text)[:LONGEST_LINE] + left_out, ()
        return True


def one_line_each() -> None:
    """Say what goes wrong in one line each; ``python -X dev -m room`` shows all of it."""
    if sys.flags.dev_mode:
        return
    quiet = _OneLine()
    for name in (*LOGGERS, __name__):
        logging.getLogger(name).addFilter(quiet)
