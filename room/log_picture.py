"""The picture of the log: a lane a partition, a cell a record, a marker a group (on the page).

`log_picture.js` draws it in the browser. This module sends what is new, four times a second, and
only where something is.

The one idea to take away: a topic is a few logs beside each other. Records are added at their ends,
and each group has a finger in each of them.
"""

from typing import Any

from kafka import TopicPartition

import settings
from room.cluster import Snapshot
from room.colours import colour_of
from room.components import component
from room.formatting import time_of_day
from room.log_tail import Cell, PartitionTail
from room.markers import markers_of, outside_of
from room.records import Inspect
from room.state import RoomState
from room.view import View

__all__ = ['LogPicture']

LONGEST_TEXT = 80  # characters of a record that are shown when one points at its cell
LONGEST_NAME = 24
MARKER = "no record: a transaction's marker, or deleted by compaction"


class LogPicture:
    """The picture; create it inside the element that is to contain it.

    Args:
        state: what all pages share.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(self, state: RoomState, inspect: Inspect) -> None:
        from nicegui import ui

        self.state = state
        self.inspect = inspect
        self.view = View(state, ui.context.client)
        self._sent: dict[int, int] = {}  # up to which offset, by partition
        self._marked = state.feed.history.marked_since(0)[1]
        self._last: dict[int, dict[str, Any]] = {}  # what was sent of each lane
        self._notes: list[str] = []
        with ui.row().classes('items-center full-width no-wrap'):
            topics = [state.topic, state.feed.alert_topic]
            self.topic = ui.toggle(topics, value=state.topic, on_change=self._start_over)
            self.topic.props('dense no-caps size=sm unelevated').classes('lane-topic')
            self.summary = ui.label().classes('muted lane-summary')
        self.element = component('log_picture').classes('grow scroll log-picture')
        self.element.on('inspect', self._inspect)

    async def _inspect(self, event: Any) -> None:
        partition, offset = event.args
        await self.inspect(str(self.topic.value), int(partition), int(offset))

    def _start_over(self) -> None:
        self._sent.clear()
        self._last.clear()
        self.element.run_method('clear')
        self.refresh()

    def highlight(self, partition: int | None) -> None:
        """Point at a lane; at none with None."""
        self.element.run_method('highlight', -1 if partition is None else partition)

    def refresh(self) -> None:
        """Send what is new to the browser, if anything is."""
        topic = settings.topic_name(str(self.topic.value))
        snapshot = self.view.snapshot
        tails = self.state.feed.tails.look(topic)
        numbers = {tp.partition for tp in snapshot.partitions if tp.topic == topic} | tails.keys()
        lanes = [self._lane(topic, each, snapshot, tails.get(each)) for each in sorted(numbers)]
        marks = self._new_marks(topic)
        notes = outside_of(topic, snapshot)
        self.summary.text = _summary(topic, lanes, snapshot)
        changed = [new for lane in lanes if (new := self._changed(lane))]
        if changed or marks or notes != self._notes:
            self.element.run_method('update', {'lanes': changed, 'notes': notes, 'marks': marks})
        self._last = {lane['partition']: lane | {'cells': []} for lane in lanes}
        self._notes = notes

    def _changed(self, lane: dict[str, Any]) -> dict[str, Any]:
        """What of a lane the browser does not know yet; empty if it knows all."""
        last = self._last.get(lane['partition'], {})
        new = {name: value for name, value in lane.items() if last.get(name, self) != value}
        return {**new, 'partition': lane['partition']} if new else {}

    def _lane(
        self, topic: str, number: int, snapshot: Snapshot, tail: PartitionTail | None
    ) -> dict[str, Any]:
        known = snapshot.partitions.get(TopicPartition(topic, number))
        lane: dict[str, Any] = {'partition': number, 'end': 0, 'band': False, 'cells': []}
        if known:
            lane['begin'] = known.begin
            lane['end'] = known.end or 0
            lane['kept'] = _replicas(known.leader, known.replicas, known.in_sync, snapshot)
            lane['lost'] = known.leader < 0
            lane['thin'] = len(known.in_sync) < len(known.replicas)
        if tail:
            lane['end'] = tail.position
            lane['band'] = tail.is_band
            lane['seconds'] = [
                [s.time, s.count, s.first, s.last] for s in tail.seconds if tail.is_band
            ][-25:]
            lane['cells'] = [_cell(each) for each in self._unsent(number, tail)]
        lane['markers'] = markers_of(topic, number, snapshot, tail)
        return lane

    def _unsent(self, number: int, tail: PartitionTail) -> list[Cell]:
        sent = self._sent.get(number, -1)
        if tail.is_band:  # the browser has removed the cells, and will need them again
            self._sent.pop(number, None)
            return []
        self._sent[number] = tail.position - 1
        return [cell for cell in tail.cells if cell.offset > sent]

    def _new_marks(self, topic: str) -> list[list[Any]]:
        """Records about which an alert has come meanwhile."""
        messages, self._marked = self.state.feed.history.marked_since(self._marked)
        return [
            [each.partition, each.offset, each.alert_type]
            for each in messages
            if each.topic == topic
        ]


def _cell(cell: Cell) -> list[Any]:
    """A cell for the browser: offset, colour, letters, what to say of it, kind."""
    message = cell.message
    if message is None:
        return [cell.offset, '', '', MARKER, 'gap']
    kind = 'malformed' if message.error else 'marked' if message.alert_type else ''
    text = message.error or message.contents
    said = f'{message.sender[:LONGEST_NAME]}: {text[:LONGEST_TEXT]}'
    letters = message.sender.strip()[:2]
    say = f'{time_of_day(message.time)} {said}'
    return [cell.offset, colour_of(message.sender), letters, say, kind]


def _replicas(leader: int, replicas: list[int], in_sync: list[int], snapshot: Snapshot) -> str:
    """Who keeps a partition: ``'leader 1, in sync 1 2, down 3'``; '' where there is one broker."""
    if len(snapshot.brokers) + len(snapshot.down) < 2:
        return '' if leader >= 0 else 'no leader'
    parts = [f'leader {leader}' if leader >= 0 else 'no leader']
    parts.append(f'in sync {" ".join(map(str, sorted(in_sync)))}')
    behind = sorted(set(replicas) - set(in_sync))
    if behind:
        names = ' '.join(f'{n} (down)' if n in snapshot.down else str(n) for n in behind)
        parts.append(f'not in sync {names}')
    return ', '.join(parts)


def _summary(topic: str, lanes: list[dict[str, Any]], snapshot: Snapshot) -> str:
    if not lanes:
        return f'There is no topic {topic!r} yet: the first message makes it.'
    one = len(lanes) == 1
    parts = [f'{len(lanes)} partition{"" if one else "s"}']
    if any(lane['band'] for lane in lanes):
        parts.append('too quick for single records: each bar is a second, with its count')
    if snapshot.down:
        parts.append(f'broker {", ".join(map(str, sorted(snapshot.down)))} is down')
    return ' · '.join(parts)
