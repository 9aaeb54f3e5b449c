"""One record, shown with all that it has: position, timestamp, key, headers, bytes.

The one idea to take away: a program prints little of a record, so look at all of it when
something is strange.
"""

import kafka.errors

from errors import ChatError
from room.formatting import describe_record
from room.records import fetch_record
from room.state import RoomState
from schemas import printable

__all__ = ['RecordDialog']


class RecordDialog:
    """The dialog of one page; create it inside a NiceGUI page function.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.client = ui.context.client
        with ui.dialog() as self.dialog, ui.card() as card:
            card.classes('record-dialog').style('max-width: min(96vw, 60rem); width: 60rem')
            self.content = ui.element('div').classes('full-width')
            ui.button('Close', on_click=self.dialog.close).props('flat no-caps')

    async def inspect(self, topic: str, partition: float, offset: float) -> None:
        """Fetch a record from Kafka and show it, or why it cannot be shown."""
        from nicegui import run, ui

        if not self.state.inspect_limit.allow(self.client.ip):
            ui.notify('Too fast: at most ten records in ten seconds. Try again in a moment.')
            return
        try:
            record = await run.io_bound(fetch_record, topic, int(partition), int(offset))
            description = describe_record(record)
        except (ChatError, kafka.errors.KafkaError, OSError, ValueError, OverflowError) as error:
            description = {'not found': printable(error)}
        self.content.clear()
        with self.content:
            for name, text in description.items():
                ui.label(name).classes('muted')
                ui.label(text).classes(f'code field-{name.replace(" ", "-")}')
        self.dialog.open()
