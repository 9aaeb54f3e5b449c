"""Consumer groups, their members and offsets, and the rebalances among them (used by `cluster`).

The one idea to take away: lag is the end of a partition minus the offset that the group has
committed. Nobody has to report it; anybody can ask Kafka.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition

from schemas import printable

__all__ = ['SETTLED', 'Commit', 'ConsumerGroups', 'Group', 'Rebalance', 'group_rows']

SETTLED = ('Stable', 'Empty', 'Dead')  # group states outside a rebalance
KEPT = 30  # rebalances
NEW_PROTOCOL = 'KIP-848: Kafka assigns the partitions; its members cannot be asked for here'

Row = dict[str, Any]
Members = dict[str, list[TopicPartition]]


@dataclass(slots=True)
class Commit:
    """What a group has committed for one partition.

    Args:
        offset: from there on it goes on after a restart.
        metadata: a text that it has left with it; '' if none.
    """

    offset: int
    metadata: str = ''


@dataclass(slots=True)
class Group:
    """A consumer group at one moment.

    Args:
        name: its ``group_id``.
        state: as Kafka says: ``'Stable'``, ``'Empty'``, ``'PreparingRebalance'``.
        note: what is special about it; '' for an ordinary group.
        members: the partitions of each member, by a short name: its ``client_id``, and the end of
            its id where several have the same.
        committed: what it has committed.
        hosts: where its members run, of those that are not on the broker's machine.
    """

    name: str
    state: str
    note: str = ''
    members: Members = field(default_factory=dict)
    committed: dict[TopicPartition, Commit] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    def owners(self) -> dict[TopicPartition, str]:
        """Which member reads a partition."""
        return {tp: member for member, tps in self.members.items() for tp in tps}

    def within(self, topics: Collection[str]) -> 'Group | None':
        """What this group has to do with some topics, without hosts; None if nothing."""
        members = _within(self.members, topics)
        committed = {tp: each for tp, each in self.committed.items() if tp.topic in topics}
        if not committed and not any(members.values()):
            return None
        return Group(self.name, self.state, self.note, members, committed)


def _within(members: Members, topics: Collection[str]) -> Members:
    """Who reads partitions of some topics, and who reads nothing at all."""
    own = {name: [tp for tp in tps if tp.topic in topics] for name, tps in members.items()}
    return {name: tps for name, tps in own.items() if tps or not members[name]}


@dataclass(slots=True)
class Rebalance:
    """A change in who reads what.

    Args:
        time: when it was seen, in seconds since 1970.
        group: the group's name.
        before: as `Group.members`.
        after: as `Group.members`.
    """

    time: float
    group: str
    before: Members
    after: Members

    def within(self, topics: Collection[str]) -> 'Rebalance | None':
        """What has changed in some topics; None if nothing."""
        before, after = _within(self.before, topics), _within(self.after, topics)
        if before == after or not any([*before.values(), *after.values()]):
            return None
        return Rebalance(self.time, self.group, before, after)

    def __str__(self) -> str:
        before = _assignment(self.before)
        return f'{self.group}: {_assignment(self.after)} (before: {before})'


class ConsumerGroups:
    """Asks for all consumer groups, and compares with the last time.

    ``rebalances`` has the latest changes in who reads what, the last one last.

    Args:
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.rebalances: deque[Rebalance] = deque(maxlen=KEPT)
        self._members: dict[str, Members] = {}
        self._first_time = True

    def ask(self, admin: Any) -> list[Group]:
        """The groups as they are now, by name.

        Args:
            admin: a KafkaAdminClient.
        """
        listed = {each['group_id']: each for each in admin.list_groups()}
        names = sorted(
            name for name, each in listed.items() if each['protocol_type'] in ('consumer', '')
        )
        committed = admin.list_group_offsets(dict.fromkeys(names)) if names else {}
        described = admin.describe_groups(names) if names else {}
        groups = []
        for name in names:
            group = Group(printable(name), described[name]['group_state'])
            if listed[name].get('group_type') == 'consumer':
                group.state, group.note = listed[name]['group_state'], NEW_PROTOCOL
            group.members, group.hosts = _members(described[name]['members'])
            group.committed = {
                tp: Commit(found.offset, found.metadata or '')
                for tp, found in committed.get(name, {}).items()
                if found.offset >= 0
            }
            self._note_rebalance(group)
            groups.append(group)
        self._first_time = False
        return groups

    def _note_rebalance(self, group: Group) -> None:
        """A group that has settled, and not as it was before, has had a rebalance."""
        before = self._members.get(group.name, {})
        if group.state not in SETTLED or before == group.members:
            return
        self._members[group.name] = group.members
        if not self._first_time:
            change = Rebalance(self.clock(), group.name, before, group.members)
            self.rebalances.append(change)


def _members(described: list[Any]) -> tuple[Members, dict[str, str]]:
    """The partitions of each member, by its short name; and its host, if that is another one."""
    same = Counter(member['client_id'] for member in described)
    members: Members = {}
    hosts: dict[str, str] = {}
    for member in sorted(described, key=lambda each: (each['client_id'], each['member_id'])):
        name = member['client_id']
        if same[name] > 1 or name.startswith('kafka-python'):
            name = f'{name}#{member["member_id"][-4:]}'
        name = printable(name)
        host = member['client_host'].lstrip('/')
        if host not in ('127.0.0.1', '::1'):
            hosts[name] = printable(host)
        assignment = member['member_assignment']
        # During a rebalance a member has no assignment: then it is not a dict.
        topics = assignment['assigned_partitions'] if isinstance(assignment, dict) else []
        members[name] = sorted(
            TopicPartition(each['topic'], number)
            for each in topics
            for number in each['partitions']
        )
    return members, hosts


def _assignment(members: Members) -> str:
    if not members:
        return 'no members left'
    parts = []
    for member, partitions in members.items():
        names = ', '.join(f'{tp.topic}/{tp.partition}' for tp in partitions)
        parts.append(f'{member} reads {names or "nothing"}')
    return '; '.join(parts)


def group_rows(group: Group, ends: dict[TopicPartition, int]) -> list[Row]:
    """A group as rows for a table.

    Returns:
        For each partition ``{'id', 'group', 'state', 'member', 'host', 'topic', 'partition',
        'committed', 'end', 'lag'}``; and a shorter row for each member that has no partition.
    """
    owners = group.owners()
    base = {'group': group.name, 'state': group.state}
    nobody = 'not to be seen' if group.note else 'none'
    rows: list[Row] = []
    for tp in sorted(owners.keys() | group.committed.keys()):
        offset = group.committed[tp].offset if tp in group.committed else None
        end = ends.get(tp)
        rows.append(
            {
                **base,
                'id': f'{group.name}/{tp.topic}/{tp.partition}',
                'member': owners.get(tp, nobody),
                'host': group.hosts.get(owners.get(tp, ''), ''),
                'topic': tp.topic,
                'partition': tp.partition,
                'committed': offset,
                'end': end,
                'lag': None if offset is None or end is None else max(end - offset, 0),
            }
        )
    for member, partitions in group.members.items():
        if not partitions:
            row = {'id': f'{group.name}/{member}', 'member': member, 'topic': '(no partition)'}
            rows.append(base | row)
    return rows
