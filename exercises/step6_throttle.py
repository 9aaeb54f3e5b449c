"""Set a throttle.

Write ``make_throttle``. It returns a ThrottlingAlertService that reads ``topic`` from the
beginning, and writes to ``alerts`` when somebody sends more than 3 messages within 10 seconds.
After an alert there is no other about the same sender for a minute. Do not start the service.
"""

from alerts import ThrottlingAlertService


def make_throttle(topic, alerts):
    return None  # your turn


# --- the check: leave it as it is ---


def test_throttle(topic, make_topic, say, hear):
    import threading
    import time

    alerts = make_topic()
    throttle = make_throttle(topic, alerts)
    assert throttle is not None, (
        'make_throttle() returned nothing. '
        'Return ThrottlingAlertService(monitor_topic=topic, alert_topic=alerts, ...).'
    )
    assert throttle.offset == 'earliest', (
        "What was said before it started should count, too: say offset='earliest'."
    )
    times = {
        'slow': (0, 5, 10, 15, 20),
        'quick': (0, 1, 2, 3, 4, 5),
        'again': (0, 1, 2, 3, 65, 66, 67, 68),
    }
    start = time.time() - 100
    for second in range(70):
        for sender, seconds in times.items():
            if second in seconds:
                say(sender, f'at {second}', timestamp=start + second)
    say('last', 'the end')
    thread = threading.Thread(target=throttle.monitor, kwargs={'print_msgs': False}, daemon=True)
    thread.start()
    try:
        try:
            found = hear(3, timeout=5.0, topic=alerts)
        except AssertionError as error:
            raise AssertionError(
                f'Three alerts should come, and did not ({error}). limit is how many messages '
                'are allowed (3), duration is in seconds (10).'
            ) from None
        senders = sorted(alert['triggered_by']['sender'] for alert in found)
        assert senders == ['again', 'again', 'quick'], (
            f'There should be one alert about quick, two about again, and none about slow. '
            f'There were alerts about {senders}.'
        )
        more = hear(topic=alerts)
        assert not more, (
            f'There were {len(more)} alerts too many. repeat_interval is how many seconds after '
            'an alert there is no other about the same sender.'
        )
    finally:
        throttle.stop()
        thread.join(10)
