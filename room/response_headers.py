"""What a browser may do with the room's pages, said in the headers of each response.

The one idea to take away: escaping is the first lock against foreign scripts, a content security
policy the second one: what it does not name, the browser does not load.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ['POLICY', 'secured']

Event = MutableMapping[str, Any]
Send = Callable[[Event], Awaitable[None]]

# NiceGUI writes scripts and styles into the page and has Vue compile templates in the browser: it
# needs 'unsafe-inline' and 'unsafe-eval'. Everything else is the room's own or is refused.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b'content-security-policy': POLICY.encode(),
    b'x-content-type-options': b'nosniff',
    b'x-frame-options': b'DENY',
    b'referrer-policy': b'no-referrer',
}


def secured(send: Send, *more: tuple[bytes, bytes]) -> Send:
    """Add the headers to each response.

    Args:
        send: as ASGI has it.
        more: further headers.
    """

    async def send_with_headers(event: Event) -> None:
        if event['type'] == 'http.response.start':
            kept = [
                (name, value)
                for name, value in event.get('headers', ())
                if name.lower() not in HEADERS and not name.lower().startswith(b'access-control-')
            ]
            event = {**event, 'headers': [*kept, *HEADERS.items(), *more]}
        await send(event)

    return send_with_headers
