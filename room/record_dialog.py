"""One record, shown with all that it has: position, timestamp, key, headers, value, bytes.

The one idea to take away: a program prints little of a record, so look at all of it when
something is strange.
"""

import contextlib
from functools import partial
from typing import Any

import kafka.errors

import settings
from errors import ChatError
from room.components import heading
from room.formatting import describe_record
from room.messages import cause_of, timestamp_in_seconds
from room.record_facts import json_tree, passed_by, why_here
from room.records import fetch_record
from room.state import RoomState
from room.view import View
from schemas import Alert, HumanMessage

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
        self.view = View(state, self.client)
        self.place = (state.topic, 0, 0)
        with ui.dialog() as self.dialog, ui.card().classes('record-dialog'):
            self.dialog.props('aria-label="a record"')
            with ui.row().classes('items-center full-width no-wrap'):
                self.title = heading('').classes('text-subtitle1 record-title')
                ui.space()
                for text, step in (('‹ previous', -1), ('next ›', 1)):
                    button = ui.button(text, on_click=partial(self._step, step))
                    button.props('flat dense no-caps').classes(text.strip('‹› '))
                close = ui.button('Close', on_click=self.dialog.close)
                close.props('flat dense no-caps').classes('close')
            self.content = ui.element('div').classes('full-width record-content')

    async def _step(self, step: int) -> None:
        topic, partition, offset = self.place
        await self.inspect(topic, partition, max(offset + step, 0))

    async def inspect(self, topic: str, partition: float, offset: float) -> None:
        """Fetch a record from Kafka and show it, or why it cannot be shown."""
        from nicegui import run, ui

        if not self.state.inspect_limit.allow(self.client.ip):
            ui.notify('Too fast: at most ten records in ten seconds. Try again in a moment.')
            return
        record = None
        try:
            self.place = (topic, int(partition), int(offset))
            self.view.require_topic(topic)
            record = await run.io_bound(fetch_record, *self.place)
            facts = self._facts(record)
        except (ChatError, kafka.errors.KafkaError, OSError, ValueError, OverflowError) as error:
            facts = {'not found': self.view.explain(error)}
        self._show(record, facts)
        if record is not None:
            await self._show_local_time(record)

    def _facts(self, record: Any) -> dict[str, str]:
        snapshot = self.view.snapshot
        alerts = settings.topic_name(self.state.feed.alert_topic)
        schema = Alert if record.topic == alerts else HumanMessage
        count = sum(tp.topic == record.topic for tp in snapshot.partitions)
        facts = describe_record(record, schema)
        return {
            'read as': facts.pop('read as'),
            'time here': '',
            'why this partition': why_here(record, count),
            'groups': '\n'.join(passed_by(record, snapshot)) or 'no group has committed here',
            **facts,
        }

    def _show(self, record: Any, facts: dict[str, str]) -> None:
        from nicegui import ui

        topic, partition, offset = self.place
        self.title.text = f'{topic} · partition {partition} · offset {offset}'
        self.content.clear()
        with self.content:
            cause = cause_of(record) if record is not None else None
            if cause:
                button = ui.button(
                    'The message that caused it', on_click=partial(self.inspect, *cause)
                )
                button.props('dense no-caps outline').classes('cause')
            tree = json_tree(record.value) if record is not None else []
            self.labels = {}
            for name, text in facts.items():
                with ui.element('div').classes(f'fact fact-{name.replace(" ", "-")}'):
                    ui.label(name).classes('muted')
                    label = ui.label(text).classes(f'code field-{name.replace(" ", "-")}')
                    self.labels[name] = label
                if name == 'read as' and tree:
                    ui.tree(tree).expand().props('dense no-connectors').classes('json')
        self.dialog.open()

    async def _show_local_time(self, record: Any) -> None:
        """The timestamp in the time zone of who reads it, which only the browser knows."""
        from nicegui import ui

        moment = timestamp_in_seconds(record) * 1000
        code = (
            f'new Date({moment:.0f}).toLocaleString("sv-SE") + " " + '
            'Intl.DateTimeFormat().resolvedOptions().timeZone'
        )
        with contextlib.suppress(TimeoutError):
            self.labels['time here'].text = str(await ui.run_javascript(code, timeout=3.0))[:80]
