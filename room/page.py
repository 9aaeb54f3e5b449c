"""What one browser sees: the chat on one side, alerts and panels on the other (used by `server`).

A page asks ten times a second for what the room's threads have read, and draws as much of it as
people can read. The parts of the page have modules of their own: `header`, `chat_view`, `composer`,
`alert_list`, `panels`, `record_dialog`.

Text of messages is only ever handed over as text: as a label, or as a property of a bubble, never
as HTML.

The one idea to take away: reading and drawing are apart. What is drawn, how often, and for how many
browsers, changes nothing about what is read.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from room.alert_list import AlertList
from room.chat_view import ChatView
from room.components import component, heading
from room.composer import Composer
from room.header import Header
from room.key_partition import KeyPartition
from room.log_picture import LogPicture
from room.measurements import Delays
from room.panels import Panels
from room.record_dialog import RecordDialog
from room.state import RoomState
from room.view import View

__all__ = ['Page']

STYLES = [Path(__file__).with_name(f'{name}.css') for name in ('theme', 'page', 'screens')]
DRAW_PERIOD = 0.1  # seconds between two looks for something new to draw
PICTURE_PERIOD = 0.25  # seconds between two looks at the ends of the partitions
REFRESH_PERIOD = 0.5  # seconds after which everything else on the page is brought up to date
# A browser answers this when it has done what came before it.
ANSWER = 'new Promise(done => setTimeout(done, 0))'


class Page:
    """One browser's page; create it inside a NiceGUI page function.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.view = View(state, ui.context.client)
        self.delays = Delays()
        for style in STYLES:
            ui.add_css(style)
        self.record_dialog = RecordDialog(state)
        self.header = Header(state)
        with ui.element('div').classes('room'):
            with _side('talk', 'The chat'):
                self._build_talk()
            with _side('log', 'The log'):
                self.picture = LogPicture(state, self.record_dialog.inspect)
                self.key = KeyPartition(state, self.picture.highlight)
            with _side('info', 'Groups, topics and more'):
                self.panels = Panels(state, self.delays, self.record_dialog.inspect)
        component('sheets')
        self._next_picture = self._next_refresh = 0.0
        ui.timer(DRAW_PERIOD, self.draw)

    def _build_talk(self) -> None:
        from nicegui import ui

        self.outage = ui.label().classes('outage bg-negative text-white q-pa-sm rounded-borders')
        self.outage.props('role=alert')
        self.outage.set_visibility(False)
        self.alerts = AlertList(self.state.feed.history, self.record_dialog.inspect)
        self.chat = ChatView(self.state, self.record_dialog.inspect)
        self.composer = Composer(self.state)

    async def draw(self) -> None:
        """Send what is new, and wait until the browser has drawn it.

        A browser that is slow gets less that way, not a longer queue.
        """
        from nicegui import ui

        now = time.monotonic()
        drawn = self.chat.draw_new()
        if self.chat.in_sight and now >= self._next_picture:
            self._next_picture = now + PICTURE_PERIOD
            self.picture.refresh()
        if self.chat.in_sight and now >= self._next_refresh:
            self._next_refresh = now + REFRESH_PERIOD
            self.refresh()
        elif not drawn:
            return
        with contextlib.suppress(TimeoutError):
            await ui.run_javascript(ANSWER, timeout=5.0)
        for message in drawn:
            if message.live:
                self.delays.add(message.time)

    def refresh(self) -> None:
        """Bring counts, states and the open panel up to date."""
        self.outage.text = self.view.outage()
        self.outage.set_visibility(bool(self.outage.text))
        self.header.refresh()
        self.chat.refresh()
        self.alerts.refresh()
        self.panels.refresh()


@contextlib.contextmanager
def _side(name: str, title: str) -> Iterator[None]:
    """A part of the page, with a heading for those who hear it."""
    from nicegui import ui

    with ui.element('div').classes(f'side {name}').props(f'role=region aria-label="{title}"'):
        heading(title).classes('unseen')
        yield
