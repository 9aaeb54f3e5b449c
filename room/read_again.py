"""The panel *Read again*: a topic once more, beside the live chat, all of it or what is looked for.

The one idea to take away: a reader has a place of its own. Going back to the beginning disturbs
nobody who reads on.
"""

import contextlib
import json
from typing import Any

from errors import MessageError
from room.components import component
from room.drawn_message import drawn
from room.records import LONGEST_TOPIC, Inspect
from room.replay import PAGE, Replay, Start, from_beginning, from_time, the_last
from room.search import Wanted
from room.state import RoomState
from room.view import View

__all__ = ['ReadAgain']

LONGEST = 80
UNREADABLE = "It cannot be read at the moment. The teacher's page says why."
STARTS = ['from the beginning', 'from a time', 'the last 50 of each partition']


class ReadAgain:
    """The panel; create it inside the element that is to contain it.

    Args:
        state: what all pages share.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(self, state: RoomState, inspect: Inspect) -> None:
        from nicegui import ui

        self.state = state
        self.inspect = inspect
        self.view = View(state, ui.context.client)
        self.replay: Replay | None = None
        self.drawn = 0
        self.earlier = 0  # messages on the pages before this one
        with ui.row().classes('items-center full-width form-row'):
            topics = [state.topic, state.feed.alert_topic]
            self.topic = ui.input('topic', value=state.topic, autocomplete=topics)
            self.topic.props(f'dense maxlength={LONGEST_TOPIC}').classes('again-topic')
            self.start = ui.select(STARTS, value=STARTS[0], label='start').props('dense')
            self.start.classes('again-start')
            self.time = ui.input('time').props('dense type=datetime-local').classes('again-time')
            self.time.bind_visibility_from(self.start, 'value', value=STARTS[1])
        with ui.row().classes('items-center full-width form-row'):
            self.sender, self.text, self.key, self.partition = (
                ui.input(name).props(f'dense maxlength={LONGEST}').classes(f'again-{name} narrow')
                for name in ('sender', 'text', 'key', 'partition')
            )
            self.alerted = ui.checkbox('with an alert').classes('again-alerted')
            self.button = ui.button('Read', on_click=self._begin).classes('again')
            self.button.props('dense no-caps')
            self.next = ui.button(f'Next {PAGE}', on_click=self._go_on).classes('again-next')
            self.next.props('dense no-caps flat').set_visibility(False)
        self.status = ui.label('Reading again disturbs nobody: nothing is taken away.')
        self.status.classes('muted again-status')
        self.list = component('chat_messages').classes('grow again-list')
        self.list.on('inspect', self._inspect)
        ui.context.client.on_delete(self._stop)

    async def _inspect(self, event: Any) -> None:
        topic, partition, offset = event.args
        await self.inspect(str(topic), int(partition), int(offset))

    async def _begin(self) -> None:
        from nicegui import ui

        start = await self._start()
        if start is None:
            ui.notify('Say a time first: a date, hours and minutes.')
            return
        partition = _typed(self.partition)
        wanted = Wanted(
            sender=_typed(self.sender),
            text=_typed(self.text),
            key=_typed(self.key),
            partition=int(partition) if partition.isdecimal() else None,
            alerted=bool(self.alerted.value),
        )
        topic = str(self.topic.value)[:LONGEST_TOPIC]
        try:
            self.view.require_topic(topic)
        except MessageError as error:
            ui.notify(str(error))
            return
        self.earlier = 0
        self._run(Replay(topic, start, wanted, self.state.feed.alert_topic))

    async def _start(self) -> Start | None:
        """Where to begin; None if a time is missing. The time is the reader's, not the server's."""
        from nicegui import ui

        if self.start.value == STARTS[0]:
            return from_beginning
        if self.start.value == STARTS[2]:
            return the_last(50)
        seconds = None
        code = f'new Date({json.dumps(str(self.time.value or "")[:30])}).getTime() / 1000'
        with contextlib.suppress(TimeoutError, ValueError, TypeError):  # no number: no such time
            seconds = float(await ui.run_javascript(code, timeout=3.0))
        return None if seconds is None else from_time(seconds)

    def _go_on(self) -> None:
        if self.replay:
            self.earlier += len(self.replay.found)
            self._run(self.replay.next_page())

    def _run(self, replay: Replay) -> None:
        from nicegui import ui

        if not self.state.start_replay(replay):
            ui.notify('Too many are reading again right now. Try again in a moment.')
            return
        self._stop()
        self.replay = replay
        self.drawn = 0
        self.list.run_method('clear')
        self.next.set_visibility(False)
        self.refresh()

    def _stop(self) -> None:
        if self.replay:
            self.replay.request_stop()

    def refresh(self) -> None:
        """Draw what was read meanwhile, and say how much is left."""
        replay = self.replay
        if replay is None:
            return
        ended = replay.ended  # asked before the messages are: none comes after the end
        new = replay.found[self.drawn :]
        if new:
            self.list.run_method('add', [drawn(message) for message in new])
            self.drawn += len(new)
        self.status.text = self._describe(replay, ended)
        self.next.set_visibility(ended and not replay.error and not replay.is_complete)

    def _describe(self, replay: Replay, ended: bool) -> str:
        if replay.error:
            return replay.error if self.view.is_teacher else UNREADABLE
        first, last = self.earlier + 1, self.earlier + self.drawn
        read = f'{replay.done:,} of {replay.total:,} places in the log looked at'
        if replay.wanted.is_everything():
            what = f'messages {first:,} to {last:,}' if self.drawn else 'no messages'
        else:
            what = f'found {first:,} to {last:,}' if self.drawn else 'nothing found'
        if not ended:
            return f'{what} so far; {read} …'
        return f'{what}; {read}' + (': complete.' if replay.is_complete else '.')


def _typed(field: Any) -> str:
    return str(field.value or '').strip()[:LONGEST]
