"""The chat room as a web page: talk, alerts, the log itself, live (beside every step of the walkthrough).

``python -m room`` opens it on http://127.0.0.1:8000. Whoever writes there uses ``send_msg``, and what it shows was read from Kafka,
whoever produced it. ``--host 0.0.0.0`` lets phones in, by a pass phrase. What one browser sees stands in ``roompage.py``.

The one idea to take away: a page is one more producer and one more consumer. Nobody else had to change for it.
"""

import argparse
import asyncio
import contextlib
import os
import random
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import kafka.errors

from errors import ChatError
from producer import send_msg
from roomfeed import Feed
from roomguard import Door, Helper, Limits, address_of_this_machine, is_local, pass_phrase
from roomlog import Replay, Watch
from roompage import LARGEST, Page
from schemas import HumanMessage, printable
from simulators import ADJECTIVES, NOUNS

__all__ = ['Room', 'main']

MOST_PAGES, MOST_REPLAYS = 300, 3
OPENINGS, MINUTE = 20, 60.0  # pages that one visitor may open within so many seconds
PATIENCE = 15.0  # seconds for the browser behind a page to report
LOST = 3.0  # seconds without an answer


class Room:
    """What all pages share: the threads that read, the helpers, the limits.

    Args:
        topic: where people talk.
        alert_topic: where services report.
        link: the address for others; '' if only this machine may come in.
    """

    def __init__(self, topic: str = 'human-messages', alert_topic: str = 'alerts', link: str = '') -> None:
        self.topic, self.link = topic, link
        self.feed, self.watch = Feed(topic, alert_topic), Watch(topic, alert_topic)
        throttle = (
            'from alerts import ThrottlingAlertService; '
            f"ThrottlingAlertService(monitor_topic={topic!r}, alert_topic={alert_topic!r}, group_id='throttle').monitor()"
        )
        nonsense = f"from simulators import NonsenseSimulator; NonsenseSimulator(topic={topic!r}, key='green', delay=0.5).simulate()"
        self.helpers = [
            Helper('A simulator that talks nonsense', nonsense),
            Helper('A spammer', f'from simulators import SpamSimulator; SpamSimulator(topic={topic!r}).simulate()'),
            Helper('A throttling service', throttle),
            Helper('One more of its group: see them share the partitions', throttle),
        ]
        self.by_page, self.by_address, self.asking = Limits(5, 5.0), Limits(30, 10.0), Limits(10, 10.0)
        self.opening = Limits(OPENINGS, MINUTE)
        self.pages: set[Page] = set()
        self.replays: list[Replay] = []

    @property
    def trouble(self) -> str:
        """Why nothing comes from Kafka at the moment; '' if all is well."""
        if time.monotonic() - self.watch.seen > LOST:
            return self.watch.trouble or 'It is silent.'
        return printable(self.feed.trouble)

    def new_name(self) -> str:
        """A name for somebody who has none yet."""
        return f'{random.choice(ADJECTIVES)}-{random.choice(NOUNS)}'

    def say(self, name: str, text: str) -> str:
        """Send a message; returns why it could not be sent, or ''."""
        if self.trouble:
            return 'Not sent: Kafka does not answer at the moment. Send it again when it does.'
        try:
            send_msg(self.topic, {'sender': name, 'contents': text}, block=True, timeout=8.0, schema=HumanMessage)
        except (ChatError, kafka.errors.KafkaError) as error:
            return printable(f'Not sent: {error}')
        return ''

    def replay(self) -> Replay | None:
        """Read again from the beginning; None while too many do, those included that were stopped and have not ended yet."""
        self.replays = [each for each in self.replays if not each.over]
        if len(self.replays) >= MOST_REPLAYS:
            return None
        self.replays.append(Replay(self.topic))
        return self.replays[-1]

    def start(self) -> None:
        """Begin to read."""
        self.feed.start()
        self.watch.start()

    def stop(self) -> None:
        """End the threads and the processes."""
        for helper in self.helpers:
            helper.stop()
        self.feed.stop()
        self.watch.stop()

    async def open_page(self) -> Any:
        """What a browser gets, as a NiceGUI page function; one that asks too often, or never reports, costs next to nothing."""
        from fastapi.responses import PlainTextResponse
        from nicegui import ui

        client = ui.context.client
        full = len(self.pages) >= MOST_PAGES
        if full or not self.opening.allow(client.ip):
            client.delete()
            why = 'The room is full.' if full else f'Slowly: {OPENINGS} pages in a minute are the most.'
            headers = {'Retry-After': f'{MINUTE:.0f}', 'Refresh': f'{MINUTE:.0f}'}
            return PlainTextResponse(f'{why} This page tries it again in a minute.', 503 if full else 429, headers)
        page = Page(self)
        self.pages.add(page)
        client.on_delete(lambda: self._leave(page))
        try:
            async with asyncio.timeout(PATIENCE):
                await client.connected()
        except TimeoutError:
            client.delete()
        return None

    def _leave(self, page: Page) -> None:
        if page.replay:
            page.replay.stop()
        self.pages.discard(page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the room until Ctrl-C: ``python -m room --help`` lists the options."""
    parser = argparse.ArgumentParser('python -m room', description='The chat room as a web page, until Ctrl-C.')
    parser.add_argument('--host', default='127.0.0.1', help='who may come in: 0.0.0.0 is everybody with the pass phrase (%(default)s)')
    parser.add_argument('--port', type=_port, default=8000, help='(%(default)s)')
    parser.add_argument('--topic', default='human-messages', help='where people talk (%(default)s)')
    parser.add_argument('--alert-topic', default='alerts', help='where services report (%(default)s)')
    options = parser.parse_args(arguments)
    try:
        import nicegui  # noqa: F401
        import segno
    except ImportError as error:
        print(f'The room needs {error.name}, which is not installed: pip install -r requirements-room.txt, or make room.', file=sys.stderr)
        return 1
    try:
        family = socket.AF_INET6 if ':' in options.host else socket.AF_INET
        socket.create_server((options.host, options.port), family=family).close()
    except OSError as error:
        print(f'Port {options.port} on {options.host}: {error.strerror}. Choose another one: --port {options.port + 1}', file=sys.stderr)
        return 1
    link = ''
    door: dict[str, Any] = {'hosts': frozenset({'localhost', '127.0.0.1', '::1', options.host})}
    if not is_local(options.host):
        phrase = os.environ.get('ROOM_PASS_PHRASE') or pass_phrase()
        address = address_of_this_machine(family) if options.host in ('0.0.0.0', '::') else options.host  # noqa: S104
        link = f'http://{_written(address)}:{options.port}/?pass={quote(phrase)}'
        door = {'phrase': phrase}
        segno.make(link, micro=False).terminal(compact=True)
        print(f'The room is open for everybody who has the pass phrase {phrase}: {link}', flush=True)
    else:
        print(f'The room is open on http://{_written(options.host)}:{options.port}, for this machine. Ctrl-C closes it.', flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        _serve(Room(options.topic, options.alert_topic, link), door, options.host, options.port)
    print('The room is closed.')
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f'{text!r} is no port: choose a number from 1 to 65535, such as 8000')
    return int(text)


def _written(address: str) -> str:
    return f'[{address}]' if ':' in address else address


def _serve(room: Room, door: dict[str, Any], host: str, port: int) -> None:
    from fastapi.responses import PlainTextResponse
    from nicegui import app, core, ui

    app.on_startup(room.start)
    app.on_shutdown(room.stop)
    app.add_middleware(Door, **door)
    app.add_exception_handler(404, lambda *_: PlainTextResponse('There is nothing here. The room is at /.', 404))
    ui.page('/', title='The room')(room.open_page)
    core.sio.eio.max_http_buffer_size = LARGEST
    quiet: dict[str, Any] = {'reload': False, 'show': False, 'show_welcome_message': False}
    ui.run(host=host, port=port, ws_max_size=LARGEST, timeout_graceful_shutdown=1, **quiet)


if __name__ == '__main__':
    sys.exit(main())
