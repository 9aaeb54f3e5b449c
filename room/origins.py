"""By which names the room may be called, and whose pages may speak to it (used by `access`).

The one idea to take away: a browser sends what any web page asks it to send, and says from which
page it comes (`Origin`). A server that does not look is open to every page that a visitor opens.
"""

import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from room.addresses import is_local

__all__ = ['Origins', 'parse_origin']

LOOPBACK = ('localhost', '127.0.0.1', '::1')


def parse_origin(text: str) -> str:
    """An origin as a browser writes it: ``'https://room.example'``.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(text.strip().lower().rstrip('/'))
    host = parts.hostname
    if parts.scheme not in ('http', 'https') or not host or parts.path or parts.query:
        raise ValueError(
            f'{text!r} is not an origin: say scheme, host and port, such as https://room.example'
        )
    if ':' in host:
        host = f'[{host}]'
    standard = {'http': 80, 'https': 443}[parts.scheme]
    port = '' if parts.port in (None, standard) else f':{parts.port}'
    return f'{parts.scheme}://{host}{port}'


class Origins:
    """The names and addresses of the room, and the origins that may speak to it.

    Args:
        hosts: more names by which it may be called.
        others: origins at which it is reached through a forwarder: ``'https://room.example'``.
    """

    def __init__(self, hosts: Iterable[str] = (), others: Iterable[str] = ()) -> None:
        self.others = frozenset(map(parse_origin, others))
        name = socket.gethostname().lower()
        short = name.partition('.')[0]
        own = {*LOOPBACK, name, short, f'{short}.local', *(host.lower() for host in hosts)}
        self.hosts = own | {urlsplit(each).hostname or '' for each in self.others}

    def has_host(self, header: str, connected_to: str) -> bool:
        """Whether a request calls the room by one of its own names (else: DNS rebinding).

        Args:
            header: the request's ``Host``.
            connected_to: the address of this machine that the connection came to. If it is not a
                loopback address, it is a name of the room, too.
        """
        host = re.sub(r':\d+$', '', header.lower()).strip('[]')
        return host in self.hosts or (host == connected_to and not is_local(connected_to))

    def allows(self, origin: str, host: str) -> bool:
        """Whether a request comes from the room's own page.

        Args:
            origin: the request's ``Origin``; '' where there is none. A browser sends one with every
                web socket and with every request of another site's that it can read or that is not
                a GET.
            host: the request's ``Host``, which `has_host` has checked.
        """
        return not origin or origin == f'http://{host.lower()}' or origin in self.others
