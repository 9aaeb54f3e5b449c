"""kafka-python with its defaults: its iterator, and json.

It takes crc32c if that is installed; ``hide_crc32c`` hides it.
"""

import json
import os
import sys
from typing import Any

from bench.clients.measured import SERVERS, Window, alert, measured


def hide_crc32c() -> None:
    """Be as after ``pip install kafka-python`` alone: checksums are counted in Python."""
    sys.modules['crc32c'] = None  # type: ignore[assignment]


def _producer() -> Any:
    import kafka

    return kafka.KafkaProducer(
        bootstrap_servers=os.environ[SERVERS],
        value_serializer=lambda value: json.dumps(value).encode(),
    )


def _consumer(*topics: str, **options: Any) -> Any:
    import kafka

    return kafka.KafkaConsumer(
        *topics,
        bootstrap_servers=os.environ[SERVERS],
        value_deserializer=json.loads,
        auto_offset_reset='earliest',
        **options,
    )


def send(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """Bulk: a loop of send, until all are acknowledged."""
    producer = _producer()
    result: dict[str, Any] = {}
    producer.send(topic, values[0]).get(timeout=10)
    with measured(result):
        for value in values:
            producer.send(topic, value, key=value['sender'].encode())
        producer.flush(60)
    return result


def send_blocking(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """One after the other, each acknowledged."""
    producer = _producer()
    result: dict[str, Any] = {}
    producer.send(topic, values[0]).get(timeout=10)
    with measured(result):
        for value in values:
            producer.send(topic, value, key=value['sender'].encode()).get(timeout=10)
    return result


def read(topic: str, count: int) -> dict[str, Any]:
    """Iterate over decoded records."""
    result: dict[str, Any] = {}
    c = _consumer(topic)
    with measured(result):
        left = count
        for msg in c:
            msg.value['sender']
            left -= 1
            if not left:
                break
    return result


def first_send(topic: str, value: dict[str, str]) -> dict[str, Any]:
    """From nothing to an acknowledged message."""
    import kafka  # noqa: F401

    result: dict[str, Any] = {}
    with measured(result):
        _producer().send(topic, value).get(timeout=10)
    return result


def first_read(topic: str, group: str) -> dict[str, Any]:
    """From nothing to a group's first message."""
    import kafka  # noqa: F401

    result: dict[str, Any] = {}
    with measured(result):
        next(_consumer(topic, group_id=group))
    return result


def cycle_producer(topic: str, value: dict[str, str]) -> None:
    """Make, use and destroy a producer."""
    producer = _producer()
    producer.send(topic, value).get(timeout=10)
    producer.close()


def cycle_consumer(topic: str) -> None:
    """Make, use and destroy a consumer."""
    c = _consumer(topic)
    next(c)
    c.close()


def throttle(monitor: str, alerts: str, group: str | None, limit: int) -> dict[str, Any]:
    """The same job, until Ctrl-C. With a group: at least once, as the client does it by itself."""
    consumer, producer, window = _consumer(monitor, group_id=group), _producer(), Window(limit)
    result: dict[str, Any] = {}
    with measured(result):
        for msg in consumer:
            if window.exceeded(msg.value['sender'], msg.timestamp / 1000):
                producer.send(alerts, alert(msg.value), key=msg.value['sender'].encode())
    producer.close()
    return result
