"""One line says which partitions an instance has, when that has changed."""

import pytest
from kafka import TopicPartition

from processing.partition_news import PartitionNews, sentence


@pytest.mark.parametrize(
    ('numbers', 'which'),
    [
        ([], 'no partition'),
        ([3], 'partition 3'),
        ([0, 2], 'partitions 0 and 2'),
        ([0, 1, 2], 'partitions 0, 1 and 2'),
    ],
)
def test_the_line_is_a_sentence(numbers: list[int], which: str) -> None:
    """It names the group, the partitions and the topic."""
    expected = f'throttle: this instance now reads {which} of human-messages'
    assert sentence('throttle', 'human-messages', numbers) == expected


def test_only_what_changed_is_told_and_only_after_a_rebalance() -> None:
    """What is had in the middle of a rebalance is not worth a line; nor is what was told."""
    told: list[str] = []
    news = PartitionNews('throttle', 'room', told.append)
    partitions = [TopicPartition('room', number) for number in range(3)]
    news.tell([])
    assert told == []
    news.on_partitions_assigned(partitions)
    news.tell(partitions)
    news.tell([])  # a rebalance is under way
    news.on_partitions_assigned(partitions)
    news.tell(partitions)
    news.on_partitions_assigned([])
    news.tell([])
    assert [line.partition('reads ')[2] for line in told] == [
        'partitions 0, 1 and 2 of room',
        'no partition of room',
    ]


def test_a_view_has_nothing_to_tell() -> None:
    """Without a group all partitions are read by everybody."""
    told: list[str] = []
    news = PartitionNews(None, 'room', told.append)
    news.on_partitions_assigned([TopicPartition('room', 0)])
    news.tell([TopicPartition('room', 0)])
    assert told == []
