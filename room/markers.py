"""Where each group stands in a topic, as the picture of the log shows it (used by `log_picture`).

The one idea to take away: what a group has committed is where it would begin again, and that is not
always where it is.
"""

import json
from typing import Any

from kafka import TopicPartition

from room.cluster import Snapshot
from room.colours import colours_of
from room.consumer_groups import SETTLED, Commit, Group
from room.log_tail import PartitionTail

__all__ = ['markers_of', 'outside_of']

MOST_GROUPS = 8  # with markers in the picture; the table has all


def markers_of(
    topic: str, number: int, snapshot: Snapshot, tail: PartitionTail | None
) -> list[dict[str, Any]]:
    """The markers of one partition.

    Args:
        topic: the topic's name.
        number: the partition's.
        snapshot: the state of the cluster.
        tail: the end of the partition, as far as the room has read it.

    Returns:
        For each group ``{'group', 'member', 'colour', 'at', 'lag', 'note'}``: the committed offset,
        how many places lie between it and the end, and what explains them, '' if nothing has to.
    """
    tp = TopicPartition(topic, number)
    state = snapshot.partitions.get(tp)
    end = max(tail.position if tail else 0, (state.end or 0) if state else 0)
    groups = _shown(topic, snapshot)
    colours = colours_of([group.name for group in groups])
    markers = []
    for group in groups:
        owner = group.owners().get(tp)
        commit = group.committed.get(tp)
        if owner is None and commit is None:
            continue
        at = commit.offset if commit else None
        markers.append(
            {
                'group': group.name,
                'member': owner or _nobody(group),
                'colour': colours[group.name],
                'at': at,
                'lag': None if at is None else max(end - at, 0),
                'note': _explain(commit, end, tail),
            }
        )
    return markers


def outside_of(topic: str, snapshot: Snapshot) -> list[str]:
    """What no marker shows: members without a partition, and groups that are left out."""
    lines = []
    for group in _shown(topic, snapshot):
        idle = [member for member, partitions in group.members.items() if not partitions]
        if idle:
            names = ', '.join(idle)
            lines.append(f'{group.name}: {names} has no partition; there are not enough to share.')
        if group.note:
            lines.append(f'{group.name}: {group.note}.')
        elif group.state not in SETTLED:
            lines.append(f'{group.name} is being rebalanced ({group.state}).')
    left_out = len(_reading(topic, snapshot)) - MOST_GROUPS
    if left_out > 0:
        lines.append(f'{left_out} more groups are in the table of groups.')
    return lines


def _reading(topic: str, snapshot: Snapshot) -> list[Group]:
    return [
        group
        for group in snapshot.groups
        if any(tp.topic == topic for tp in group.committed.keys() | group.owners().keys())
    ]


def _shown(topic: str, snapshot: Snapshot) -> list[Group]:
    """The groups that read a topic: those with members first."""
    groups = _reading(topic, snapshot)
    groups.sort(key=lambda group: (group.state == 'Empty', group.name))
    return groups[:MOST_GROUPS]


def _nobody(group: Group) -> str:
    if group.note:
        return '(members cannot be seen)'
    return '(no member)' if group.state in SETTLED else '(being rebalanced)'


def _explain(commit: Commit | None, end: int, tail: PartitionTail | None) -> str:
    if commit is None:
        return 'nothing committed yet'
    if commit.offset >= end:
        return ''
    if tail and tail.only_markers_since(commit.offset):
        return "only a transaction's marker is left, nothing to read"
    read_to = _read_to(commit)
    if read_to is not None and read_to > commit.offset:
        behind = max(end - read_to, 0)
        has_read = 'has read all' if behind == 0 else f'has read all but {behind:,}'
        return f'commits the start of its window, and {has_read}'
    return ''


def _read_to(commit: Commit) -> int | None:
    """How far a service has read that commits the start of its window: it says so in a text."""
    try:
        found = json.loads(commit.metadata)['read_to']
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
