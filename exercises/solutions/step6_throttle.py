"""A solution of exercise 6."""

from alerts import ThrottlingAlertService


def make_throttle(topic, alerts):
    return ThrottlingAlertService(
        monitor_topic=topic,
        alert_topic=alerts,
        offset='earliest',
        limit=3,
        duration=10.0,
        repeat_interval=60.0,
    )
