"""The panel *The log*: topics, consumer groups, rebalances, and any record by its offset.

The one idea to take away: a topic is a few partitions, a partition is a row of records with
offsets, and a group is an offset in each of them.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from room.formatting import time_of_day
from room.state import RoomState

__all__ = ['LogPanel']

TOPIC_COLUMNS = (
    'topic',
    'partition',
    'begin',
    'end',
    'rate',
    'leader',
    'replicas',
    'last key here',
)
GROUP_COLUMNS = ('group', 'state', 'member', 'topic', 'partition', 'committed', 'end', 'lag')
TEXT_COLUMNS = ('topic', 'group', 'state', 'member', 'last key here')  # the others are numbers
SHOWN_REBALANCES = 8
LONGEST_TOPIC = 249  # characters: Kafka's own limit


class LogPanel:
    """The panel; create it inside the element that is to contain it.

    Args:
        state: what all pages share.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(
        self, state: RoomState, inspect: Callable[[str, int, int], Awaitable[None]]
    ) -> None:
        from nicegui import ui

        self.state = state
        self.inspect = inspect
        self.topics = _table('Topics', TOPIC_COLUMNS).classes('topics')
        self.groups = _table('Groups', GROUP_COLUMNS).classes('groups')
        self.note = ui.label().classes('muted')
        ui.label('Rebalances').classes('text-subtitle1')
        self.rebalances = ui.label().classes('code rebalances')
        with ui.row().classes('items-center'):
            self.topic = ui.input('topic', value=state.topic)
            self.topic.props(f'dense maxlength={LONGEST_TOPIC}').classes('inspect-topic')
            self.partition = ui.number('partition', value=0, min=0, format='%d').props('dense')
            self.partition.style('width: 5rem').classes('inspect-partition')
            self.offset = ui.number('offset', value=0, min=0, format='%d').props('dense')
            self.offset.style('width: 7rem').classes('inspect-offset')
            button = ui.button('Inspect', on_click=self._inspect)
            button.props('dense no-caps').classes('inspect')

    async def _inspect(self) -> None:
        topic = str(self.topic.value)[:LONGEST_TOPIC]
        await self.inspect(topic, self.partition.value or 0, self.offset.value or 0)

    def refresh(self) -> None:
        """Show the latest snapshot of the cluster."""
        cluster = self.state.cluster
        snapshot = cluster.snapshot
        keys = self.state.feed.history.last_keys
        self.topics.rows = [
            {**row, 'last key here': keys.get((row['topic'], row['partition']), '')}
            for row in snapshot.topic_rows()
        ]
        self.groups.rows = snapshot.group_rows()
        note = 'Consumers without a group_id are not listed: only they know where they are.'
        self.note.text = note
        changes = [f'{time_of_day(each.time)} {each}' for each in reversed(cluster.rebalances)]
        self.rebalances.text = '\n'.join(changes[:SHOWN_REBALANCES]) or 'none since the room opened'


def _table(title: str, columns: tuple[str, ...]) -> Any:
    from nicegui import ui

    described = [
        {
            'name': name,
            'label': name,
            'field': name,
            'align': 'left' if name in TEXT_COLUMNS else 'right',
        }
        for name in columns
    ]
    table = ui.table(rows=[], columns=described, row_key='id', title=title, pagination=0)
    table.props('dense flat hide-bottom wrap-cells').classes('full-width')
    return table.style('background: none')
