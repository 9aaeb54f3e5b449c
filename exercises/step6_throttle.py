"""Set a throttle.

Write ``make_guard``: it returns a ThrottlingAlertService that watches ``topic``, from its beginning, and writes to ``alerts`` when
somebody says more than 3 things within 10 seconds; after an alert it keeps quiet about that sender for a minute. Do not start it.
"""

from alerts import ThrottlingAlertService


def make_guard(topic, alerts):
    return None  # your turn


# --- the check: leave it as it is ---


def test_guard(topic, make_topic, say, hear):
    import threading
    import time

    alerts, start = make_topic(), time.time() - 100
    guard = make_guard(topic, alerts)
    assert guard is not None, (
        'make_guard() returned nothing. Return ThrottlingAlertService(monitor_topic=topic, alert_topic=alerts, ...).'
    )
    said = {
        'slow': (0, 5, 10, 15, 20),
        'quick': (0, 1, 2, 3, 4, 5),
        'again': (0, 1, 2, 3, 65, 66, 67, 68),
    }
    for seconds, sender in sorted(
        (seconds, sender) for sender, times in said.items() for seconds in times
    ):
        say(sender, f'at {seconds}', timestamp=start + seconds)
    say('last', 'the end')
    thread = threading.Thread(target=guard.monitor, kwargs={'print_msgs': False}, daemon=True)
    thread.start()
    try:
        try:
            found = hear(3, timeout=5.0, topic=alerts)
        except AssertionError as error:
            raise AssertionError(
                f'Three alerts should come, and did not ({error}). limit is a number of messages, duration is seconds.'
            ) from None
        senders = sorted(alert['triggered_by']['sender'] for alert in found)
        assert senders == ['again', 'again', 'quick'], (
            f'Once quick, twice again, never slow; there were alerts about {senders}.'
        )
        more = hear(topic=alerts)
        assert not more, (
            f'{len(more)} alerts too many. repeat_interval keeps it quiet for so many seconds after an alert.'
        )
    finally:
        guard.stop()
        thread.join(10)
