"""One sender's clock is wrong, and nobody else notices: on a real Kafka, through restarts."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from alerts import AlertService, ThrottlingAlertService
from producer import flush, send_msg
from tests.support.logread import records
from tests.support.reference import message_times, throttled

Messages = list[tuple[int, str, float]]
LIMIT, DURATION = 4, 60.0


class Repetition(AlertService):
    """The service of the README: somebody says the same thing twice within a while."""

    alert_type = 'repeated'
    duration = DURATION

    def new_state(self) -> dict[str, tuple[str, float]]:
        """The last thing that each sender said, and when."""
        return {}

    def process_message(self, message: Any) -> None:
        """Compare."""
        sender, contents = message.value['sender'], message.value['contents']
        before, when = self.state.get(sender, ('', 0.0))
        self.state[sender] = (contents, self.sent)
        if contents == before and self.sent - when < self.duration:
            self.emit_alert(message)


def chat(chance: random.Random, wrong: float, start: float) -> Messages:
    """3,000 messages by 40 people in half an hour, and by one more whose clock is wrong."""
    log = [(0, 'wrong', start + wrong)]
    for _ in range(3000):
        start += chance.choice([0.1, 0.5, 1.2])
        if chance.random() < 0.02:
            log.append((0, 'wrong', round(start + wrong, 3)))
        else:
            log.append((0, f's{chance.randrange(40)}', round(start, 3)))
    return log


def send(topic: str, log: Messages, key: str | None = None) -> None:
    """Each message says the same as half of all others."""
    for number, (_, sender, sent) in enumerate(log):
        text = str(number // 5 % 2)
        send_msg(topic, {'sender': sender, 'contents': text}, key=key, timestamp=sent)
    flush(30)


def alerted(alerts: str) -> list[int]:
    """The offsets of the messages that were alerted about."""
    found = (dict(record.headers)['triggered-by'] for record in records(alerts))
    return sorted(int(name.decode().split('/')[2]) for name in found)


def repeated(log: Messages) -> list[int]:
    """The offsets of what was said twice within the window, by comparing."""
    last: dict[str, tuple[str, float]] = {}
    found = []
    for offset, (_, sender, now) in enumerate(message_times(log)):
        text = str(offset // 5 % 2)
        before, when = last.get(sender, ('', 0.0))
        last[sender] = (text, now)
        if text == before and now - when < DURATION:
            found.append(offset)
    return found


@pytest.mark.parametrize(
    ('wrong', 'group'),
    [(3000.0, None), (3000.0, 'group'), (-3000.0, 'group')],
    ids=['ahead, view', 'ahead, group', 'behind, group'],
)
def test_a_log_is_caught_up_with_though_one_clock_is_wrong(
    topic: str, make_topic: Callable[[], str], wrong: float, group: str | None
) -> None:
    """None is lost, none is made up, and a service of one's own is right, too.

    With a group, each run goes on where the last one stopped.
    """
    log = chat(random.Random(1), wrong, time.time() - 7200.0)
    send(topic, log)
    runs = [None] if group is None else [1500, 700, None]
    throttle_alerts, own_alerts = make_topic(), make_topic()
    for count in runs:
        made: list[AlertService] = [
            ThrottlingAlertService(
                topic,
                throttle_alerts,
                group and f'throttle-{topic}',
                'earliest',
                limit=LIMIT,
                duration=DURATION,
            ),
            Repetition(topic, own_alerts, group and f'own-{topic}', 'earliest'),
        ]
        for service in made:
            service.run(count=count, timeout=None if count else 1.0)
    flush(30)
    deserved = throttled(log, LIMIT, DURATION)
    assert alerted(throttle_alerts) == [at for at, is_over in enumerate(deserved) if is_over]
    assert 100 < sum(deserved) < 2500
    assert alerted(own_alerts) == repeated(log)


def test_a_room_is_watched_live_though_one_clock_is_ahead(
    topic: str, make_topic: Callable[[], str]
) -> None:
    """Nothing is from the future, so nobody gets away, and nobody is accused for another."""
    alerts, now, log = make_topic(), [time.time()], []
    with ThrottlingAlertService(
        topic, alerts, limit=LIMIT, duration=20.0, clock=lambda: now[0]
    ) as service:
        for _ in range(20):
            now[0] = round(now[0] + 1.0, 3)
            step = [(0, f's{number}', now[0]) for number in (1, 2, 1, 3)]
            send(topic, [*step, (0, 'wrong', now[0] + 3000.0)])
            log += [*step, (0, 'wrong', now[0])]
            assert service.run(count=5, timeout=10.0) == 5
    flush(30)
    deserved = throttled(log, LIMIT, 20.0)
    assert alerted(alerts) == [at for at, is_over in enumerate(deserved) if is_over]
    assert sum(deserved) > 20


def test_quiet_about_hundreds_of_senders_outlives_a_restart(
    topic: str, make_topic: Callable[[], str]
) -> None:
    """More than a commit has room for: 200 are alerted about once, and the next one once, too."""
    alerts, at = make_topic(), time.time() - 600.0
    names = [f'a sender with a rather long name {number}' for number in range(200)]
    for senders in (names[:100], names[100:], names, [*names, 'one more', 'one more']):
        log = [(0, sender, at + number / 10) for number, sender in enumerate(senders)]
        send(topic, log, key='all')
        at += 30.0
        ThrottlingAlertService(
            topic,
            alerts,
            f'quiet-{topic}',
            'earliest',
            limit=0,
            duration=5.0,
            repeat_interval=300.0,
        ).run(count=len(log), timeout=10.0)
    assert len(records(alerts)) == 201


def test_who_talked_alone_for_long_makes_no_long_replay(
    topic: str, make_topic: Callable[[], str]
) -> None:
    """What no window holds any more is passed over, not read again."""
    start = time.time() - 7200.0
    log = [(0, sender, start) for sender in ('red', 'blue', 'red')]
    send(topic, log + [(0, 'alone', start + number / 10) for number in range(6000)])
    alerts = make_topic()
    polled: list[int] = []
    for expected in (6003, 0):
        service = ThrottlingAlertService(
            topic, alerts, f'alone-{topic}', 'earliest', limit=100, duration=2.0
        )
        with service:
            polled.clear()
            consumer: Any = service.open()
            poll = consumer.poll

            def counting(*args: Any, poll: Any = poll, **rest: Any) -> Any:
                found = poll(*args, **{**rest, 'max_records': 100})
                polled.extend(each.offset for records in found.values() for each in records)
                return found

            consumer.poll = counting
            assert service.run(timeout=1.0) == expected
        assert polled[:3] == [0, 1, 2]
        assert polled[-20:] == list(range(5983, 6003))
    assert len(polled) < 500
