"""The chat and the alerts, read from Kafka by one thread for all pages (used by `state`).

The room reads as any consumer without a group does: each record once, whoever sent it. What is read
goes into `history`; whoever wants an older record asks Kafka again (`replay`, `records`).

The one idea to take away: to follow a topic is to read its recent past first, and then to stay.
"""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from kafka import TopicPartition

import settings
from connection import diagnosis
from room.history import ChatHistory
from room.log_tail import LogTails
from room.messages import message_from
from room.records import open_consumer
from room.worker import WorkerThread
from schemas import Alert, HumanMessage

__all__ = ['Feed']

RECENT = 200  # records of each partition that are read when the room opens
PATIENCE = 5.0  # seconds for reading them; after that the room opens with what is there
RETRY = 1.0  # seconds until a lost Kafka is tried again
NEW_PARTITIONS = 1.0  # seconds between two looks for partitions that were added


class Feed(WorkerThread):
    """Reads messages and alerts between ``start()`` and ``stop()``; survives the loss of Kafka.

    ``history`` is what was read, ``tails`` the end of each partition; ``error`` says why nothing
    comes at the moment, '' if all is well.

    Args:
        topic: where people talk.
        alert_topic: where services report.
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(
        self,
        topic: str = 'human-messages',
        alert_topic: str = 'alerts',
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.topic = topic
        self.alert_topic = alert_topic
        self.history = ChatHistory(clock)
        self.tails = LogTails(clock)
        self.error = 'not connected yet'
        self._schemas: dict[str, Any] = {}
        self._next_offsets: dict[TopicPartition, int] = {}

    def run(self) -> None:  # noqa: D102 - as WorkerThread's
        while not self.stopping.is_set():
            try:
                with closing(
                    open_consumer(metadata_max_age_ms=3000, max_poll_records=2000)
                ) as consumer:
                    self._read(consumer)
            except Exception as error:  # noqa: BLE001 - the page shows it, and it is tried again
                self.error = str(error) or type(error).__name__
                if self.history.total + self.history.alert_total == 0:
                    self._next_offsets.clear()  # the recent records are still to be read
                self.stopping.wait(RETRY)

    def _read(self, consumer: Any) -> None:
        self._schemas = {
            settings.topic_name(self.topic): HumanMessage,
            settings.topic_name(self.alert_topic): Alert,
        }
        diagnosis.require_access(settings.client_options('consumer'), self._schemas)
        ends = self._assign(consumer)
        if ends:
            self._read_recent(consumer, ends)
        self.error = ''
        checked = time.monotonic()
        while not self.stopping.is_set():
            self._add(self._poll(consumer), live=True)
            self._note_positions(consumer)
            if time.monotonic() - checked > NEW_PARTITIONS:
                checked = time.monotonic()
                self._assign(consumer)

    def _read_recent(self, consumer: Any, ends: dict[TopicPartition, int]) -> None:
        """Read up to where the partitions ended when the room opened, and add all that at once."""
        records: list[Any] = []
        deadline = time.monotonic() + PATIENCE
        while not self.stopping.is_set() and time.monotonic() < deadline:
            records += self._poll(consumer)
            if all(consumer.position(tp, timeout_ms=1000) >= end for tp, end in ends.items()):
                break
        self._add(records, live=False)
        self._note_positions(consumer)

    def _note_positions(self, consumer: Any) -> None:
        """Where reading goes on: a place before it that gave no record holds none for readers."""
        for tp in consumer.assignment():
            position = consumer.position(tp, timeout_ms=1000)
            if position is not None:
                self.tails.reach(tp, position)

    def _poll(self, consumer: Any) -> list[Any]:
        records = []
        for batch in consumer.poll(timeout_ms=100).values():
            records += batch
        for record in records:
            tp = TopicPartition(record.topic, record.partition)
            self._next_offsets[tp] = record.offset + 1
        return records

    def _add(self, records: list[Any], live: bool) -> None:
        """Add records in the order of their time: there is no other between partitions."""
        messages = []
        for record in sorted(records, key=lambda each: each.timestamp):
            message = message_from(record, self._schemas[record.topic])
            message.live = live
            messages.append(message)
        self.history.add(messages)
        self.tails.add(sorted(messages, key=lambda each: each.offset))

    def _assign(self, consumer: Any) -> dict[TopicPartition, int]:
        """Read all partitions, those too that were added to a topic meanwhile.

        The first time, reading starts a little before the end; later, where this feed has got to,
        and at the beginning of a new partition.

        Returns:
            Where the partitions end, if this is the first time; otherwise nothing.
        """
        partitions = [
            TopicPartition(topic, number)
            for topic in self._schemas
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        if not partitions or set(partitions) == consumer.assignment():
            return {}
        first_time = not self._next_offsets
        consumer.assign(partitions)
        begins = consumer.beginning_offsets(partitions)
        ends = consumer.end_offsets(partitions)
        for tp in partitions:
            if first_time:
                start = max(begins[tp], ends[tp] - RECENT)
            else:
                start = self._next_offsets.get(tp, begins[tp])
            self._next_offsets[tp] = start
            self.tails.begin(tp, start)
            consumer.seek(tp, start)
        return ends if first_time else {}
