"""Write an alert service of your own.

Finish ``ShoutingAlertService``. It alerts when somebody SHOUTS: the message has at least 5 letters,
and all of them are capitals. Its alerts have the type ``shouting`` and say ``red is shouting``.
``process_message`` is given a record (``message.value['contents']``) and calls
``self.emit_alert(message)``; ``get_alert_message`` returns the text of the alert.
"""

from alerts import AlertService


class ShoutingAlertService(AlertService):
    alert_type = 'shouting'

    def process_message(self, message):
        pass  # your turn


# --- the check: leave it as it is ---


def test_shouting(topic, make_topic, say, hear):
    import threading

    alerts = make_topic()
    for sender, contents in [
        ('red', 'hello'),
        ('blue', 'HELLO THERE!'),
        ('red', 'OK'),
        ('red', '12345!'),
        ('red', 'OK, 100 %'),
        ('green', 'DON’T, 2 times'),
    ]:
        say(sender, contents)
    say('pink', 'GET OUT NOW')
    service = ShoutingAlertService(monitor_topic=topic, alert_topic=alerts, offset='earliest')
    thread = threading.Thread(target=service.monitor, kwargs={'print_msgs': False}, daemon=True)
    thread.start()
    try:
        try:
            found = hear(2, timeout=3.0, topic=alerts)
        except AssertionError as error:
            raise AssertionError(
                f'Two people shouted, so two alerts should come ({error}). '
                'Call self.emit_alert(message) for them.'
            ) from None
        senders = [alert['triggered_by']['sender'] for alert in found]
        assert senders == ['blue', 'pink'], (
            f'Only blue and pink shout; there were alerts about {senders}. '
            "Count the letters, not the characters: 'OK, 100 %' has two, and '12345!' has none."
        )
        words = [alert['alert_message'] for alert in found]
        assert words == ['blue is shouting', 'pink is shouting'], (
            f"The alert says {words[0]!r}, not 'blue is shouting'. "
            'Write get_alert_message(self, message).'
        )
        assert found[0]['alert_type'] == 'shouting', "alert_type should stay 'shouting'."
    finally:
        service.stop()
        thread.join(10)
