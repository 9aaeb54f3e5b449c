"""Consumer groups as rows for a table, and the rebalances among them (used by `cluster`).

The one idea to take away: lag is the end of a partition minus the offset that the group has
committed. Nobody has to report it; anybody can ask Kafka.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from kafka import TopicPartition

from schemas import printable

__all__ = ['ConsumerGroups']

SETTLED = ('Stable', 'Empty', 'Dead')  # group states outside a rebalance
KEPT = 30  # rebalances

Row = dict[str, Any]
Members = dict[str, list[TopicPartition]]


class ConsumerGroups:
    """Asks for all consumer groups, and compares with the last time.

    ``rebalances`` has ``(time, text)`` of each change in who reads what, latest last.

    Args:
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.rebalances: deque[tuple[float, str]] = deque(maxlen=KEPT)
        self._members: dict[str, Members] = {}
        self._first_time = True

    def rows(self, admin: Any, ends: dict[TopicPartition, int]) -> list[Row]:
        """The groups as they are now.

        Args:
            admin: a KafkaAdminClient.
            ends: where each partition ends.

        Returns:
            For each partition of each group ``{'id', 'group', 'state', 'member', 'topic',
            'partition', 'committed', 'end', 'lag'}``; and a shorter row for each member that has no
            partition.
        """
        names = sorted(
            group['group_id']
            for group in admin.list_groups()
            if group['protocol_type'] in ('consumer', '')
        )
        committed = admin.list_group_offsets(dict.fromkeys(names)) if names else {}
        described = admin.describe_groups(names) if names else {}
        rows: list[Row] = []
        for name in names:
            state = described[name]['group_state']
            members = _members(described[name]['members'])
            self._note_rebalance(name, state, members)
            offsets = {tp: found.offset for tp, found in committed.get(name, {}).items()}
            rows += [
                {'group': printable(name), 'state': state, **row}
                for row in _rows(name, members, offsets, ends)
            ]
        self._first_time = False
        return rows

    def _note_rebalance(self, group: str, state: str, members: Members) -> None:
        """A group that has settled, and not as it was before, has had a rebalance."""
        if state not in SETTLED or self._members.get(group, {}) == members:
            return
        self._members[group] = members
        if not self._first_time:
            text = f'{printable(group)}: {_assignment(members)}'
            self.rebalances.append((self.clock(), text))


def _members(described: list[Any]) -> Members:
    """The partitions of each member, by a short name: ``client@host#`` and the end of its id."""
    members: Members = {}
    for member in described:
        host = member['client_host'].replace('/', '@')
        name = printable(f'{member["client_id"]}{host}#{member["member_id"][-4:]}')
        assignment = member['member_assignment']
        # During a rebalance a member has no assignment: then it is not a dict.
        topics = assignment['assigned_partitions'] if isinstance(assignment, dict) else []
        members[name] = sorted(
            TopicPartition(each['topic'], number)
            for each in topics
            for number in each['partitions']
        )
    return members


def _assignment(members: Members) -> str:
    if not members:
        return 'no members left'
    parts = []
    for member, partitions in members.items():
        names = ', '.join(f'{tp.topic}/{tp.partition}' for tp in partitions)
        parts.append(f'{member} reads {names or "nothing"}')
    return '; '.join(parts)


def _rows(
    group: str,
    members: Members,
    committed: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
) -> list[Row]:
    owners = {tp: member for member, partitions in members.items() for tp in partitions}
    rows: list[Row] = []
    for tp in sorted(owners.keys() | committed.keys()):
        offset = committed.get(tp)
        end = ends.get(tp)
        rows.append(
            {
                'id': f'{group}/{tp.topic}/{tp.partition}',
                'member': owners.get(tp, 'none'),
                'topic': tp.topic,
                'partition': tp.partition,
                'committed': offset,
                'end': end,
                'lag': None if offset is None or end is None else max(end - offset, 0),
            }
        )
    for member, partitions in members.items():
        if not partitions:
            rows.append({'id': f'{group}/{member}', 'member': member, 'topic': '(no partition)'})
    return rows
