"""The log itself, for the chat room's page: topics, partitions, groups, and single records (used by ``server.py``).

``Watch`` asks Kafka as an administrator does, twice a second, in a thread of its own. ``Replay`` reads a topic again from its
beginning, ``look`` a single record.

The one idea to take away: lag is the end of the log minus where a group is; nobody has to be told, anybody can ask.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import kafka.errors
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

import settings
from connection import diagnosis
from errors import AccessError, ChatError, MessageError
from room.access import Worker
from room.feed import Message, open_consumer, read_record
from schemas import HumanMessage, printable

__all__ = ['Replay', 'Snapshot', 'Watch', 'look']

PERIOD = 0.5  # seconds between two looks; a rebalance is seen within two
ROWS = 200  # partitions that are shown, and as many rows of groups
MOST_REPLAYED = 1500  # drawn of a replay, however long it is


@dataclass(slots=True)
class Snapshot:
    """The cluster at one moment, as rows for tables.

    Args:
        topics: ``{'topic', 'partition', 'begin', 'end', 'rate', 'leader', 'replicas'}`` for each partition.
        groups: ``{'group', 'state', 'member', 'topic', 'partition', 'committed', 'end', 'lag'}`` for each partition of each group.
        left_out: how many rows are not shown.
    """

    topics: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0


class Watch(Worker):
    """Looks at the cluster twice a second from ``start()`` to ``stop()``; survives the loss of Kafka.

    ``snapshot`` is the latest; ``rebalances`` holds ``(time, text)`` of each change in who reads what, latest last;
    ``seen`` is the ``time.monotonic()`` of the last answer, ``trouble`` why there is none.

    Args:
        first: topics whose rows come first, so that a cluster of many topics does not push them out of the tables.
        clock: what tells the time of day.
    """

    def __init__(self, *first: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.first, self.clock = first, clock
        self.snapshot = Snapshot()
        self.rebalances: deque[tuple[float, str]] = deque(maxlen=30)
        self.seen = 0.0
        self.trouble = ''
        self._ends: deque[tuple[float, dict[TopicPartition, int]]] = deque(maxlen=5)
        self._assigned: dict[str, dict[str, list[str]]] = {}
        self._first = True

    def run(self) -> None:
        """Work until stopped."""
        while not self.ending.is_set():
            try:
                options = settings.client_options(
                    'admin', request_timeout_ms=2000, bootstrap_timeout_ms=2000
                )
                diagnosis.require_listener(options, timeout=2.0)
                with closing(KafkaAdminClient(**options)) as admin:
                    while not self.ending.is_set():
                        self.snapshot = self._look(admin)
                        self.seen, self.trouble = time.monotonic(), ''
                        self.ending.wait(PERIOD)
            except Exception as error:  # noqa: BLE001 - whatever it is: the page says so, and it is tried again
                self.trouble = printable(error) or type(error).__name__
                self.ending.wait(PERIOD)

    def _look(self, admin: Any) -> Snapshot:
        topics = sorted(
            (each for each in admin.describe_topics() if not each['is_internal']),
            key=lambda each: str(each['name']),
        )
        partitions = {
            TopicPartition(each['name'], p['partition_index']): p
            for each in topics
            for p in each['partitions']
        }
        led = [place for place, partition in partitions.items() if partition['leader_id'] >= 0]
        begins = _offsets(admin, led, OffsetSpec.EARLIEST)
        ends = _offsets(admin, led, OffsetSpec.LATEST)
        self._ends.append((time.monotonic(), ends))
        then, before = self._ends[0]
        past = max(time.monotonic() - then, PERIOD)
        rows = [
            {
                'id': f'{place.topic}/{place.partition}',
                'topic': place.topic,
                'partition': place.partition,
                'begin': begins.get(place),
                'end': ends.get(place),
                'rate': round((ends[place] - before.get(place, ends[place])) / past)
                if place in ends
                else None,
                'leader': partition['leader_id'],
                'replicas': f'{len(partition["isr_nodes"])}/{len(partition["replica_nodes"])}',
            }
            for place, partition in sorted(partitions.items())
        ]
        groups = self._groups(admin, ends)
        first = {settings.topic_name(topic) for topic in self.first}
        for table in (rows, groups):
            table.sort(key=lambda row: row['topic'] not in first)
        return Snapshot(rows[:ROWS], groups[:ROWS], len(rows[ROWS:]) + len(groups[ROWS:]))

    def _groups(self, admin: Any, ends: dict[TopicPartition, int]) -> list[dict[str, Any]]:
        names = sorted(
            each['group_id']
            for each in admin.list_groups()
            if each['protocol_type'] in ('consumer', '')
        )
        offsets = admin.list_group_offsets(dict.fromkeys(names)) if names else {}
        described = admin.describe_groups(names) if names else {}
        rows: list[dict[str, Any]] = []
        for name in names:
            group = described[name]
            owners, members = _members(group['members'])
            self._note(name, group['group_state'], members)
            committed = offsets.get(name, {})
            shared = {'group': printable(name), 'state': group['group_state']}
            for place in sorted(owners.keys() | committed.keys()):
                at, end = committed[place].offset if place in committed else None, ends.get(place)
                row = {
                    'id': f'{name}/{place.topic}/{place.partition}',
                    'topic': place.topic,
                    'partition': place.partition,
                }
                row |= {
                    'committed': at,
                    'end': end,
                    'lag': max(end - at, 0) if at is not None and end is not None else None,
                }
                rows.append(shared | row | {'member': owners.get(place, 'nobody')})
            idle = [member for member, places in members.items() if not places]
            rows += [
                shared | {'id': f'{name}/{member}', 'member': member, 'topic': '(none left)'}
                for member in idle
            ]
        self._first = False
        return rows

    def _note(self, group: str, state: str, members: dict[str, list[str]]) -> None:
        """Remember who reads what; once a group has settled differently, that was a rebalance."""
        if state not in ('Stable', 'Empty', 'Dead') or self._assigned.get(group, {}) == members:
            return
        self._assigned[group] = members
        if not self._first:
            reads = '; '.join(
                f'{member} reads {", ".join(places) or "nothing"}'
                for member, places in members.items()
            )
            self.rebalances.append((self.clock(), f'{printable(group)}: {reads or "nobody left"}'))


def _offsets(admin: Any, places: list[TopicPartition], which: Any) -> dict[TopicPartition, int]:
    return (
        {
            place: found.offset
            for place, found in admin.list_partition_offsets(dict.fromkeys(places, which)).items()
        }
        if places
        else {}
    )


def _members(described: list[Any]) -> tuple[dict[TopicPartition, str], dict[str, list[str]]]:
    """Whose partition each is, and the partitions of each member, by the short name ``client@host#id``."""
    owners: dict[TopicPartition, str] = {}
    members: dict[str, list[str]] = {}
    for member in described:
        name = printable(
            f'{member["client_id"]}{member["client_host"].replace("/", "@")}#{member["member_id"][-4:]}'
        )
        assignment = member['member_assignment']
        parts = assignment['assigned_partitions'] if isinstance(assignment, dict) else []
        places = [
            TopicPartition(part['topic'], number) for part in parts for number in part['partitions']
        ]
        owners |= dict.fromkeys(places, name)
        members[name] = [f'{place.topic}/{place.partition}' for place in sorted(places)]
    return owners, members


class Replay:
    """Reads a topic from its beginning to where its end was at the start, in a thread; the page draws ``waiting`` bit by bit.

    ``over`` says that the thread has ended, by itself or stopped.

    Args:
        topic: such as ``'human-messages'``.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.total = self.done = 0
        self.trouble = ''
        self.waiting: deque[Message] = deque()
        self.over = False
        self._stop = threading.Event()
        threading.Thread(target=self._run, name='room-replay', daemon=True).start()

    def stop(self) -> None:
        """End before its time."""
        self._stop.set()

    def _run(self) -> None:
        try:
            with closing(open_consumer()) as consumer:
                self._read(consumer, settings.topic_name(self.topic))
        except (ChatError, kafka.errors.KafkaError, OSError) as error:
            self.trouble = str(error)
        finally:
            self.over = True

    def _read(self, consumer: Any, name: str) -> None:
        places = [
            TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()
        ]
        begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        self.total = sum(ends.values()) - sum(begins.values())
        every = self.total // MOST_REPLAYED + 1
        while not self._stop.is_set() and self.done < self.total:
            records = [record for each in consumer.poll(timeout_ms=500).values() for record in each]
            for record in sorted(records, key=lambda each: each.timestamp):
                if record.offset % every == 0:
                    self.waiting.append(read_record(record, HumanMessage))
            self.done = min(
                self.total, sum(consumer.position(place) for place in places) - sum(begins.values())
            )
            while len(self.waiting) > 100 and not self._stop.wait(0.05):
                pass


def look(topic: str, partition: int, offset: int, timeout: float = 3.0) -> Any:
    """Fetch one record from Kafka, as bytes: a ConsumerRecord whose key and value are as they stand in the log.

    Raises:
        AccessError: there is no such topic, partition or offset (any more).
        MessageError: the topic is one of Kafka's own.

    >>> look('human-messages', 0, 0).value
    b'{"some":"dict"}'
    """
    name = settings.topic_name(topic)
    if name.startswith('__'):
        raise MessageError(
            f"{name!r} is Kafka's own. Look at another topic, such as human-messages."
        )
    with closing(open_consumer(auto_offset_reset='earliest', max_poll_records=1)) as consumer:
        place = TopicPartition(name, partition)
        if partition not in (consumer.partitions_for_topic(name) or ()):
            raise AccessError(
                f'There is no partition {partition} of {name!r}. The table of topics lists those that are there.'
            )
        begin, end = (
            consumer.beginning_offsets([place])[place],
            consumer.end_offsets([place])[place],
        )
        if not begin <= offset < end:
            holds = f'holds {begin} to {end - 1}' if begin < end else 'is empty'
            raise AccessError(
                f'Offset {offset} is not there: {name!r}, partition {partition} {holds}.'
            )
        consumer.assign([place])
        consumer.seek(place, offset)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for record in consumer.poll(timeout_ms=200).get(place, ()):
                if record.offset == offset:
                    return record
                raise AccessError(
                    f'Offset {offset} holds no message: the next one is {record.offset}.'
                )
        raise AccessError(
            f'Kafka gave nothing at offset {offset} of {name!r}, partition {partition}, in {timeout:.0f} s. Try it again.'
        )
