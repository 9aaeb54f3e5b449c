"""What the room knows of topics and consumer groups, from a real Kafka."""

import contextlib
from collections.abc import Callable

from kafka.admin import KafkaAdminClient

import settings
from consumer import get_consumer
from producer import send_msg
from room.cluster import ClusterMonitor
from tests.support.brokers import eventually


def test_the_monitor_shows_lag_and_members(
    make_topic: Callable[..., str],
) -> None:
    """Ends, committed offsets, lag and members are there, and that a member has left.

    The rows of the room's own topics come first, however many others there are.
    """
    topic = make_topic(partitions=2)
    group = f'{topic}-group'
    with contextlib.closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
        admin.create_topics(
            {f'before-{number}-{topic}': {'num_partitions': 2} for number in range(3)}
        )
    monitor = ClusterMonitor(topic)
    monitor.start()
    try:
        with contextlib.closing(get_consumer(topic, group_id=group, offset='earliest')) as consumer:
            for _ in range(3):
                send_msg(topic, {'sender': 'red', 'contents': 'hello'}, block=True)
            next(consumer)
            consumer.commit()
            rows = eventually(
                lambda: [
                    row
                    for row in monitor.snapshot.group_rows()
                    if row['group'] == group and row['committed'] == 1
                ]
            )
            assert (rows[0]['end'], rows[0]['lag'], rows[0]['state']) == (3, 2, 'Stable')
            assert rows[0]['member'].startswith('kafka-python')
            here = (topic, rows[0]['partition'])
            ends = eventually(
                lambda: [
                    row['end']
                    for row in monitor.snapshot.topic_rows()
                    if (row['topic'], row['partition']) == here
                ]
            )
            assert ends == [3]
            assert monitor.snapshot.topic_rows()[0]['topic'] == topic
            assert monitor.snapshot.groups[0].name == group
        left = f'{group}: no members left (before: kafka-python'
        eventually(lambda: any(str(each).startswith(left) for each in monitor.rebalances))
    finally:
        monitor.stop()
