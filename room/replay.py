"""A topic read once more, beside the live chat: from its beginning, from a time, or its last part.

It is read a page at a time, so that nothing has to be left out: the next page goes on where this
one ended. `read_again` shows it.

The one idea to take away: reading takes nothing away. Whoever comes late can have all of it again.
"""

import heapq
from collections.abc import Callable
from contextlib import closing
from typing import Any

import kafka.errors
from kafka import TopicPartition

import settings
from errors import ChatError
from room.messages import Message, message_from
from room.records import open_consumer
from room.search import Wanted
from room.worker import WorkerThread
from schemas import Alert, HumanMessage, printable

__all__ = ['PAGE', 'Replay', 'Start', 'from_beginning', 'from_time', 'the_last']

PAGE = 200  # messages
POLL_MS = 500

Offsets = dict[TopicPartition, int]
Start = Callable[[Any, Offsets, Offsets], Offsets]


def from_beginning(consumer: Any, begins: Offsets, ends: Offsets) -> Offsets:
    """Start where each partition begins."""
    return begins


def the_last(count: int) -> Start:
    """Start so many records before the end of each partition."""
    return lambda consumer, begins, ends: {
        tp: max(begins[tp], end - count) for tp, end in ends.items()
    }


def from_time(seconds: float) -> Start:
    """Start at the first record of each partition whose timestamp is not before a time."""

    def start(consumer: Any, begins: Offsets, ends: Offsets) -> Offsets:
        found = consumer.offsets_for_times(dict.fromkeys(ends, int(seconds * 1000)))
        return {tp: found[tp].offset if found.get(tp) else ends[tp] for tp in ends}

    return start


class Replay(WorkerThread):
    """Reads one page of a topic, between ``start()`` and its end; can be started once.

    ``found`` has the messages, ``done`` of ``total`` places in the log have been looked at, and
    ``is_complete`` tells whether there is no further page. ``error`` says why it ended early.

    Args:
        topic: such as ``'human-messages'``.
        start: where to begin.
        wanted: which messages; by default all.
        alert_topic: where services report, if alerts matter.
    """

    def __init__(
        self,
        topic: str,
        start: Start = from_beginning,
        wanted: Wanted | None = None,
        alert_topic: str = '',
    ) -> None:
        super().__init__(name='room-replay')
        self.topic = topic
        self.begin = start
        self.wanted = wanted or Wanted()
        self.alert_topic = alert_topic
        self.total = 0
        self.done = 0
        self.error = ''
        self.found: list[Message] = []
        self._positions: Offsets = {}
        self._ends: Offsets = {}

    @property
    def is_complete(self) -> bool:
        """Whether it has looked at everything up to where the topic ended at its start."""
        return self.ended and not self.error and self.done >= self.total

    def next_page(self) -> 'Replay':
        """The page behind this one, up to the same end."""
        page = Replay(self.topic, self.begin, self.wanted, self.alert_topic)
        page._positions, page._ends = dict(self._positions), self._ends
        page.done, page.total = self.done, self.total
        return page

    def run(self) -> None:  # noqa: D102 - as WorkerThread's
        try:
            with closing(open_consumer()) as consumer:
                if not self._ends:
                    self._open(consumer)
                self._read(consumer)
        except (ChatError, kafka.errors.KafkaError, OSError) as error:
            self.error = printable(error)

    def _open(self, consumer: Any) -> None:
        name = settings.topic_name(self.topic)
        numbers = consumer.partitions_for_topic(name) or ()
        partitions = [TopicPartition(name, number) for number in numbers]
        if not partitions:
            self.error = f'There is no topic {name!r}.'
            return
        self._ends = consumer.end_offsets(partitions)
        begins = consumer.beginning_offsets(partitions)
        self._positions = self.begin(consumer, begins, self._ends)
        self.total = sum(self._ends[tp] - self._positions[tp] for tp in partitions)
        if self.wanted.alerted and self.alert_topic:
            self.wanted.alerts = _alerts(consumer, self.alert_topic, self.stopping.is_set)

    def _read(self, consumer: Any) -> None:
        schema = Alert if self.topic == self.alert_topic else HumanMessage
        left = {tp for tp, end in self._ends.items() if self._positions[tp] < end}
        while left and len(self.found) < PAGE and not self.stopping.is_set():
            if consumer.assignment() != left:
                consumer.assign(left)
                for tp in left:
                    consumer.seek(tp, self._positions[tp])
            batches = consumer.poll(timeout_ms=POLL_MS)
            for record in heapq.merge(*batches.values(), key=lambda each: each.timestamp):
                tp = TopicPartition(record.topic, record.partition)
                if len(self.found) == PAGE or record.offset >= self._ends[tp]:
                    break
                self._look_at(message_from(record, schema))
                self._go_to(tp, record.offset + 1)
            if len(self.found) < PAGE:
                for tp in left:  # behind the last record there may be a transaction's marker
                    self._go_to(tp, min(consumer.position(tp), self._ends[tp]))
            left = {tp for tp in left if self._positions[tp] < self._ends[tp]}

    def _look_at(self, message: Message) -> None:
        if message in self.wanted:
            message.alert_type = self.wanted.alert_about(message)
            self.found.append(message)

    def _go_to(self, partition: TopicPartition, position: int) -> None:
        self.done += max(position - self._positions[partition], 0)
        self._positions[partition] = max(position, self._positions[partition])


def _alerts(consumer: Any, topic: str, is_over: Callable[[], bool]) -> dict[tuple[Any, ...], str]:
    """Of which messages there are alerts, and of which type."""
    name = settings.topic_name(topic)
    partitions = [TopicPartition(name, n) for n in consumer.partitions_for_topic(name) or ()]
    ends = consumer.end_offsets(partitions)
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    found: dict[tuple[Any, ...], str] = {}
    while not is_over() and any(consumer.position(tp) < end for tp, end in ends.items()):
        for batch in consumer.poll(timeout_ms=POLL_MS).values():
            for record in batch:
                alert = message_from(record, Alert)
                found[alert.triggered_by] = alert.sender
    return found
