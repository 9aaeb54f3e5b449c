"""Moves the committed offsets of a group that is stopped (the teacher's button in `groups_panel`).

The one idea to take away: where a group goes on is a number that anybody may write, but only while
nobody in the group is reading.
"""

from contextlib import closing
from typing import Any

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec, OffsetTimestamp

import settings
from connection import diagnosis
from errors import AccessError

__all__ = ['reset_offsets']

TIMEOUT_MS = 5000


def reset_offsets(group: str, where: str | float) -> dict[TopicPartition, int]:
    """Move a group to the beginning, to the end, or to a time, on all partitions it has committed.

    Args:
        group: its name, as Kafka knows it.
        where: ``'beginning'``, ``'end'``, or seconds since 1970.

    Returns:
        Where it goes on now.

    Raises:
        AccessError: the group has members, is none, or Kafka refused.
        UnreachableError: no Kafka answers.
    """
    options = settings.client_options('admin', request_timeout_ms=TIMEOUT_MS)
    diagnosis.require_listener(options)
    with closing(KafkaAdminClient(**options)) as admin:
        partitions = list(admin.list_group_offsets({group: None}).get(group, ()))
        if not partitions:
            raise AccessError(
                f'The group {group!r} has committed nothing, so nothing can be moved.'
            )
        members = admin.describe_groups([group])[group]['members']
        if members:
            raise AccessError(
                f'The group {group!r} has {len(members)} members (its state is not Empty). '
                'Stop them first: a group that reads writes its offsets itself.'
            )
        answer = admin.reset_group_offsets(group, dict.fromkeys(partitions, _spec(where)))
    refused = {tp: each['error'] for tp, each in answer.items() if each['error'].errno}
    if refused:
        tp, error = next(iter(refused.items()))
        raise AccessError(f'Kafka did not move {group!r} on {tp.topic}/{tp.partition}: {error}.')
    return {tp: each['offset'] for tp, each in answer.items()}


def _spec(where: str | float) -> Any:
    if where == 'beginning':
        return OffsetSpec.EARLIEST
    if where == 'end':
        return OffsetSpec.LATEST
    return OffsetTimestamp(int(float(where) * 1000))
