"""confluent-kafka (librdkafka, C) with its defaults.

acks=all and idempotence are on, as they are in Kafka's own producer.
"""

import json
import os
from typing import Any

from bench.clients.measured import SERVERS, Window, alert, measured


def _producer() -> Any:
    import confluent_kafka

    return confluent_kafka.Producer(
        {
            'bootstrap.servers': os.environ[SERVERS],
            'enable.idempotence': True,
            'queue.buffering.max.messages': 1_000_000,
        }
    )


def _consumer(*topics: str, group: str | None = None) -> Any:
    import confluent_kafka

    consumer = confluent_kafka.Consumer(
        {
            'bootstrap.servers': os.environ[SERVERS],
            'group.id': group or 'bench',
            'auto.offset.reset': 'earliest',
        }
    )
    if group is None:
        consumer.assign(
            [
                confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)
                for topic in topics
            ]
        )
    else:
        consumer.subscribe(list(topics))
    return consumer


def _next(consumer: Any) -> Any:
    while True:
        msg = consumer.poll(1.0)
        if msg is not None and not msg.error():
            return msg


def send(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """Bulk: a loop of produce, until all are acknowledged."""
    producer = _producer()
    result: dict[str, Any] = {}
    producer.produce(topic, json.dumps(values[0]))
    producer.flush()
    with measured(result):
        for value in values:
            producer.produce(topic, json.dumps(value), value['sender'])
        producer.flush()
    return result


def send_blocking(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """One after the other, each acknowledged."""
    producer = _producer()
    result: dict[str, Any] = {}
    producer.produce(topic, json.dumps(values[0]))
    producer.flush()
    with measured(result):
        for value in values:
            producer.produce(topic, json.dumps(value), value['sender'])
            producer.flush()
    return result


def read(topic: str, count: int) -> dict[str, Any]:
    """Poll record by record."""
    result: dict[str, Any] = {}
    consumer = _consumer(topic)
    _next(consumer)  # librdkafka waits half a second before its first fetch
    with measured(result):
        for _ in range(count - 1):
            json.loads(_next(consumer).value())['sender']
    return result


def first_send(topic: str, value: dict[str, str]) -> dict[str, Any]:
    """From nothing to an acknowledged message."""
    import confluent_kafka  # noqa: F401

    result: dict[str, Any] = {}
    with measured(result):
        producer = _producer()
        producer.produce(topic, json.dumps(value))
        producer.flush()
    return result


def first_read(topic: str, group: str) -> dict[str, Any]:
    """From nothing to a group's first message."""
    import confluent_kafka  # noqa: F401

    result: dict[str, Any] = {}
    with measured(result):
        _next(_consumer(topic, group=group))
    return result


def cycle_producer(topic: str, value: dict[str, str]) -> None:
    """Make, use and destroy a producer."""
    producer = _producer()
    producer.produce(topic, json.dumps(value))
    producer.flush()


def cycle_consumer(topic: str) -> None:
    """Make, use and destroy a consumer."""
    consumer = _consumer(topic)
    _next(consumer)
    consumer.close()


def throttle(monitor: str, alerts: str, group: str | None, limit: int) -> dict[str, Any]:
    """The same job, until Ctrl-C. With a group: at least once, as the client does it by itself."""
    consumer, producer, window = _consumer(monitor, group=group), _producer(), Window(limit)
    result: dict[str, Any] = {}
    with measured(result):
        while True:
            msg = consumer.poll(1.0)
            if msg is None or msg.error():
                continue
            value = json.loads(msg.value())
            if window.exceeded(value['sender'], msg.timestamp()[1] / 1000):
                producer.produce(alerts, json.dumps(alert(value)), value['sender'])
            producer.poll(0)
    producer.flush()
    consumer.close()
    return result
