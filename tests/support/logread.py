"""Reads a topic with the bare client, so that no test trusts the code it is about."""

import time
from typing import Any

from schemas import decode


def records(topic: str, **options: Any) -> list[Any]:
    """All that is in a topic at this moment, read with the bare client (and such options).

    In order of partition and offset.
    """
    from kafka import KafkaConsumer, TopicPartition

    import settings

    consumer = KafkaConsumer(**settings.client_options('consumer', **options))
    try:
        topic = settings.topic_name(topic)
        places = [
            TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))
        ]
        if not places:  # nobody has written yet
            return []
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(places)
        found: list[Any] = []
        deadline = time.monotonic() + 30
        while any(consumer.position(place) < ends[place] for place in places):
            assert time.monotonic() < deadline, f'{len(found)} of {ends} read'
            for batch in consumer.poll(timeout_ms=200).values():
                found += batch
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        consumer.close()


def values(topic: str) -> list[Any]:
    """All the messages in a topic."""
    return [decode(record.value) for record in records(topic)]
