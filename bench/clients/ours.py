"""This library."""

import time
from typing import Any

from bench.clients.measured import measured


def send(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """Bulk: a loop of send_msg, until all are acknowledged."""
    import producer

    result: dict[str, Any] = {}
    producer.send_msg(topic, values[0], block=True)
    with measured(result):
        for value in values:
            producer.send_msg(topic, value)
        producer.flush(60)
    return result


def send_blocking(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """One after the other, each acknowledged."""
    import producer

    result: dict[str, Any] = {}
    producer.send_msg(topic, values[0], block=True)
    with measured(result):
        for value in values:
            producer.send_msg(topic, value, block=True)
    return result


def read(topic: str, count: int) -> dict[str, Any]:
    """Iterate over decoded records."""
    import consumer

    result: dict[str, Any] = {}
    c = consumer.get_consumer(topic, offset='earliest')
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
    import producer

    result: dict[str, Any] = {}
    with measured(result):
        producer.send_msg(topic, value, block=True)
    return result


def first_read(topic: str, group: str) -> dict[str, Any]:
    """From nothing to a group's first message."""
    import consumer

    result: dict[str, Any] = {}
    with measured(result):
        next(iter(consumer.get_consumer(topic, offset='earliest', group_id=group)))
    return result


def cycle_producer(topic: str, value: dict[str, str]) -> None:
    """Make, use and destroy a producer."""
    import producer

    producer.send_msg(topic, value, block=True)
    producer.close()


def cycle_consumer(topic: str) -> None:
    """Make, use and destroy a consumer."""
    import consumer

    c = consumer.get_consumer(topic, offset='earliest')
    next(iter(c))
    c.close()


def throttle(monitor: str, alerts: str, group: str | None, limit: int) -> dict[str, Any]:
    """The throttle service, until Ctrl-C."""
    import alerts as services

    service = services.ThrottlingAlertService(
        monitor_topic=monitor, alert_topic=alerts, group_id=group, offset='earliest', limit=limit
    )
    result: dict[str, Any] = {}
    with measured(result):
        service.monitor(print_msgs=False)
        time.sleep(0)
    return result
