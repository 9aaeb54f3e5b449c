"""The panel *Groups*: who reads what, the rebalances, and moving a group that is stopped.

The one idea to take away: a group is an offset in each partition, and an agreement on who reads it.
"""

import contextlib
import json
from functools import partial

import kafka.errors

from errors import ChatError
from room.components import heading
from room.consumer_groups import Rebalance
from room.formatting import time_of_day
from room.group_offsets import reset_offsets
from room.state import RoomState
from room.tables import Table
from room.view import View
from room.visitors import is_teacher
from schemas import printable

__all__ = ['GroupsPanel']

COLUMNS = ('group', 'state', 'member', 'topic', 'partition', 'committed', 'end', 'lag')
TEXT = ('topic', 'group', 'state', 'member', 'host')
FOLDED = 40  # rows
LONGEST_GROUP = 200  # characters
SHOWN_REBALANCES = 8
PLACES = ['the beginning', 'the end', 'a time']


class GroupsPanel:
    """The panel; create it inside the element that is to contain it.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.client = ui.context.client
        self.view = View(state, self.client)
        self._stopped: list[str] = []
        columns = (*COLUMNS, 'host') if self.view.is_teacher else COLUMNS
        self.table = Table(columns, 'groups', TEXT)
        self.note = ui.label().classes('muted')
        if is_teacher(self.client):
            self._build_reset()
        heading('Rebalances', 3).classes('text-subtitle1')
        self.rebalances = ui.label().classes('code rebalances')

    def _build_reset(self) -> None:
        from nicegui import ui

        with ui.row().classes('items-center form-row'):
            self.group = ui.input('move a stopped group', autocomplete=[]).classes('reset-group')
            self.group.props(f'dense maxlength={LONGEST_GROUP}').style('min-width: 12rem')
            self.where = ui.select(PLACES, value=PLACES[0], label='to').props('dense')
            self.time = ui.input('time').props('dense type=datetime-local')
            self.time.bind_visibility_from(self.where, 'value', value=PLACES[2])
            button = ui.button('Move', on_click=self._ask).classes('reset')
            button.props('dense no-caps')
        with ui.dialog() as self.question, ui.card():
            self.question.props('aria-label="move a group"')
            self.question_text = ui.label().classes('reset-question')
            with ui.row():
                yes = ui.button('Move it', on_click=partial(self.question.submit, True))
                yes.props('no-caps').classes('reset-yes')
                no = ui.button('Leave it', on_click=partial(self.question.submit, False))
                no.props('no-caps flat').classes('reset-no')

    async def _ask(self) -> None:
        from nicegui import run, ui

        # Asked again: a button that is not there does not keep a browser from sending the click.
        if not is_teacher(self.client):
            return
        group, where = str(self.group.value or '').strip()[:LONGEST_GROUP], await self._where()
        if not group or where is None:
            ui.notify('Choose a group that has no members, and where it is to go.')
            return
        self.question_text.text = (
            f'Move the group {group} to {self.where.value}? What lies behind that is read again, '
            'what lies before it is not; alerts and answers may come twice, or not at all.'
        )
        if not await self.question:
            return
        try:
            moved = await run.io_bound(reset_offsets, group, where) or {}
            parts = [f'partition {tp.partition} at {at:,}' for tp, at in moved.items()]
            ui.notify(f'{group} goes on at: {", ".join(parts)}.')
        except (ChatError, kafka.errors.KafkaError) as error:
            ui.notify(printable(error), type='negative')

    async def _where(self) -> str | float | None:
        from nicegui import ui

        if self.where.value != PLACES[2]:
            return 'beginning' if self.where.value == PLACES[0] else 'end'
        code = f'new Date({json.dumps(str(self.time.value or "")[:30])}).getTime() / 1000'
        with contextlib.suppress(TimeoutError, ValueError, TypeError):  # no number: no such time
            return float(await ui.run_javascript(code, timeout=3.0))
        return None

    def refresh(self) -> None:
        """Show the latest snapshot of the cluster."""
        rows = self.view.snapshot.group_rows()
        self.table.show(rows[:FOLDED])
        note = 'Consumers without a group_id are not listed: only they know where they are.'
        if len(rows) > FOLDED:
            note += f' {len(rows) - FOLDED:,} more rows are not shown.'
        self.note.text = note
        latest = list(reversed(self.view.rebalances))[:SHOWN_REBALANCES]
        self.rebalances.text = '\n'.join(map(_line, latest)) or 'none since the room opened'
        if is_teacher(self.client):
            stopped = [g.name for g in self.view.snapshot.groups if g.state == 'Empty']
            if stopped != self._stopped:
                self._stopped = stopped
                self.group.set_autocomplete(stopped)


def _line(rebalance: Rebalance) -> str:
    return f'{time_of_day(rebalance.time)} {rebalance}'
