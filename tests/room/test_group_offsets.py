"""A stopped group is moved, on a real Kafka; one that reads is not."""

import contextlib

import pytest
from kafka import TopicPartition

from consumer import get_consumer
from errors import AccessError
from producer import send_msg
from room.group_offsets import reset_offsets
from tests.support.brokers import eventually


def test_only_a_stopped_group_is_moved(topic: str) -> None:
    """To the beginning, to the end, to a time; not while it has members, nor if there is none."""
    group, tp = f'{topic}-group', TopicPartition(topic, 0)
    for number in range(3):
        value = {'sender': 'red', 'contents': str(number)}
        send_msg(topic, value, block=True, timestamp=1000.0 + number)
    with contextlib.closing(get_consumer(topic, group_id=group, offset='earliest')) as consumer:
        eventually(lambda: (consumer.poll(timeout_ms=50), consumer.assignment())[1])
        consumer.seek(tp, 2)
        consumer.commit()
        with pytest.raises(AccessError, match='Stop them first'):
            reset_offsets(group, 'beginning')
    with pytest.raises(AccessError, match='has committed nothing'):
        reset_offsets(f'{group}-unknown', 'beginning')
    assert reset_offsets(group, 'beginning') == {tp: 0}
    assert reset_offsets(group, 1001.0) == {tp: 1}
    with contextlib.closing(get_consumer(topic, group_id=group, timeout=5)) as consumer:
        assert next(consumer).value['contents'] == '1'
    assert reset_offsets(group, 'end') == {tp: 3}
