"""The web server of the room: opens pages, as many as it can bear (used by `python -m room`).

What one browser sees is in `page`; what all pages share is in `state`.

The one idea to take away: a web page is one more producer and one more consumer. Nobody else had to
change for it.
"""

import asyncio
from pathlib import Path
from typing import Any

from room.access import AccessMiddleware
from room.origins import Origins
from room.page import Page
from room.rate_limits import RateLimit
from room.socket_events import EventGuard, one_line_each
from room.state import RoomState

__all__ = ['LARGEST_MESSAGE', 'RoomServer', 'serve']

CUT_OFF = Path(__file__).with_name('cut_off.css')
MOST_PAGES = 300
PAGES_A_MINUTE = 20  # that one visitor may open
RECONNECT = 10.0  # seconds that a page is kept for a browser that has lost its connection
PATIENCE = 15.0  # seconds within which the browser behind a new page has to report
LARGEST_MESSAGE = 16_384  # bytes that a browser may send at once; NiceGUI keeps the last of a field


class RoomServer:
    """Opens pages and closes them; refuses more than it can bear.

    Args:
        state: what the pages share.
    """

    def __init__(self, state: RoomState) -> None:
        self.state = state
        self.open_limit = RateLimit(PAGES_A_MINUTE, 60.0)

    async def open_page(self) -> Any:
        """A page for a browser, as a page function of NiceGUI.

        Returns:
            None; or the response by which it was refused.
        """
        from nicegui import ui

        client = ui.context.client
        if len(self.state.clients) >= MOST_PAGES:
            client.delete()
            return _refusal(503, 'The room is full.')
        if not self.open_limit.allow(client.ip):
            client.delete()
            return _refusal(429, f'Too many requests: at most {PAGES_A_MINUTE} pages a minute.')
        Page(self.state)
        self.state.clients.add(client)
        client.on_delete(lambda: self.state.clients.discard(client))
        try:
            async with asyncio.timeout(PATIENCE):
                await client.connected()
        except TimeoutError:
            client.delete()
        return None


def _refusal(status: int, reason: str) -> Any:
    from fastapi.responses import PlainTextResponse

    text = f'{reason} This page tries again in a minute.'
    return PlainTextResponse(text, status, headers={'Retry-After': '60', 'Refresh': '60'})


def _not_found(_request: Any, _error: Any) -> Any:
    from fastapi.responses import PlainTextResponse

    return PlainTextResponse('Not found. The room is at /.', 404)


def serve(
    state: RoomState,
    host: str,
    port: int,
    teacher_token: str,
    origins: Origins,
    pass_phrase: str = '',
) -> None:
    """Serve the room until Ctrl-C.

    Args:
        state: what the pages share.
        host: the address to listen on.
        port: the port to listen on.
        teacher_token: as `AccessMiddleware`'s.
        origins: as `AccessMiddleware`'s.
        pass_phrase: as `AccessMiddleware`'s.
    """
    from nicegui import Client, app, core, ui

    one_line_each()
    EventGuard(core.sio, Client.instances).install()
    app.on_startup(state.start)
    app.on_shutdown(state.stop)
    app.add_middleware(
        AccessMiddleware,
        port=port,
        origins=origins,
        visitors=state.visitors,
        teacher_token=teacher_token,
        pass_phrase=pass_phrase,
    )
    app.add_exception_handler(404, _not_found)
    ui.add_css(CUT_OFF, shared=True)
    ui.page('/', title='The room', language='en-US')(RoomServer(state).open_page)
    core.sio.eio.max_http_buffer_size = LARGEST_MESSAGE
    core.sio.eio.cors_allowed_origins = []  # no CORS: `AccessMiddleware` has looked at the origin
    ui.run(
        host=host,
        port=port,
        ws_max_size=LARGEST_MESSAGE,
        timeout_graceful_shutdown=1,
        reconnect_timeout=RECONNECT,
        reload=False,
        show=False,
        show_welcome_message=False,
        proxy_headers=False,  # anybody could send them
        server_header=False,
    )
