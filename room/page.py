"""What one browser sees of the chat room: bubbles, alerts, and three panels beside them (used by ``server.py``).

A page polls what the room's threads have read, ten times a second; it draws what can be read by a human, and says how much it left
out. Text of messages is only ever handed over as text: as a label or a bubble's ``text``, never as HTML.

The one idea to take away: drawing is dear and counting is cheap, so count everything and draw a sample.
"""

import contextlib
import json
import time
from collections import deque
from typing import Any

from room.cluster import Replay
from room.feed import HISTORY, Message
from room.panels import Panels, show_link
from schemas import printable

__all__ = ['LARGEST', 'LONGEST', 'Page']

LONGEST = 500  # characters of a message
LONGEST_NAME = 30
LARGEST = (
    16_384  # bytes that a browser may send at once: each of its fields holds the last that it sent
)
TICK = 0.1  # seconds between two looks for something new to draw
A_TICK, BUSY, BACKLOG = (
    12,
    4,
    60,
)  # bubbles drawn in one; if more than the backlog wait, so many of them are picked
DRAWN = 200  # bubbles on the page
DRAWN_REPLAY = 1600
ALERTS = 40
LOADED = 2.0  # seconds for which the page says that it draws a sample
DRAWN_NOW = 'new Promise(done => setTimeout(done, 0))'
STYLE = """
.nicegui-content { padding: .5rem } .q-tab-panel { padding: .5rem 0 }
.room { display: grid; grid-template-columns: minmax(0,1fr) minmax(0,1.2fr); gap: .6rem; width: 100%; height: calc(100dvh - 5.4rem) }
.side { display: flex; flex-direction: column; gap: .3rem; min-height: 0; min-width: 0;
  border: 1px solid rgba(128,128,128,.4); border-radius: .5rem; padding: .5rem }
.grow { flex: 1 1 0; min-height: 0; width: 100% } .scroll { overflow-y: auto; overscroll-behavior: contain }
.end { display: flex; flex-direction: column-reverse }
.chat .q-message { cursor: pointer } .chat .q-message-text { white-space: pre-wrap; overflow-wrap: anywhere; min-height: 0 }
.code { font-family: monospace; white-space: pre-wrap; overflow-wrap: anywhere }
.alert { cursor: pointer; border-left: 4px solid #c10015; padding-left: .5rem; margin: .2rem 0; overflow-wrap: anywhere }
.chat .bubble { content-visibility: auto; contain-intrinsic-size: auto 78px }
.plot { flex: none; width: 100% } .dim { opacity: .75; font-size: .85rem } .alerts { height: 20%; width: 100% }
@media (max-width: 900px) { .room { display: flex; flex-direction: column; height: auto } .wide { display: none }
  .talk { height: calc(100dvh - 5.4rem) } .facts { height: 100dvh } }
"""


def _clock(seconds: float) -> str:
    return time.strftime('%H:%M:%S', time.localtime(seconds))


class Page:
    """One browser's page; to be made inside a NiceGUI page function.

    Args:
        room: the Room.
    """

    def __init__(self, room: Any) -> None:
        from nicegui import run, ui

        self.room, self.ui, self.run, self.client = room, ui, run, ui.context.client
        self.shown: dict[int, Any] = {}
        self.pending: list[Message] = []
        self.replay: Replay | None = None
        self.left_out, self.sampled, self.limit = 0, 0.0, DRAWN
        self.alert_rows: deque[Any] = deque()
        self.number = max(room.feed.total - HISTORY, 0)
        self.mark = room.feed.marks_since(0)[1]
        self.alert = max(room.feed.alert_total - ALERTS, 0)
        self._build()
        ui.timer(TICK, self.tick)
        ui.timer(0.5, self.tell)

    def _build(self) -> None:
        ui, room = self.ui, self.room
        ui.add_css(STYLE)
        dark = ui.dark_mode(None)
        with ui.header().classes('items-center q-py-xs q-px-md'):
            ui.label('The room').classes('text-h6')
            self.state = ui.badge('…').classes('state')
            self.counts = ui.label().classes('dim counts wide')
            ui.space()
            if room.link:
                ui.button('Join', icon='qr_code', on_click=lambda: show_link(room.link)).props(
                    'flat color=white'
                ).classes('join')
            turn = ui.button(
                icon='contrast', on_click=lambda: dark.set_value(not dark.value)
            ).props('flat round dense color=white')
            turn.classes('contrast').tooltip('light or dark')
        with ui.element('div').classes('room'):
            with ui.element('div').classes('side talk'):
                self._build_talk()
            with ui.element('div').classes('side facts'):
                with ui.row().classes('items-center full-width'):
                    ui.label('Alerts').classes('text-subtitle1')
                    self.alert_count = ui.label().classes('dim alert-count')
                with ui.element('div').classes('scroll alerts'):
                    self.alerts = ui.element('div').style(
                        'display: flex; flex-direction: column-reverse'
                    )
                self.panels = Panels(room)
        ui.timer(0.05, self._load_name, once=True)

    def _build_talk(self) -> None:
        ui = self.ui
        self.lost = ui.label().classes('lost bg-negative text-white q-pa-sm rounded-borders')
        self.lost.set_visibility(False)
        with ui.row().classes('items-center full-width no-wrap'):
            self.sampling = ui.label().classes('dim sampling')
            ui.space()
            self.again = (
                ui.button('From the beginning', on_click=self._replay)
                .props('flat dense no-caps size=sm')
                .classes('replay')
            )
        self.progress = (
            ui.linear_progress(0, show_value=False).props('instant-feedback').classes('progress')
        )
        self.progress.set_visibility(False)
        with ui.element('div').classes('grow scroll end'):
            self.list = ui.element('div').classes('q-px-sm chat')
        with ui.row().classes('full-width no-wrap items-center q-gutter-xs'):
            self.name = ui.input('your name', on_change=self._keep_name).props(
                f'dense outlined maxlength={LONGEST_NAME}'
            )
            self.name.classes('name').style('width: 8rem')
            self.text = (
                ui.input('message')
                .props(f'dense outlined maxlength={LONGEST} autocomplete=off')
                .classes('col text')
            )
            self.text.on('keydown.enter', self._say)
            ui.button(icon='send', on_click=self._say).props('round dense aria-label=send').classes(
                'send'
            )

    async def _load_name(self) -> None:
        kept = ''
        with contextlib.suppress(TimeoutError):
            kept = str(
                await self.ui.run_javascript('localStorage.getItem("room-name") || ""', timeout=3.0)
            )
        self.name.value = self.name.value or printable(kept[:LONGEST_NAME]) or self.room.new_name()

    def _keep_name(self) -> None:
        self.ui.run_javascript(
            f'localStorage.setItem("room-name", {json.dumps(str(self.name.value)[:LONGEST_NAME])})'
        )

    async def _say(self) -> None:
        text, name = (
            str(self.text.value or '').strip()[:LONGEST],
            str(self.name.value or '').strip()[:LONGEST_NAME],
        )
        if not text or not name:
            self.ui.notify('Say something.' if name else 'Choose a name first.')
        elif not (
            self.room.by_page.allow(self.client.id) and self.room.by_address.allow(self.client.ip)
        ):
            self.ui.notify(
                'Slowly: five messages in five seconds are the most. Send it again in a moment.'
            )
        else:
            self.text.value = ''
            if problem := await self.run.io_bound(self.room.say, name, text):
                self.ui.notify(problem, type='negative')
                self.text.value = self.text.value or text

    async def tick(self) -> None:
        """Draw what is new, and wait until the browser has: one that is slow gets fewer bubbles, not a longer queue."""
        fresh, missed = self.room.feed.since(self.number)
        self.number += missed
        self.pending += fresh
        self.left_out += missed - len(fresh)
        if self.replay:
            batch = [
                self.replay.waiting.popleft() for _ in range(min(A_TICK, len(self.replay.waiting)))
            ]
            self.progress.set_value(self.replay.done / max(self.replay.total, 1))
            if self.replay.over and not batch:
                self._end_replay()
            self.left_out += len(self.pending[:-DRAWN])
            self.pending = self.pending[-DRAWN:]
        elif len(self.pending) > (BACKLOG if self.shown else HISTORY):
            batch = [
                self.pending[len(self.pending) * index // BUSY - 1] for index in range(1, BUSY + 1)
            ]
            self.left_out += len(self.pending) - BUSY
            self.pending, self.sampled = [], time.monotonic()
        else:
            many = A_TICK if self.shown else HISTORY
            batch, self.pending = self.pending[:many], self.pending[many:]
        self._draw(batch)
        marks, self.mark = self.room.feed.marks_since(self.mark)
        for message in marks:
            if message.number in self.shown:
                self._paint(self.shown[message.number], message)
        self._draw_alerts()
        with contextlib.suppress(TimeoutError):
            await self.ui.run_javascript(DRAWN_NOW, timeout=5.0)
        for message in batch:
            if message.live and not self.replay:
                self.panels.note_delay(time.time() - message.time)

    def _draw(self, batch: list[Message]) -> None:
        mine = self.name.value
        with self.list:
            for message in batch:
                bubble = self.ui.element('q-chat-message').classes('bubble')
                with bubble:
                    self.ui.label(message.contents or ' ')
                bubble.props['sent'] = message.sender == mine
                bubble.on(
                    'click', lambda _, m=message: self.panels.look(m.topic, m.partition, m.offset)
                )
                self._paint(bubble, message)
                self.shown[message.number or -self.panels.next_number()] = bubble
        for number in list(self.shown)[: max(len(self.shown) - self.limit, 0)]:
            self.shown.pop(number).delete()

    def _paint(self, bubble: Any, message: Message) -> None:
        colour = (
            'warning'
            if message.why
            else 'negative'
            if message.mark
            else 'primary'
            if bubble.props['sent']
            else ''
        )
        bubble.props['name'] = message.sender
        bubble.props['stamp'] = ' · '.join(
            filter(None, [_clock(message.time), message.why or message.mark])
        )
        if colour:
            bubble.props['bg-color'] = colour
            bubble.props['text-color'] = 'black' if message.why else 'white'
            bubble.classes('marked' if message.mark else 'malformed' if message.why else 'mine')
        bubble.update()

    def _draw_alerts(self) -> None:
        fresh = self.room.feed.alerts_since(self.alert)
        self.alert = self.room.feed.alert_total
        with self.alerts:
            for alert in fresh[-BUSY if self.alert_rows else -ALERTS :]:
                row = self.ui.label(
                    f'{_clock(alert.time)} {alert.why or alert.sender}: {alert.contents}'
                ).classes('alert')
                row.on('click', lambda _, m=alert: self.panels.look(m.topic, m.partition, m.offset))
                self.alert_rows.append(row)
        while len(self.alert_rows) > ALERTS:
            self.alert_rows.popleft().delete()

    def _replay(self) -> None:
        if self.limit == DRAWN_REPLAY:
            self._end_replay()
            self.limit = DRAWN
        elif replay := self.room.replay():
            self.replay, self.limit = replay, DRAWN_REPLAY
            self.list.clear()
            self.shown.clear()
            self.pending.clear()
            self.progress.set_visibility(True)
        else:
            self.ui.notify(
                'As many as can are reading from the beginning just now. Try again in a moment.'
            )
        self.again.text = 'From the beginning' if self.limit == DRAWN else f'Only the last {DRAWN}'

    def _end_replay(self) -> None:
        replay, self.replay = self.replay, None
        if replay:
            replay.stop()
            self.progress.set_visibility(False)
            self.ui.notify(
                f'Read {replay.done:,} of {replay.total:,} again from the beginning. {replay.trouble}',
                timeout=6000,
                close_button='OK',
            )

    def tell(self) -> None:
        """Say how things are."""
        room, feed = self.room, self.room.feed
        trouble = room.trouble
        self.state.text = 'Kafka is lost' if trouble else 'live'
        self.state.props(f'color={"negative" if trouble else "positive"}')
        self.lost.set_visibility(bool(trouble))
        self.lost.text = f'Kafka does not answer; it is tried again by itself. {trouble}'[:400]
        browsers = sum(page.client.has_socket_connection for page in room.pages)
        rate = sum(feed.last_seconds(1)[0].senders.values())
        browsing = f'{browsers} browser{"s" if browsers != 1 else ""}'
        self.counts.text = f'{feed.counted:,} messages since the room opened, {rate:,} a second · {feed.alert_total:,} alerts · {browsing}'
        self.alert_count.text = f'{feed.alert_total:,} of them'
        now = (
            'drawing a sample'
            if time.monotonic() - self.sampled < LOADED
            else 'every message is drawn'
        )
        left = f'{now}; {self.left_out:,} not drawn, all counted' if self.left_out else now
        again = (
            f'from the beginning: {self.replay.done:,} of {self.replay.total:,}'
            if self.replay
            else ''
        )
        self.sampling.text = again or left
        self.panels.tell()
