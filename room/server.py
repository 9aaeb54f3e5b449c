"""What all pages of the room share: the threads that read Kafka, the processes it started, the limits; and serving it all.

What one browser sees stands in ``page.py``.

The one idea to take away: a web page is one more producer and one more consumer. Nobody else had to change for it.
"""

import asyncio
import random
import time
from typing import Any

import kafka.errors

from errors import ChatError
from producer import send_msg
from room.access import Door, Helper, Limits
from room.cluster import Replay, Watch
from room.feed import Feed
from room.page import LARGEST, Page
from schemas import HumanMessage, printable
from simulators import ADJECTIVES, NOUNS

__all__ = ['RoomServer', 'serve']

MOST_PAGES, MOST_REPLAYS = 300, 3
OPENINGS, MINUTE = 20, 60.0  # pages that one visitor may open within so many seconds
PATIENCE = 15.0  # seconds for the browser behind a page to report
LOST = 3.0  # seconds without an answer


class RoomServer:
    """What all pages share: the threads that read, the helpers, the limits.

    Args:
        topic: where people talk.
        alert_topic: where services report.
        link: the address for others; '' if only this machine may come in.
    """

    def __init__(
        self, topic: str = 'human-messages', alert_topic: str = 'alerts', link: str = ''
    ) -> None:
        self.topic, self.link = topic, link
        self.feed, self.watch = Feed(topic, alert_topic), Watch(topic, alert_topic)
        throttle = (
            'from alerts import ThrottlingAlertService; '
            f"ThrottlingAlertService(monitor_topic={topic!r}, alert_topic={alert_topic!r}, group_id='throttle').monitor()"
        )
        nonsense = f"from simulators import NonsenseSimulator; NonsenseSimulator(topic={topic!r}, key='green', delay=0.5).simulate()"
        self.helpers = [
            Helper('A simulator that talks nonsense', nonsense),
            Helper(
                'A spammer',
                f'from simulators import SpamSimulator; SpamSimulator(topic={topic!r}).simulate()',
            ),
            Helper('A throttling service', throttle),
            Helper('One more of its group: see them share the partitions', throttle),
        ]
        self.by_page, self.by_address, self.asking = (
            Limits(5, 5.0),
            Limits(30, 10.0),
            Limits(10, 10.0),
        )
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
            send_msg(
                self.topic,
                {'sender': name, 'contents': text},
                block=True,
                timeout=8.0,
                schema=HumanMessage,
            )
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
            why = (
                'The room is full.'
                if full
                else f'Slowly: {OPENINGS} pages in a minute are the most.'
            )
            headers = {'Retry-After': f'{MINUTE:.0f}', 'Refresh': f'{MINUTE:.0f}'}
            return PlainTextResponse(
                f'{why} This page tries it again in a minute.', 503 if full else 429, headers
            )
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


def serve(room: RoomServer, door: dict[str, Any], host: str, port: int) -> None:
    from fastapi.responses import PlainTextResponse
    from nicegui import app, core, ui

    app.on_startup(room.start)
    app.on_shutdown(room.stop)
    app.add_middleware(Door, **door)
    app.add_exception_handler(
        404, lambda *_: PlainTextResponse('There is nothing here. The room is at /.', 404)
    )
    ui.page('/', title='The room')(room.open_page)
    core.sio.eio.max_http_buffer_size = LARGEST
    quiet: dict[str, Any] = {'reload': False, 'show': False, 'show_welcome_message': False}
    ui.run(host=host, port=port, ws_max_size=LARGEST, timeout_graceful_shutdown=1, **quiet)
