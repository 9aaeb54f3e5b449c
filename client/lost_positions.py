"""Where a reader goes on when its position is gone: deleted by retention, cut off, or never there.

kafka-python by itself decides this in silence. ``consumer_loop.py`` has it ask here instead.

The one idea to take away: skipping may be the only way on, but never without saying what was
skipped.
"""

import logging
from collections.abc import Mapping
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

__all__ = ['follow_truncation', 'go_on_at_oldest']

log = logging.getLogger(__name__)


def go_on_at_oldest(consumer: Any, positions: Mapping[TopicPartition, int]) -> None:
    """Seek to the oldest record of each partition, and say in one line what was missed.

    Args:
        consumer: any KafkaConsumer.
        positions: the offsets that Kafka does not have (OFFSET_OUT_OF_RANGE).
    """
    oldest = consumer.beginning_offsets(list(positions))
    for partition, offset in positions.items():
        begin = oldest[partition]
        name = f'{partition.topic}, partition {partition.partition}'
        if offset < begin:
            log.warning(
                'offsets %d to %d of %s are no longer kept (retention, OFFSET_OUT_OF_RANGE); '
                'going on at %d',
                offset,
                begin - 1,
                name,
                begin,
            )
        else:
            log.warning(
                'offset %d of %s does not exist (OFFSET_OUT_OF_RANGE): the topic was made again, '
                'or lost records; going on at the oldest one, %d',
                offset,
                name,
                begin,
            )
        consumer.seek(partition, begin)


def follow_truncation(
    consumer: Any, ends: Mapping[TopicPartition, OffsetAndMetadata | None]
) -> None:
    """Seek to where a log was cut off when a broker without its end was elected leader (KIP-320).

    Args:
        consumer: any KafkaConsumer.
        ends: as kafka-python's LogTruncationError tells; None where Kafka does not know.
    """
    for partition, end in ends.items():
        offset = end.offset if end else consumer.beginning_offsets([partition])[partition]
        log.warning(
            'Kafka has lost the records of %s, partition %d, from offset %d on (log truncation); '
            'going on there',
            partition.topic,
            partition.partition,
            offset,
        )
        consumer.seek(partition, offset)
