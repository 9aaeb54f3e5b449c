"""What there is to say about a record's place: why this partition, and who has passed it.

The one idea to take away: a record does not know who has read it. Each group knows how far it is,
and that is enough to tell.
"""

import json
from typing import Any

from kafka import TopicPartition

from room.cluster import Snapshot
from room.key_partition import partition_of
from schemas import printable

__all__ = ['json_tree', 'passed_by', 'why_here']

MOST_NODES = 200  # of the tree that a value is shown as
LONGEST_LEAF = 300  # characters


def why_here(record: Any, partitions: int) -> str:
    """Why a record is in its partition.

    Args:
        record: a ConsumerRecord whose key is bytes.
        partitions: how many the topic has now.
    """
    if not partitions:
        return 'not known: the topic is not in sight'
    if record.key is None:
        return 'it has no key, so its producer was free to choose'
    hashed, number = partition_of(record.key, partitions)
    sum_of_it = f'murmur2(key) = {hashed:,}, modulo {partitions} partitions is {number}'
    if number == record.partition:
        return sum_of_it
    return f'{sum_of_it}, not {record.partition}: it was sent there by number, or there were fewer'


def passed_by(record: Any, snapshot: Snapshot) -> list[str]:
    """Which groups have passed a record, and which have not, by their committed offsets."""
    tp = TopicPartition(record.topic, record.partition)
    lines = []
    for group in snapshot.groups:
        if tp in group.committed:
            at = group.committed[tp].offset
            has = 'has passed it' if at > record.offset else 'has not passed it'
            lines.append(f'{group.name} {has} (committed {at:,})')
    return lines


def json_tree(data: bytes | None) -> list[dict[str, Any]]:
    """A JSON value as the nodes of a tree, ``{'id', 'label', 'children'}``; [] if it is none."""
    try:
        value = json.loads(data or b'')
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return []
    nodes: list[dict[str, Any]] = []
    _add_node(nodes, '', value, [0])
    return nodes


def _add_node(nodes: list[dict[str, Any]], name: str, value: Any, count: list[int]) -> None:
    count[0] += 1
    if count[0] > MOST_NODES:
        return
    node: dict[str, Any] = {'id': count[0], 'children': []}
    nodes.append(node)
    prefix = f'{printable(name)}: ' if name else ''
    if isinstance(value, dict):
        node['label'] = f'{prefix}{{{len(value)}}}'
        for key, each in value.items():
            _add_node(node['children'], key, each, count)
    elif isinstance(value, list):
        node['label'] = f'{prefix}[{len(value)}]'
        for number, each in enumerate(value):
            _add_node(node['children'], str(number), each, count)
    else:
        node['label'] = prefix + printable(json.dumps(value, ensure_ascii=False))[:LONGEST_LEAF]
