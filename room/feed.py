"""What the chat room's page knows of the chat: read from Kafka by one thread, kept in bounded memory (used by ``server.py``).

The room reads as any consumer does, without a group: each record once, whoever sent it. It counts all of them and keeps the
last ``KEPT``; whoever wants an older one asks Kafka again (``cluster.py``).

The one idea to take away: the log is the memory. A page needs none of its own, so it can be closed and opened again.
"""

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from typing import Any

import kafka
from kafka import TopicPartition

import settings
from client import workarounds
from connection import diagnosis
from room.access import Worker
from schemas import Alert, HumanMessage, Malformed, decode, printable

__all__ = ['Feed', 'Message', 'Second', 'open_consumer', 'read_record', 'seconds_of']

KEPT = 1000  # messages in memory
HISTORY = 200  # messages of each partition that are read when the room opens
SECONDS = 90  # of counts, for the plots
SENDERS = 500  # counted apart within a second; all others together
SHOWN = 2000  # characters of a message
RETRY = 1.0
BY_TIME = attrgetter('timestamp')
LAST_SECOND = 253_000_000_000.0  # in the year 9987
PLACE = re.compile(
    rb'([a-zA-Z0-9._-]+)/(\d{1,9})/(\d{1,18})'
)  # how our services say which message an alert is about


@dataclass(slots=True)
class Message:
    """A record as the page shows it: text is cut to a bounded length, and without control characters.

    Args:
        time: seconds since 1970, by the record.
        sender: who spoke; of an alert, its type.
        why: what is wrong with the record; '' if it is well formed.
        about: of an alert, what triggered it: (topic, partition, offset) if the alert tells, else sender and contents.
        mark: of a message, the type of the alert that it triggered.
        live: whether it came after the room had opened.
    """

    number: int
    topic: str
    partition: int
    offset: int
    time: float
    sender: str
    contents: str
    why: str = ''
    about: tuple[Any, ...] = ()
    mark: str = ''
    live: bool = False


@dataclass(slots=True)
class Second:
    """What came within one second: messages by sender, and alerts."""

    time: int
    senders: Counter[str]
    alerts: int = 0


def read_record(record: Any, schema: Any) -> Message:
    """A raw record as a Message; one that is no ``schema`` says why, and shows its bytes."""
    value = decode(record.value, schema)
    place = (record.topic, record.partition, record.offset, seconds_of(record))
    if isinstance(value, Malformed):
        raw = (record.value or b'')[:SHOWN].decode('utf-8', 'backslashreplace')
        return Message(0, *place, 'malformed', printable(raw), printable(value.why))
    if schema is Alert:
        by = value['triggered_by']
        about = _place(record.headers) or (
            printable(by['sender'][:80]),
            printable(by['contents'][:SHOWN]),
        )
        return Message(
            0,
            *place,
            printable(value['alert_type'][:80]),
            printable(value['alert_message'][:SHOWN]),
            about=about,
        )
    return Message(0, *place, printable(value['sender'][:80]), printable(value['contents'][:SHOWN]))


def seconds_of(record: Any) -> float:
    """A record's timestamp in seconds since 1970, within what a calendar knows: senders set it as they like."""
    return float(min(max(record.timestamp, 0) / 1000, LAST_SECOND))


def _place(headers: Any) -> tuple[str, int, int] | None:
    found = PLACE.fullmatch(dict(headers).get('triggered-by') or b'')
    return (found[1].decode(), int(found[2]), int(found[3])) if found else None


def _names(message: Message) -> tuple[tuple[Any, ...], ...]:
    return (message.topic, message.partition, message.offset), (message.sender, message.contents)


def _last(messages: deque[Message], count: int) -> list[Message]:
    return list(islice(reversed(messages), max(count, 0)))[::-1]


def open_consumer(**options: Any) -> Any:
    """A KafkaConsumer of raw bytes, without a group; UnreachableError if there is no Kafka."""
    known = settings.client_options(
        'consumer', **{'group_id': None, 'auto_offset_reset': 'earliest', **options}
    )
    diagnosis.require_listener(known)
    workarounds.read_any_header()
    return kafka.KafkaConsumer(**known)


class Feed(Worker):
    """Reads messages and alerts in a thread of its own from ``start()`` to ``stop()``; survives the loss of Kafka."""

    def __init__(
        self,
        topic: str = 'human-messages',
        alert_topic: str = 'alerts',
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.topic, self.alert_topic, self.clock = topic, alert_topic, clock
        self.trouble = 'not connected yet'
        self.total = self.counted = self.alert_total = self._marked = 0
        self.alerts: deque[Message] = deque(maxlen=HISTORY)
        self.seconds: deque[Second] = deque(maxlen=SECONDS)
        self.last_keys: dict[tuple[str, int], str] = {}
        self._messages, self._marks = deque[Message](maxlen=KEPT), deque[Message](maxlen=KEPT)
        self._index: dict[tuple[Any, ...], Message] = {}
        self._early: dict[tuple[Any, ...], Message] = {}
        self._next: dict[TopicPartition, int] = {}
        self._lock = threading.Lock()

    def since(self, number: int) -> tuple[list[Message], int]:
        """What came behind the message of that number, as far as it is kept, and how many that were altogether."""
        with self._lock:
            return _last(self._messages, self.total - number), self.total - number

    def marks_since(self, number: int) -> tuple[list[Message], int]:
        """Messages that triggered an alert, behind the mark of that number, and the number of the last one."""
        with self._lock:
            return _last(self._marks, self._marked - number), self._marked

    def alerts_since(self, number: int) -> list[Message]:
        """Alerts behind the one of that number, oldest first."""
        with self._lock:
            return _last(self.alerts, self.alert_total - number)

    def last_seconds(self, count: int) -> list[Second]:
        """What came in each of the last full seconds, oldest first; a quiet second is an empty one."""
        with self._lock:
            known, now = {second.time: second for second in self.seconds}, int(self.clock())
            return [known.get(each) or Second(each, Counter()) for each in range(now - count, now)]

    def run(self) -> None:  # noqa: D102 - as Worker's
        while not self.ending.is_set():
            try:
                with closing(
                    open_consumer(metadata_max_age_ms=3000, max_poll_records=2000)
                ) as consumer:
                    self._read(consumer)
            except Exception as error:  # noqa: BLE001 - whatever it is: the page says so, and it is tried again
                self.trouble = str(error) or type(error).__name__
                if not self.total + self.alert_total:
                    self._next.clear()  # the history is read again
                self.ending.wait(RETRY)

    def _read(self, consumer: Any) -> None:
        names = {
            settings.topic_name(self.topic): HumanMessage,
            settings.topic_name(self.alert_topic): Alert,
        }
        diagnosis.require_access(settings.client_options('consumer'), names)
        if not (ends := self._assign(consumer, names)):
            self.trouble = ''
        history: list[Any] = []
        deadline, checked = time.monotonic() + 5.0, time.monotonic()
        while not self.ending.is_set():
            batch = sorted(chain.from_iterable(consumer.poll(timeout_ms=100).values()), key=BY_TIME)
            for record in batch:
                self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
            if ends:
                history += batch
                there = all(
                    consumer.position(place, timeout_ms=1000) >= end for place, end in ends.items()
                )
                if there or time.monotonic() > deadline:
                    self._take(sorted(history, key=BY_TIME), names, live=False)
                    ends = {}
                    self.trouble = ''
            elif batch:
                self._take(batch, names, live=True)
            if time.monotonic() - checked > 1.0:
                checked = time.monotonic()
                self._assign(consumer, names)

    def _assign(self, consumer: Any, names: Iterable[str]) -> dict[TopicPartition, int]:
        """Read all partitions, new ones too: first from a little before the end, later from where this feed is."""
        places = {
            TopicPartition(name, number)
            for name in names
            for number in consumer.partitions_for_topic(name) or ()
        }
        if not places or places == consumer.assignment():
            return {}
        first = not self._next
        consumer.assign(list(places))
        begins, ends = consumer.beginning_offsets(list(places)), consumer.end_offsets(list(places))
        for place in places:
            start = (
                max(begins[place], ends[place] - HISTORY)
                if first
                else self._next.get(place, begins[place])
            )
            self._next[place] = start
            consumer.seek(place, start)
        return ends if first else {}

    def _take(self, records: Iterable[Any], schemas: dict[str, Any], live: bool) -> None:
        now = int(self.clock())
        with self._lock:
            for record in records:
                message = read_record(record, schema := schemas[record.topic])
                message.live = live
                if record.key is not None:
                    self.last_keys[record.topic, record.partition] = printable(
                        record.key[:80].decode('utf-8', 'backslashreplace')
                    )
                if live and (not self.seconds or self.seconds[-1].time != now):
                    self.seconds.append(Second(now, Counter()))
                if schema is Alert:
                    self._take_alert(message)
                else:
                    self.total = message.number = self.total + 1
                    self._keep(message)
                    if live:
                        self.counted += 1
                        senders = self.seconds[-1].senders
                        senders[
                            message.sender
                            if message.sender in senders or len(senders) < SENDERS
                            else '(others)'
                        ] += 1
                    for name in _names(message):
                        if alert := self._early.pop(name, None):
                            self._mark(message, alert)

    def _take_alert(self, alert: Message) -> None:
        self.alert_total = alert.number = self.alert_total + 1
        self.alerts.append(alert)
        if alert.live:
            self.seconds[-1].alerts += 1
        if message := self._index.get(alert.about):
            self._mark(message, alert)
        elif alert.live and alert.about:
            self._early[alert.about] = (
                alert  # it may be here before its message: they are on two topics
            )
            if len(self._early) > KEPT:
                self._early.clear()

    def _keep(self, message: Message) -> None:
        if len(self._messages) == KEPT:
            for name in _names(self._messages[0]):
                if self._index.get(name) is self._messages[0]:
                    del self._index[name]
        self._messages.append(message)
        self._index |= dict.fromkeys(_names(message), message)

    def _mark(self, message: Message, alert: Message) -> None:
        message.mark = alert.sender
        self._marks.append(message)
        self._marked += 1
