"""The panel *Visitors*, which only the teacher has: who is here, to be muted or put out.

The one idea to take away: Kafka does not know who speaks; a `sender` is text that anybody may
write. Whoever wants to hold somebody to it needs a door where people are told apart.
"""

import asyncio
from functools import partial
from typing import Any

from room.state import RoomState
from room.visitors import Visitor, is_teacher

__all__ = ['VisitorsPanel']

PARTING = 0.5  # seconds in which a browser can still be told that it was put out


class VisitorsPanel:
    """The panel; create it inside the element that is to contain it.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.client = ui.context.client
        self._drawn: list[tuple[Any, ...]] = []
        ui.label('Visitors are told apart by a cookie, and by their address.').classes('muted')
        self.list = ui.element('div').classes('full-width visitors')

    def refresh(self) -> None:
        """Show who is here, and who was put out."""
        from nicegui import ui

        visitors = self.state.visitors
        now = [
            (each, visitors.name(each), visitors.is_muted(each), each in visitors.out)
            for each in [*self.state.visitors_here(), *visitors.out]
        ]
        if now == self._drawn:
            return
        self._drawn = now
        self.list.clear()
        with self.list:
            for visitor, name, muted, out in now:
                with ui.row().classes('items-center no-wrap full-width visitor'):
                    ui.label(name or '(has not spoken)').classes('visitor-name')
                    ui.label(visitor.address).classes('muted')
                    self._build_buttons(visitor, muted, out)
            if not now:
                ui.label('Nobody else is here.')

    def _build_buttons(self, visitor: Visitor, muted: bool, out: bool) -> None:
        if out:
            self._button('Let in', 'let-in', visitor)
            return
        self._button('Unmute' if muted else 'Mute', 'unmute' if muted else 'mute', visitor)
        self._button('Put out', 'put-out', visitor)

    def _button(self, text: str, action: str, visitor: Visitor) -> None:
        from nicegui import ui

        button = ui.button(text, on_click=partial(self._do, action, visitor))
        button.props('dense no-caps flat').classes(action)

    async def _do(self, action: str, visitor: Visitor) -> None:
        # Asked again: a button that is not there does not keep a browser from sending the click.
        if not is_teacher(self.client):
            return
        visitors = self.state.visitors
        if action == 'put-out':
            visitors.put_out(visitor)
            await self._close_pages()
        elif action == 'let-in':
            visitors.let_in(visitor)
        else:
            visitors.mute(visitor, action == 'mute')
        self.refresh()

    async def _close_pages(self) -> None:
        """Close the pages of all who were put out."""
        pages = self.state.pages_of_those_put_out()
        for client in pages:
            client.run_javascript('location.reload()')
        await asyncio.sleep(PARTING)
        for client in pages:
            if not client.is_deleted:
                client.delete()
