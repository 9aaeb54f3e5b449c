"""Services as a learner meets them.

They see what is said, alert about it, and end when they are told to.
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import OffsetAndMetadata, TopicPartition

from alerts import AlertService, OffensiveContentAlertService, ThrottlingAlertService
from consumer import get_consumer
from errors import MessageError
from producer import flush, get_producer, send_msg


@contextlib.contextmanager
def running(service: AlertService) -> Iterator[None]:
    """monitor() in a thread, from when it is ready until it has returned."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            service.monitor()
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 10
    while service._loop is None and thread.is_alive():
        assert time.monotonic() < deadline, 'the service did not begin'
        time.sleep(0.01)
    try:
        yield
    finally:
        service.stop()
        thread.join(10)
    assert not thread.is_alive(), 'stop() did not end it'
    if failures:
        raise failures[0]


def hear(topic: str, count: int, patience: float = 15.0) -> list[Any]:
    """The alerts on a topic, one more than expected if there is one."""
    reader = get_consumer(topic, offset='earliest', timeout=patience)
    found = []
    try:
        for record in reader:
            found.append(record)
            if len(found) == count:
                reader.config['consumer_timeout_ms'] = 300  # a little longer for one too many
                found += list(reader)
                break
    finally:
        reader.close()
    return found


@pytest.fixture
def alerts(make_topic: Any) -> str:
    """A topic for alerts."""
    return str(make_topic())


@pytest.mark.parametrize('group', [None, 'throttle'], ids=['view', 'group'])
def test_every_message_over_the_limit_is_alerted_about(
    topic: str, alerts: str, group: str | None, capsys: Any
) -> None:
    """limit=2: the third and the fourth, keyed by the sender, with the message itself."""
    with running(
        ThrottlingAlertService(
            monitor_topic=topic, alert_topic=alerts, group_id=group and f'{group}-{topic}', limit=2
        )
    ):
        for number in range(4):
            send_msg(topic, {'sender': 'red', 'contents': str(number)}, block=True)
        send_msg(topic, {'sender': 'blue', 'contents': 'hello'})
        found = hear(alerts, 2)
    assert [record.value['triggered_by']['contents'] for record in found] == ['2', '3']
    assert [record.key for record in found] == ['red', 'red']
    assert found[0].value['alert_type'] == 'throttled'
    assert dict(found[0].headers)['triggered-by'] == f'{topic}/0/2'.encode()
    assert (
        capsys.readouterr().out.count(
            'ALERT throttled: red sent more than 2 messages within 60 seconds'
        )
        == 2
    )


@pytest.mark.parametrize('group', [None, 'words'], ids=['view', 'group'])
def test_offensive_words_are_masked_in_the_alert(
    topic: str, alerts: str, group: str | None
) -> None:
    """The alert's own message shows none of them."""
    service = OffensiveContentAlertService(
        monitor_topic=topic,
        alert_topic=alerts,
        group_id=group and f'{group}-{topic}',
        words=['damn'],
    )
    with running(service):
        send_msg(topic, {'sender': 'red', 'contents': 'a D4mn shame'})
        send_msg(topic, {'sender': 'red', 'contents': 'a damned shame'})
        (alert,) = hear(alerts, 1)
    assert alert.value['alert_message'] == 'red used offensive words: a D*** shame'
    assert alert.value['alert_type'] == 'offensive_content'


@pytest.mark.parametrize(
    'skew',
    [[3500.0], [-365 * 86400.0], [3500.0, -365 * 86400.0, 0.0]],
    ids=['future', 'past', 'mixed'],
)
def test_timestamps_do_not_evade_the_throttle(topic: str, alerts: str, skew: list[float]) -> None:
    """An hour ahead, a year back, or all mixed.

    Thirty messages at once are thirty messages at once.
    """
    with running(ThrottlingAlertService(monitor_topic=topic, alert_topic=alerts, limit=10)):
        for number in range(30):
            send_msg(
                topic,
                {'sender': 'red', 'contents': str(number)},
                timestamp=time.time() + skew[number % len(skew)],
            )
        found = hear(alerts, 20)
    assert [record.value['triggered_by']['contents'] for record in found] == [
        str(number) for number in range(10, 30)
    ]


def test_timestamps_from_the_future_are_where_they_were_after_a_restart(
    topic: str, alerts: str
) -> None:
    """Four messages that are far ahead of the service's clock, a hundred seconds, a restart.

    They have left the window of a minute.
    """
    for start, clock, expected in ((0, 1000.0, ['3']), (4, 1100.0, ['3', '7'])):
        with running(
            ThrottlingAlertService(
                topic, alerts, f'future-{topic}', 'earliest', limit=3, clock=lambda now=clock: now
            )
        ):
            for number in range(start, start + 4):
                send_msg(topic, {'sender': 'red', 'contents': str(number)}, block=True)
            found = hear(alerts, len(expected))
        assert [record.value['triggered_by']['contents'] for record in found] == expected


@pytest.mark.parametrize('group', [None, 'poison'], ids=['view', 'group'])
def test_a_malformed_message_is_reported_and_passed_by(
    topic: str, alerts: str, group: str | None, caplog: Any
) -> None:
    """Bytes that are no message stop no service."""
    with running(ThrottlingAlertService(topic, alerts, group and f'{group}-{topic}', limit=0)):
        for data in (b'no json', b'{"sender": 1, "contents": "x"}', b'[]', b'\xff', None):
            get_producer().send(topic, data, b'key')
        send_msg(topic, {'sender': 'red', 'contents': 'fine'})
        (alert,) = hear(alerts, 1)
    assert alert.value['triggered_by'] == {'sender': 'red', 'contents': 'fine'}
    said = [line for line in caplog.messages if line.startswith('skipped')]
    assert [line.startswith(f'skipped {topic}, partition 0') for line in said[:3]] == [True] * 3
    assert said[3:] == ['skipped 5 records so far']


@pytest.mark.parametrize('group', [None, 'poison'], ids=['view', 'group'])
def test_nothing_but_poison_stops_no_service(
    topic: str, alerts: str, group: str | None, caplog: Any
) -> None:
    """A poll in which no record can be read is a poll like any other."""
    with running(ThrottlingAlertService(topic, alerts, group and f'{group}-{topic}', limit=0)):
        get_producer().send(topic, b'no json', b'key').get(10)
        deadline = time.monotonic() + 10
        while 'skipped' not in caplog.text:
            assert time.monotonic() < deadline, 'it was not read'
            time.sleep(0.05)
        send_msg(topic, {'sender': 'red', 'contents': 'fine'})
        found = hear(alerts, 1)
    assert [record.value['triggered_by']['contents'] for record in found] == ['fine']


class Shouting(AlertService):
    """A learner's own: it remembers how often each sender shouted, per partition."""

    alert_type = 'shouting'
    duration = 3600.0

    def new_state(self) -> dict[str, int]:
        """How often who shouted."""
        return {}

    def process_message(self, message: Any) -> None:
        """Every second shout is one too many."""
        if message.value['contents'].isupper():
            sender = message.value['sender']
            self.state[sender] = self.state.get(sender, 0) + 1
            if self.state[sender] % 2 == 0:
                self.emit_alert(message)

    def get_alert_message(self, message: Any) -> str:
        """Who and how often."""
        return f'{message.value["sender"]} shouted {self.state[message.value["sender"]]} times'


def test_a_service_of_ones_own_remembers_across_a_restart(topic: str, alerts: str) -> None:
    """With a group, new_state and duration are all it takes."""
    with running(Shouting(topic, alerts, f'shouting-{topic}', 'earliest')):
        for text in ('HEY', 'hello', 'HEY', 'HEY'):
            send_msg(topic, {'sender': 'red', 'contents': text}, block=True)
        assert len(hear(alerts, 1)) == 1
    send_msg(topic, {'sender': 'red', 'contents': 'WHILE IT WAS AWAY'}, block=True)
    with running(Shouting(topic, alerts, f'shouting-{topic}')):
        found = hear(alerts, 2)
    assert [record.value['alert_message'] for record in found] == [
        'red shouted 2 times',
        'red shouted 4 times',
    ]


def test_a_mistake_in_a_service_ends_it_and_loses_nothing(topic: str, alerts: str) -> None:
    """The exception comes out of monitor().

    Once mended, the service goes on with the same message.
    """

    class Broken(ThrottlingAlertService):
        def process_message(self, message: Any) -> None:
            super().process_message(message)
            if message.value['contents'] == '2':
                raise ZeroDivisionError

    for number in range(4):
        send_msg(topic, {'sender': 'red', 'contents': str(number)})
    flush()
    with pytest.raises(ZeroDivisionError):
        Broken(topic, alerts, f'mistake-{topic}', 'earliest', limit=0).monitor()
    with running(ThrottlingAlertService(topic, alerts, f'mistake-{topic}', 'earliest', limit=0)):
        found = hear(alerts, 4)
    assert [json.loads(record.value['triggered_by']['contents']) for record in found] == [
        0,
        1,
        2,
        3,
    ]


@pytest.mark.parametrize('group', [None, 'count'], ids=['view', 'group'])
def test_an_alert_service_runs_as_other_services_do(
    topic: str, alerts: str, group: str | None, capsys: Any
) -> None:
    """`with`, run(count=..., timeout=...): a count is exact, the next run goes on behind it."""
    seen: list[str] = []

    class Watching(AlertService):
        def process_message(self, message: Any) -> None:
            seen.append(message.value['contents'])
            self.emit_alert(message)

    with Watching(topic, alerts, group and f'{group}-{topic}') as service:
        for number in range(5):
            send_msg(topic, {'sender': 'red', 'contents': str(number)}, block=True)
        assert service.run(count=2) == 2
        assert seen == ['0', '1']
        assert service.run(timeout=0.5) == 3
        assert service.run(timeout=0.3) == 0
    assert seen == list('01234')
    assert [record.value['triggered_by']['contents'] for record in hear(alerts, 5)] == seen
    printed = capsys.readouterr().out.splitlines()
    if group:
        reads = f'{group}-{topic}: this instance now reads partition 0 of {topic}'
        assert printed.pop(0) == reads
    assert printed == ['ALERT alert: red triggered alert'] * 5


def test_ctrl_c_ends_a_service_behind_the_step_it_is_at(topic: str, alerts: str) -> None:
    """Ctrl-C in the middle of the work: what was looked at is committed; the next one goes on."""

    class Pressed(AlertService):
        def process_message(self, message: Any) -> None:
            if message.value['contents'] == 'one':
                os.kill(os.getpid(), signal.SIGINT)
            self.emit_alert(message)

    for text in ('one', 'two'):
        send_msg(topic, {'sender': 'red', 'contents': text}, block=True)
    service = Pressed(topic, alerts, f'pressed-{topic}', 'earliest')
    service.monitor()
    assert service.run(timeout=0.5) == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(hear(alerts, 2)) == 2


@pytest.mark.parametrize(
    'metadata', ['somebody was here', '{"from":0,"before":1.0,"now":2.0}', '{"v":999}']
)
def test_the_metadata_of_another_tool_or_version_is_no_memory(
    topic: str, alerts: str, metadata: str, caplog: Any
) -> None:
    """It begins at the committed offset with an empty window, and says so in one line."""
    for number in range(4):
        send_msg(topic, {'sender': 'red', 'contents': str(number)}, block=True)
    reader = get_consumer(topic, offset='earliest', group_id=f'foreign-{topic}')
    partition = TopicPartition(topic, 0)
    reader.poll(5000)
    reader.commit({partition: OffsetAndMetadata(2, metadata, -1)})
    reader.close(autocommit=False)
    service = ThrottlingAlertService(topic, alerts, f'foreign-{topic}', limit=1)
    assert service.run(timeout=0.5) == 2
    assert [record.value['triggered_by']['contents'] for record in hear(alerts, 1)] == ['3']
    assert caplog.text.count('The window begins empty there') == 1


def test_what_makes_no_sense_is_said_at_once() -> None:
    """Before anything is asked of Kafka."""
    with pytest.raises(MessageError, match='answer itself'):
        AlertService('alerts', 'alerts')
    with pytest.raises(MessageError, match='limit=-1'):
        ThrottlingAlertService('human-messages', 'alerts', limit=-1)
    with pytest.raises(NotImplementedError, match='needs a process_message'):
        AlertService('human-messages', 'alerts').process_message(None)
