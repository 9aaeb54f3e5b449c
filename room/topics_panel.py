"""The panel *Topics*: their partitions, and any record by its offset.

The one idea to take away: a topic is a few partitions, and a partition is a row of records with
offsets.
"""

from room.records import LONGEST_TOPIC, Inspect
from room.state import RoomState
from room.tables import Table
from room.view import View

__all__ = ['TopicsPanel']

COLUMNS = ('topic', 'partition', 'begin', 'end', 'rate', 'leader', 'replicas', 'last key here')
FOLDED = 20  # rows; more on demand


class TopicsPanel:
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
        self.shown = FOLDED
        with ui.row().classes('items-center form-row'):
            self.filter = ui.input('filter by name', on_change=self.refresh)
            self.filter.props(f'dense clearable maxlength={LONGEST_TOPIC}').classes('topic-filter')
            self.topic = ui.input('topic', value=state.topic)
            self.topic.props(f'dense maxlength={LONGEST_TOPIC}').classes('inspect-topic')
            self.partition = ui.number('partition', value=0, min=0, format='%d').props('dense')
            self.partition.classes('inspect-partition narrow')
            self.offset = ui.number('offset', value=0, min=0, format='%d').props('dense')
            self.offset.classes('inspect-offset narrow')
            button = ui.button('Inspect', on_click=self._inspect)
            button.props('dense no-caps').classes('inspect')
        self.table = Table(COLUMNS, 'topics', text=('topic', 'last key here'))
        self.more = ui.button('', on_click=self._show_more).classes('more-topics')
        self.more.props('flat dense no-caps')

    async def _inspect(self) -> None:
        topic = str(self.topic.value)[:LONGEST_TOPIC]
        await self.inspect(topic, self.partition.value or 0, self.offset.value or 0)

    def _show_more(self) -> None:
        self.shown += 10 * FOLDED
        self.refresh()

    def refresh(self) -> None:
        """Show the latest snapshot of the cluster: the room's own topics first."""
        keys = self.state.feed.history.last_keys
        wanted = str(self.filter.value or '').lower()
        rows = [
            {**row, 'last key here': keys.get((row['topic'], row['partition']), '')}
            for row in self.view.snapshot.topic_rows()
            if wanted in row['topic'].lower()
        ]
        self.table.show(rows[: self.shown])
        left = len(rows) - self.shown
        self.more.text = f'{left:,} more partitions'
        self.more.set_visibility(left > 0)
