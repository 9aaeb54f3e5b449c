"""Remember what was said, even if you are stopped (docs/exactly-once.md).

Finish ``EchoAlertService``. It alerts when somebody says, word for word, what somebody else said
within the last 60 seconds. Its alerts have the type ``echo`` and say ``blue repeats red``. It is
stopped and started again in between, and must still know. So what it remembers belongs in
``self.state``: ``new_state`` returns an empty one, and ``duration`` says how many seconds of the
log are shown to it once more after a restart. ``self.now`` is the time on the partition.
"""

from alerts import AlertService


class EchoAlertService(AlertService):
    alert_type = 'echo'
    duration = 0.0  # your turn

    def process_message(self, message):
        pass  # your turn: self.state, and self.emit_alert(message)


# --- the check: leave it as it is ---


def test_echo(topic, make_topic, say, hear):
    import time

    alerts = make_topic()
    start = time.time() - 300

    def run_it():
        with EchoAlertService(topic, alerts, group_id='echo', offset='earliest') as service:
            service.run(timeout=1.0)
        return [(alert['alert_type'], alert['alert_message']) for alert in hear(topic=alerts)]

    say('red', 'good morning', timestamp=start)
    say('red', 'good morning', timestamp=start + 5)
    say('blue', 'good morning', timestamp=start + 10)
    say('red', 'time for coffee', timestamp=start + 20)
    found = run_it()
    assert found, (
        'Nobody was reported, and blue repeats red. Keep who said what, and when, in self.state; '
        'call self.emit_alert(message), and return the text from get_alert_message(self, message).'
    )
    assert found == [('echo', 'blue repeats red')], (
        f'One alert should come, and there were {found}. '
        'Whoever repeats only their own words is no echo.'
    )
    assert EchoAlertService.duration >= 60, (
        f'duration is {EchoAlertService.duration}: only so many seconds of the log are shown again '
        'after a restart, and 60 are needed.'
    )
    say('green', 'time for coffee', timestamp=start + 50)
    found = run_it()
    assert found, (
        'After a restart nobody was reported, and green repeats red, who spoke before it. '
        'What is to last must be in self.state, made by new_state(). It is built again from '
        'the last `duration` seconds of the log.'
    )
    assert found == [('echo', 'green repeats red')], (
        f"After a restart there should be one alert, 'green repeats red', and there were {found}."
    )
    for sender, contents in (('ann', 'what'), ('bob', 'how'), ('pink', 'time for coffee')):
        say(sender, contents, timestamp=start + 150)
    found = run_it()
    assert not found, (
        f'Pink said it 100 seconds after the others, and there were {found}. '
        'Compare self.now with the time at which it was said.'
    )
