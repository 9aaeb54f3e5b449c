"""``python -m room``: the chat room as a web page, until Ctrl-C (beside every walkthrough step).

It opens on http://127.0.0.1:8000. ``--host 0.0.0.0`` lets phones in, by a pass phrase.

The one idea to take away: what is printed here is all that anybody needs to come in.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from urllib.parse import quote

from connection.addresses import address_of_this_machine
from room.access import new_pass_phrase, new_teacher_token
from room.addresses import in_url, is_local
from room.origins import Origins, parse_origin
from room.server import serve
from room.state import RoomState
from schemas import show

__all__ = ['main']

ALL_ADDRESSES = ('0.0.0.0', '::')  # noqa: S104 - only when asked for, and with a pass phrase


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the room until Ctrl-C: ``python -m room --help`` lists the options.

    Returns:
        The exit code: 1 if the room could not be opened.
    """
    options = _parser().parse_args(arguments)
    problem = _missing_package() or _unusable_port(options.host, options.port)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        if is_local(options.host):
            _serve_this_machine(options)
        else:
            _serve_the_network(options)
    print('The room is closed.')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'python -m room', description='The chat room as a web page, until Ctrl-C.'
    )
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='the address to listen on; 0.0.0.0 lets in everybody with the pass phrase '
        '(%(default)s)',
    )
    parser.add_argument('--port', type=_port, default=8000, help='(%(default)s)')
    parser.add_argument('--topic', default='human-messages', help='where people talk (%(default)s)')
    parser.add_argument(
        '--alert-topic', default='alerts', help='where services report (%(default)s)'
    )
    parser.add_argument(
        '--origin',
        type=_origin,
        action='append',
        default=[],
        metavar='URL',
        help='where browsers find the room, if that is not its own address: of a forwarder, or '
        'another name of this machine, such as https://room.example; can be given several times',
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not a port: choose a number from 1 to 65535, such as 8000'
        )
    return int(text)


def _origin(text: str) -> str:
    try:
        return parse_origin(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _missing_package() -> str:
    """What to say if the room's own requirements are not installed; '' if they are."""
    try:
        import nicegui  # noqa: F401 - whether it is there
        import segno  # noqa: F401
    except ImportError as error:
        return (
            f'The room needs {error.name}, which is not installed: '
            'pip install -r requirements-room.txt, or make room.'
        )
    return ''


def _unusable_port(host: str, port: int) -> str:
    """What to say if the port cannot be listened on; '' if it can."""
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        return f'Port {port} on {host}: {error.strerror}. Choose another one: --port {port + 1}'
    return ''


def _serve_this_machine(options: argparse.Namespace) -> None:
    url = f'http://{in_url(options.host)}:{options.port}'
    print(f'The room is open on {url}, for this machine only. Ctrl-C closes it.', flush=True)
    _serve(options, options.host)


def _serve_the_network(options: argparse.Namespace) -> None:
    import segno

    phrase = os.environ.get('ROOM_PASS_PHRASE') or new_pass_phrase()
    address = options.host
    if address in ALL_ADDRESSES:
        address = address_of_this_machine(_family(address))
    url = (options.origin or [f'http://{in_url(address)}:{options.port}'])[0]
    link = f'{url}/?pass={quote(phrase)}'
    segno.make(link, micro=False).terminal(compact=True)
    show(f'The room is open for everybody who has the pass phrase {phrase}: {link}')
    _serve(options, address, link, phrase)


def _serve(options: argparse.Namespace, address: str, link: str = '', phrase: str = '') -> None:
    token = os.environ.get('ROOM_TEACHER_TOKEN') or new_teacher_token()
    teach = f'http://{in_url(address)}:{options.port}/?teach={quote(token)}'
    show(f"The teacher's page, with buttons and the whole cluster; keep it to yourself: {teach}")
    serve(
        RoomState(options.topic, options.alert_topic, link),
        options.host,
        options.port,
        token,
        Origins({options.host, address}, options.origin),
        phrase,
    )


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ':' in host else socket.AF_INET


if __name__ == '__main__':
    sys.exit(main())
