"""``python -m room``: the chat room as a web page, until Ctrl-C (beside every step of the walkthrough).

It opens on http://127.0.0.1:8000. ``--host 0.0.0.0`` lets phones in, by a pass phrase.

The one idea to take away: what is printed here is all that anybody needs to come in.
"""

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from room.access import address_of_this_machine, is_local, pass_phrase
from room.server import RoomServer, serve

__all__ = ['main']


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the room until Ctrl-C: ``python -m room --help`` lists the options."""
    parser = argparse.ArgumentParser(
        'python -m room', description='The chat room as a web page, until Ctrl-C.'
    )
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='who may come in: 0.0.0.0 is everybody with the pass phrase (%(default)s)',
    )
    parser.add_argument('--port', type=_port, default=8000, help='(%(default)s)')
    parser.add_argument('--topic', default='human-messages', help='where people talk (%(default)s)')
    parser.add_argument(
        '--alert-topic', default='alerts', help='where services report (%(default)s)'
    )
    options = parser.parse_args(arguments)
    try:
        import nicegui  # noqa: F401
        import segno
    except ImportError as error:
        print(
            f'The room needs {error.name}, which is not installed: pip install -r requirements-room.txt, or make room.',
            file=sys.stderr,
        )
        return 1
    try:
        family = socket.AF_INET6 if ':' in options.host else socket.AF_INET
        socket.create_server((options.host, options.port), family=family).close()
    except OSError as error:
        print(
            f'Port {options.port} on {options.host}: {error.strerror}. Choose another one: --port {options.port + 1}',
            file=sys.stderr,
        )
        return 1
    link = ''
    door: dict[str, Any] = {'hosts': frozenset({'localhost', '127.0.0.1', '::1', options.host})}
    if not is_local(options.host):
        phrase = os.environ.get('ROOM_PASS_PHRASE') or pass_phrase()
        address = (
            address_of_this_machine(family) if options.host in ('0.0.0.0', '::') else options.host
        )  # noqa: S104
        link = f'http://{_written(address)}:{options.port}/?pass={quote(phrase)}'
        door = {'phrase': phrase}
        segno.make(link, micro=False).terminal(compact=True)
        print(
            f'The room is open for everybody who has the pass phrase {phrase}: {link}', flush=True
        )
    else:
        print(
            f'The room is open on http://{_written(options.host)}:{options.port}, for this machine. Ctrl-C closes it.',
            flush=True,
        )
    with contextlib.suppress(KeyboardInterrupt):
        serve(
            RoomServer(options.topic, options.alert_topic, link), door, options.host, options.port
        )
    print('The room is closed.')
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no port: choose a number from 1 to 65535, such as 8000'
        )
    return int(text)


def _written(address: str) -> str:
    return f'[{address}]' if ':' in address else address


if __name__ == '__main__':
    sys.exit(main())
