"""The same key goes where every language's client sends it, also after a topic has grown."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

import producer
from producer import get_producer, send_msg
from settings import client_options
from tests.support.brokers import eventually
from tests.support.testkafka import Kafka

pytestmark = pytest.mark.client
KEYS = [f'key {number}' for number in range(30)]
SENDERS: dict[str, dict[str, Any]] = {
    'short': {},
    'with headers': {'headers': [('trace', b'1')]},  # such messages go the long way
}


def choices_of_a_fresh_producer(kafka: Kafka, topic: str) -> list[int]:
    """Where kafka-python's own producer sends each key: it computes as Java's client does."""
    with closing(KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)) as fresh:
        return [fresh.send(topic, b'{}', key.encode()).get(10).partition for key in KEYS]


@pytest.mark.parametrize('way', SENDERS)
def test_partitions_that_are_added_between_two_sends_are_used(
    kafka: Kafka, make_topic: Callable[..., str], way: str
) -> None:
    """A key that was sent before gets the partition that it has among all of them now."""
    topic = make_topic(partitions=2)

    def choices() -> list[int]:
        promises = [send_msg(topic, {}, key=key, **SENDERS[way]) for key in KEYS]
        producer.flush()
        return [promise.value.partition for promise in promises]

    assert choices() == choices() == choices_of_a_fresh_producer(kafka, topic)
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        admin.create_partitions({topic: 5})
    eventually(lambda: len(get_producer().partitions_for(topic)) == 5, 10.0)
    found = choices()
    assert found == choices_of_a_fresh_producer(kafka, topic)
    assert set(found) == set(range(5))
