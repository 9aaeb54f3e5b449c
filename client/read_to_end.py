"""Reading up to the present end: all that a consumer's partitions hold at this moment, and no more.

The one idea to take away: a log has no end, but it has an end now. Fix that first, and read up to
it.
"""

import time
from collections.abc import Iterator
from typing import Any

from kafka import TopicPartition

from errors import UnreachableError

__all__ = ['read_to_end']

PATIENCE = 30.0  # seconds
STEP_MS = 100


def read_to_end(consumer: Any, timeout: float = PATIENCE) -> Iterator[list[Any]]:
    """The records between a consumer's position and the end that its partitions have now.

    Afterwards the consumer stands at that end, whatever was written meanwhile.

    Args:
        consumer: any KafkaConsumer, subscribed or assigned; as a member of a group it reads the
            partitions that the group gives it.
        timeout: seconds without a record after which Kafka counts as gone; time that the caller
            spends on a batch does not count.

    Yields:
        Records of one partition, in order, at least one.

    Raises:
        UnreachableError: Kafka stopped answering before the end.
    """
    partitions = consumer.assignment() or {
        TopicPartition(topic, number)
        for topic in consumer.subscription() or ()
        for number in consumer.partitions_for_topic(topic) or ()
    }
    ends = consumer.end_offsets(list(partitions))
    deadline = time.monotonic() + timeout
    while not _is_there(consumer, ends):
        for partition, records in consumer.poll(timeout_ms=STEP_MS).items():
            due = [record for record in records if record.offset < ends.get(partition, 0)]
            if len(due) < len(records):  # what was written meanwhile is left for later
                consumer.seek(partition, ends.get(partition, records[0].offset))
            if due:
                yield due
            deadline = time.monotonic() + timeout
        if time.monotonic() > deadline:
            names = ', '.join(sorted({partition.topic for partition in partitions}))
            raise UnreachableError(
                f'Nothing came from {names} for {timeout:g} s. Is Kafka running? '
                'Try: python -m settings'
            )


def _is_there(consumer: Any, ends: dict[TopicPartition, int]) -> bool:
    assigned = consumer.assignment()
    return bool(assigned) and all(
        (consumer.position(partition) or 0) >= ends.get(partition, 0) for partition in assigned
    )
