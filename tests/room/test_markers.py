"""What the picture of the log says of each group, from real groups on a real Kafka."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaError

from consumer import get_consumer
from producer import get_producer, send_msg
from room.cluster import ClusterMonitor
from room.markers import markers_of, outside_of
from services import TrendingWords
from tests.support.brokers import eventually

MakeTopic = Callable[..., str]


@pytest.fixture
def topic(make_topic: MakeTopic) -> str:
    """A topic with two partitions."""
    return make_topic(partitions=2)


@pytest.fixture
def monitor(topic: str) -> Iterator[ClusterMonitor]:
    """A monitor that knows the topic."""
    monitor = ClusterMonitor(topic)
    monitor.start()
    eventually(lambda: monitor.snapshot.partitions)
    yield monitor
    monitor.stop()


def _say(topic: str, count: int, partition: int = 0) -> None:
    for _ in range(count):
        value = b'{"sender": "red", "contents": "hello"}'
        get_producer().send(topic, value, partition=partition).get(timeout=10)


def _marker(monitor: ClusterMonitor, topic: str, number: int, group: str) -> dict[str, Any]:
    found = markers_of(topic, number, monitor.snapshot, None)
    return next((each for each in found if each['group'] == group), {})


def test_a_marker_has_owner_offset_and_lag(topic: str, monitor: ClusterMonitor) -> None:
    """The marker stands at the committed offset, has its member's name, and says the lag.

    A member too many stands with its group, and what nobody reads any more says so.
    """
    group = f'{topic}-group'
    _say(topic, 5)
    with contextlib.ExitStack() as stack:
        names = ('first', 'second', 'third')
        members = [
            stack.enter_context(
                contextlib.closing(
                    get_consumer(topic, group_id=group, offset='earliest', client_id=name)
                )
            )
            for name in names
        ]

        def as_the_members_see_it() -> bool:
            """Whether Kafka says of the group what its members say of themselves."""
            for member in members:
                member.poll(timeout_ms=50)
            said = {each.config['client_id']: sorted(each.assignment()) for each in members}
            known = [each for each in monitor.snapshot.groups if each.name == group]
            return bool(known) and known[0].state == 'Stable' and known[0].members == said

        eventually(as_the_members_see_it)
        zero = TopicPartition(topic, 0)

        def is_seen_at_two() -> bool:
            owner = next((each for each in members if zero in each.assignment()), None)
            if owner is not None and as_the_members_see_it():
                owner.seek(zero, 2)
                with contextlib.suppress(KafkaError):  # the group is just being rebalanced
                    owner.commit()
            marker = _marker(monitor, topic, 0, group)
            said = (marker.get('at'), marker.get('lag'), marker.get('member'))
            return owner is not None and said == (2, 3, owner.config['client_id'])

        eventually(is_seen_at_two)

        def the_idle_one_is_named() -> bool:
            lines = outside_of(topic, monitor.snapshot) if as_the_members_see_it() else []
            idle = [each.config['client_id'] for each in members if not each.assignment()]
            return bool(idle) and any(
                each.startswith(f'{group}: {idle[0]} has no partition') for each in lines
            )

        eventually(the_idle_one_is_named)
    eventually(lambda: _marker(monitor, topic, 0, group).get('member') == '(no member)')
    assert monitor.rebalances[-1].before


def test_a_service_that_commits_the_start_of_its_window_is_not_late(
    topic: str, monitor: ClusterMonitor
) -> None:
    """It says that it has read all, although its committed offset lies far behind."""
    group = f'{topic}-trends'
    trends = TrendingWords(topic, group_id=group, offset='earliest')
    for number in range(4):
        send_msg(topic, {'sender': 'red', 'contents': f'word{number}'}, block=True)
    assert trends.run(timeout=1.0) == 4
    trends.close()
    partition = next(tp.partition for tp, each in monitor.snapshot.partitions.items() if each.end)
    eventually(lambda: _marker(monitor, topic, partition, group).get('note'))
    marker = _marker(monitor, topic, partition, group)
    assert (marker['at'], marker['lag']) == (0, 4)
    assert marker['note'] == 'commits the start of its window, and has read all'
    _say(topic, 2, partition)
    eventually(lambda: 'all but 2' in _marker(monitor, topic, partition, group)['note'])


def test_a_group_of_the_new_protocol_is_shown_as_what_it_is(
    topic: str, monitor: ClusterMonitor
) -> None:
    """A group of KIP-848 (librdkafka's) has offsets and lag, and is not called dead or empty."""
    confluent_kafka = pytest.importorskip('confluent_kafka')
    import settings

    _say(topic, 3)
    group = f'{topic}-new'
    servers = settings.client_options('consumer')['bootstrap_servers']
    consumer = confluent_kafka.Consumer(
        {
            'bootstrap.servers': ','.join([servers] if isinstance(servers, str) else servers),
            'group.id': group,
            'group.protocol': 'consumer',
            'auto.offset.reset': 'earliest',
        }
    )
    try:
        consumer.subscribe([topic])
        eventually(lambda: consumer.poll(0.2))
        consumer.commit(asynchronous=False)
        eventually(lambda: _marker(monitor, topic, 0, group).get('at') == 1)
        marker = _marker(monitor, topic, 0, group)
        assert (marker['lag'], marker['member']) == (2, '(members cannot be seen)')
        assert any('KIP-848' in line for line in outside_of(topic, monitor.snapshot))
        assert next(g for g in monitor.snapshot.groups if g.name == group).state == 'Stable'
    finally:
        consumer.close()
