"""A button that gives the room's topic three partitions, so that a group has something to share.

The one idea to take away: partitions can be added, never taken away, and a key may then go to
another one: what was in order before is not any more across that moment.
"""

from contextlib import closing

import kafka.errors
from kafka.admin import KafkaAdminClient

import settings
from connection import diagnosis
from errors import ChatError
from room.state import RoomState
from room.visitors import is_teacher
from schemas import printable

__all__ = ['PartitionButton', 'add_partitions']

COUNT = 3
TIMEOUT_MS = 5000


def add_partitions(topic: str, count: int) -> None:
    """Give a topic so many partitions."""
    options = settings.client_options('admin', request_timeout_ms=TIMEOUT_MS)
    diagnosis.require_listener(options)
    with closing(KafkaAdminClient(**options)) as admin:
        admin.create_partitions({settings.topic_name(topic): count})


class PartitionButton:
    """The button; create it where it is to be.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.client = ui.context.client
        self.button = ui.button(f'Make it {COUNT} partitions', on_click=self._press)
        self.button.props('dense no-caps').classes('make-three')
        self.button.tooltip('Keys may go to another partition than before.')
        self.refresh()

    def refresh(self) -> None:
        """It is there while the topic has fewer."""
        name = settings.topic_name(self.state.topic)
        count = sum(tp.topic == name for tp in self.state.cluster.snapshot.partitions)
        self.button.set_visibility(0 < count < COUNT)
        self.button.set_enabled(is_teacher(self.client))

    async def _press(self) -> None:
        from nicegui import run, ui

        if not is_teacher(self.client):
            return
        try:
            await run.io_bound(add_partitions, self.state.topic, COUNT)
        except (ChatError, kafka.errors.KafkaError) as error:
            ui.notify(printable(error), type='negative')
