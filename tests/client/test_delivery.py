"""Whoever sends much counts all of it: through Ctrl-C, through failures, and not too far ahead."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.future import Future

import producer
from broker import Broker
from client.delivery import Tally
from errors import DeliveryError
from simulators import MsgSimulator
from tests.support.logread import records

pytestmark = pytest.mark.client

ROOT = Path(__file__).parents[2]


def test_what_kafka_does_not_take_is_counted_and_said_once(
    make_topic: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    """Failed messages are not in the returned number; one line of this run says how many."""
    topic = make_topic(**{'max.message.bytes': '500'})

    class Windbag(MsgSimulator):
        def get_message(self) -> str:
            return 'x' * (10 if self.tally.sent < 4 else 1000)

    bot = Windbag(topic, sleep=lambda _: producer.flush())
    assert bot.simulate(count=7, print_msg=False) == 4
    tally = bot.tally
    assert (tally.sent, tally.acknowledged, tally.failed, tally.under_way) == (7, 4, 3, 0)
    said = [each.getMessage() for each in caplog.records if each.name == 'client.delivery']
    assert said == [f'3 of 7 messages to {topic} were not delivered: Kafka did not take them.']
    assert len(records(topic)) == 4


@pytest.mark.broker
def test_a_run_says_that_kafka_is_away_and_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While Kafka is frozen one line says so, and how many messages wait; another, that it answers.

    All are delivered.
    """
    with Broker() as kafka:
        monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', kafka.bootstrap_servers)

        class Witness(MsgSimulator):
            def get_value(self) -> Any:
                if self.tally.sent == 2:
                    kafka.pause()
                if 'does not answer' in caplog.text:
                    kafka.resume()
                return None if 'answers again' in caplog.text else super().get_value()

        bot = Witness('human-messages', delay=0.2)
        assert bot.simulate(print_msg=False) == bot.tally.sent
        producer.close()
    away, back = [
        record.getMessage() for record in caplog.records if record.name == 'client.delivery'
    ]
    assert re.fullmatch(
        r'Kafka does not answer: [1-9]\d* messages to human-messages wait to be acknowledged\.',
        away,
    )
    assert back == 'Kafka answers again.'


def test_silence_is_said_once_and_only_where_an_answer_is_due(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is said while nothing is under way, nor within two seconds, nor twice.

    Nor is an answer that is no news.
    """
    now = [100.0]
    tally = Tally('any', clock=lambda: now[0])
    tally.wait_for_room()
    first, second = Future(), Future()
    tally.add(first)
    for now[0] in (101.9, 110.0, 120.0):
        tally.wait_for_room()
        assert len(caplog.records) == (now[0] > 102)
    tally.add(second)
    first.success('ok')
    second.success('ok')
    now[0] = 200.0
    tally.wait_for_room()
    assert [record.getMessage() for record in caplog.records] == [
        'Kafka does not answer: 1 messages to any wait to be acknowledged.',
        'Kafka answers again.',
    ]


def test_the_end_of_a_run_says_what_it_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    """If Kafka does not acknowledge soon after Ctrl-C, a line says for how much it is waited.

    It says for how long, too. Where nothing was sent, nothing is waited for.
    """
    tally = Tally('any')
    waits: list[float] = []

    def flush(timeout: float) -> None:
        waits.append(timeout)
        raise DeliveryError('not acknowledged')

    assert tally.settle(flush) == 0
    assert waits == []
    tally.add(Future())
    with pytest.raises(DeliveryError):
        tally.settle(flush)
    assert waits == [2.0, 10.0]
    assert [record.getMessage() for record in caplog.records] == [
        'Waiting for Kafka, at most 10 s: 1 messages to any are not acknowledged.'
    ]


ENDLESS = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the shell said
from simulators import NonsenseSimulator
sim = NonsenseSimulator(topic=sys.argv[1], key='green', delay=float(sys.argv[2]))
print('returned', sim.simulate())
"""


@pytest.mark.skipif(
    os.name == 'nt', reason='Windows sends no SIGINT to one process: run this on Linux or macOS'
)
@pytest.mark.parametrize(('delay', 'lines'), [(0, 1), (0, 50), (0, 5000), (60, 1)])
def test_ctrl_c_ends_the_run_and_loses_nothing(
    topic: str, tmp_path: Path, delay: float, lines: int
) -> None:
    """After a real SIGINT, in a burst or in a pause, no message is lost.

    What was shown, what was returned and what is in the log are one number.
    """
    command = [sys.executable, '-c', ENDLESS, topic, str(delay)]
    output = tmp_path / 'output'
    with (
        output.open('w') as shown,
        subprocess.Popen(
            command, cwd=ROOT, stdout=shown, stderr=subprocess.PIPE, text=True
        ) as child,
    ):
        try:
            deadline = time.monotonic() + 30
            while output.read_text().count('\n') < lines:
                assert child.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            pressed = time.monotonic()
            child.send_signal(signal.SIGINT)
            errors = child.communicate(timeout=30)[1]
        finally:
            child.kill()
    assert (child.returncode, errors) == (0, '')
    assert time.monotonic() - pressed < 15
    *spoken, last = output.read_text().splitlines()
    assert len(spoken) >= lines
    assert last == f'returned {len(spoken)}'
    assert len(records(topic)) == len(spoken)


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Presses Ctrl-C in this very process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_until_a_message_is_on_its_way(ctrl_c: Callable[[], None]) -> None:
    """Ctrl-C amid a message takes effect after it, and leaves the block quietly.

    Python's own handler is back.
    """
    done = []
    with Tally('any') as tally:
        with tally.held():
            ctrl_c()
            done.append('message')
        done.append('next')
    assert done == ['message']
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait(ctrl_c: Callable[[], None]) -> None:
    """Who presses twice amid a message that hangs gets out."""
    done = []
    with Tally('any') as tally, tally.held():
        ctrl_c()
        ctrl_c()
        done.append('message')
    assert done == []


def test_a_foreign_handler_of_ctrl_c_stays(ctrl_c: Callable[[], None]) -> None:
    """Where somebody else handles SIGINT, or it is ignored, nothing is changed."""
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    with Tally('any') as tally, tally.held():
        ctrl_c()
    assert heard == [signal.SIGINT]


def test_nobody_runs_far_ahead_of_kafka() -> None:
    """With `limit` messages under way the sender waits until half of them are answered.

    Acknowledged or failed, that is the same here.
    """
    tally = Tally('any', limit=10)
    futures = [Future() for _ in range(10)]
    for future in futures[:9]:
        tally.add(future)
    tally.wait_for_room()  # 9 of 10: does not wait
    tally.add(futures[9])
    waiter = threading.Thread(target=tally.wait_for_room, daemon=True)
    waiter.start()
    for number, future in enumerate(futures[:4]):
        future.success('ok') if number % 2 else future.failure(ValueError('no'))
    waiter.join(timeout=0.3)
    assert waiter.is_alive()
    futures[4].success('ok')
    waiter.join(timeout=10)
    assert not waiter.is_alive()
    assert (tally.sent, tally.acknowledged, tally.failed, tally.under_way) == (10, 3, 2, 5)
