"""Where a visitor types: a name, a message, and sending it.

The one idea to take away: a page is a producer like any other. It waits for the acknowledgement,
and what was not acknowledged stays where it was typed.
"""

import contextlib
import json

from room.state import RoomState
from schemas import printable

__all__ = ['Composer']

LONGEST_MESSAGE = 500  # characters
LONGEST_NAME = 30


class Composer:
    """The two fields and the button below the chat.

    Create them inside the element that is to contain them.
    The browser remembers the name, so that it is there when the page is opened again.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.client = ui.context.client
        with ui.row().classes('full-width no-wrap items-center q-gutter-xs'):
            self.name = ui.input('your name', on_change=self._remember_name)
            self.name.props(f'dense outlined maxlength={LONGEST_NAME}')
            self.name.classes('name').style('width: 8rem')
            self.text = ui.input('message')
            self.text.props(f'dense outlined maxlength={LONGEST_MESSAGE} autocomplete=off')
            self.text.classes('col text').on('keydown.enter', self._send)
            button = ui.button(icon='send', on_click=self._send)
            button.props('round dense aria-label=send').classes('send')
        ui.timer(0.05, self._load_name, once=True)

    @property
    def sender(self) -> str:
        """The name that the visitor goes by."""
        return str(self.name.value or '').strip()[:LONGEST_NAME]

    async def _load_name(self) -> None:
        from nicegui import ui

        remembered = ''
        with contextlib.suppress(TimeoutError):
            code = 'localStorage.getItem("room-name") || ""'
            remembered = str(await ui.run_javascript(code, timeout=3.0))
        if not self.name.value:
            self.name.value = printable(remembered[:LONGEST_NAME]) or self.state.new_name()

    def _remember_name(self) -> None:
        from nicegui import ui

        name = str(self.name.value)[:LONGEST_NAME]
        ui.run_javascript(f'localStorage.setItem("room-name", {json.dumps(name)})')

    async def _send(self) -> None:
        from nicegui import run, ui

        text = str(self.text.value or '').strip()[:LONGEST_MESSAGE]
        if not self.sender:
            ui.notify('Type your name first.')
        elif not text:
            ui.notify('Type a message first.')
        elif not self.state.may_send(self.client):
            ui.notify('Too fast: at most five messages in five seconds. Try again in a moment.')
        else:
            self.text.value = ''
            problem = await run.io_bound(self.state.send, self.sender, text)
            if problem:
                ui.notify(problem, type='negative')
                self.text.value = self.text.value or text  # unless the next one was begun
