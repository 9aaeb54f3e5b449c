"""Where a visitor types: a name, a message, and sending it.

`composer.js` is the part in the browser: it keeps what is typed, and shows at once what was sent.

The one idea to take away: a page is a producer like any other. It waits for the acknowledgement,
and what was not acknowledged stays where it was typed.
"""

from typing import Any

from room.components import component
from room.drawn_message import drawn
from room.state import RoomState
from room.view import View
from room.visitors import visitor_of

__all__ = ['Composer']

LONGEST_MESSAGE = 500  # characters
LONGEST_NAME = 30


class Composer:
    """The two fields and the button below the chat.

    Create them inside the element that is to contain them.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.client = ui.context.client
        self.view = View(state, self.client)
        self.visitor = visitor_of(self.client)
        self.element = component('composer')
        self.element.props['suggested'] = state.new_name()
        self.element.props['longestName'] = LONGEST_NAME
        self.element.props['longestText'] = LONGEST_MESSAGE
        self.element.on('say', self._send)

    async def _send(self, event: Any) -> None:
        from nicegui import run, ui

        said = event.args if isinstance(event.args, dict) else {}
        name = str(said.get('name') or '').strip()[:LONGEST_NAME]
        text = str(said.get('text') or '').strip()[:LONGEST_MESSAGE]
        if not name or not text:
            return
        message = None
        problem = self._objection()
        if not problem:
            self.state.visitors.spoke(self.visitor, name)
            answer = await run.io_bound(self.state.send, name, text, self.view.explain)
            message, problem = answer or (None, 'Not sent: the room is closing.')
        if problem:
            ui.notify(problem, type='negative')
        shown = drawn(message) if message else None
        self.element.run_method('settle', str(said.get('id'))[:40], shown)

    def _objection(self) -> str:
        """Why this visitor may not send a message now; '' if they may."""
        if self.state.visitors.is_muted(self.visitor):
            return 'Not sent: the teacher has muted you.'
        if not self.state.may_send(self.client):
            return 'Too fast: at most five messages in five seconds. Try again in a moment.'
        return ''
