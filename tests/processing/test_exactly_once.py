"""Alerts exactly once.

Through kill -9, instances that come and go, brokers that restart, and a long sleep.
"""

import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import kafka as client
import pytest

from broker import Broker
from tests.support.scene import Scene

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SMALL = {'messages': 6_000, 'senders': 100, 'kills': 2}
FULL = {'messages': 100_000, 'senders': 1_000, 'kills': 20}
# limit, duration: a window that holds few of a sender's messages, and one that holds most of them
ORDINARY, CROWDED = (3, 2.0), (30, 600.0)
LONG = [pytest.mark.torture, pytest.mark.timeout(1500)]
FULL_RUNS = [pytest.param(window, FULL, marks=LONG) for window in (ORDINARY, CROWDED)]


@pytest.fixture
def scene(kafka: Any) -> Iterator[Callable[..., Scene]]:
    """Makes scenes on the broker under test."""
    made: list[Scene] = []

    def make(window: tuple[int, float], repeat: float = 0.0) -> Scene:
        made.append(Scene(kafka.bootstrap_servers, window, repeat))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(('window', 'size'), [(ORDINARY, SMALL), *FULL_RUNS])
def test_a_service_that_is_killed_again_and_again_alerts_exactly_once(
    scene: Any, window: tuple[int, float], size: dict[str, int]
) -> None:
    """Killed with -9 at random moments and started again, it misses nothing and repeats nothing."""
    stage = scene(window)
    chance = random.Random(9)
    talk = stage.talk(size['messages'], size['senders'], seconds=2.5 * size['kills'])
    for _ in range(size['kills']):
        process = stage.start()
        time.sleep(chance.uniform(1.0, 4.0))
        stage.end(process)
    talk.join()
    stage.start()
    stage.wait_until_read()
    stage.check()


@pytest.mark.parametrize(('window', 'size'), [(CROWDED, SMALL), *FULL_RUNS])
def test_instances_that_come_and_go_alert_exactly_once(
    scene: Any, window: tuple[int, float], size: dict[str, int]
) -> None:
    """Up to three instances share the partitions; each one that joins or leaves is a rebalance."""
    stage = scene(window)
    chance = random.Random(7)
    talk = stage.talk(size['messages'], size['senders'], seconds=2.0 * size['kills'])
    first = stage.start()
    for turn in range(size['kills'] // 2 + 1):
        second, third = stage.start(), stage.start()
        time.sleep(chance.uniform(1.0, 3.0))
        stage.end(second, signal.SIGINT)
        stage.end(third, signal.SIGKILL if turn % 2 else signal.SIGINT)
    talk.join()
    stage.start()
    stage.end(first, signal.SIGINT)
    stage.wait_until_read()
    stage.check()


@pytest.mark.parametrize(('window', 'size'), [(ORDINARY, SMALL), *FULL_RUNS])
def test_a_broker_that_restarts_costs_no_alert(
    window: tuple[int, float], size: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only broker is stopped and started in mid-work; the service waits, and goes on."""
    with Broker() as kafka:
        monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', kafka.bootstrap_servers)
        stage = Scene(kafka.bootstrap_servers, window)
        restarts = 1 if size is SMALL else 3
        try:
            talk = stage.talk(size['messages'], size['senders'], seconds=6.0 * restarts)
            stage.start()
            for _ in range(restarts):
                time.sleep(3.0)
                kafka.restart(1)
            talk.join()
            stage.wait_until_read()
            stage.check()
        finally:
            stage.close()


@pytest.mark.parametrize(('window', 'size'), [(ORDINARY, SMALL), *FULL_RUNS])
def test_services_that_slept_through_their_session_do_not_alert_twice(
    scene: Any, window: tuple[int, float], size: dict[str, int]
) -> None:
    """Stopped for longer than their session, each at whatever it is doing.

    They find out that another one has taken over.
    """
    stage = scene(window)
    rounds = size['kills'] // 4 or 1
    talk = stage.talk(size['messages'], size['senders'], seconds=9.0 * rounds)
    sleepers = [stage.start() for _ in range(3)]
    for _ in range(rounds):
        time.sleep(4.0)
        for sleeper in sleepers:
            sleeper.send_signal(signal.SIGSTOP)
        stage.start()
        time.sleep(3.5)
        for sleeper in sleepers:
            sleeper.send_signal(signal.SIGCONT)
    talk.join()
    stage.wait_until_read()
    stage.check()


def test_a_service_that_ends_at_any_step_of_a_transaction_alerts_exactly_once(scene: Any) -> None:
    """Ended in the midst of each step in turn, before and behind it, the next instance goes on."""
    stage = scene(ORDINARY)
    steps = ['send', 'send_offsets', 'commit']
    points = [*steps, *(f'after {step}' for step in steps)]
    talk = stage.talk(6_000, 100, seconds=2.5 * len(points))
    for point in points:
        process = stage.start(die_at=point)
        assert process.wait(60) == 9, point
        stage.instances.remove(process)
    talk.join()
    stage.start()
    stage.wait_until_read()
    stage.check()


def test_quiet_after_an_alert_outlives_a_kill(scene: Any) -> None:
    """repeat_interval is part of what a restarted service knows."""
    stage = scene(ORDINARY, repeat=1.5)
    talk = stage.talk(6_000, 50, seconds=5.0)
    for wait in (2.0, 4.0):
        process = stage.start()
        time.sleep(wait)
        stage.end(process)
    talk.join()
    stage.start()
    stage.wait_until_read()
    stage.check()


def test_poison_goes_to_the_dead_letters_once_and_stops_nothing(scene: Any, kafka: Any) -> None:
    """What cannot be read is kept with its place, exactly once, even if the service is killed."""
    stage = scene(ORDINARY)
    sender = client.KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    for number in range(60):
        sender.send(stage.topic, b'no json %d' % number, key=b'k%d' % number)
    sender.flush()
    talk = stage.talk(3_000, 50, seconds=3.0)
    process = stage.start()
    time.sleep(3.0)
    stage.end(process)
    talk.join()
    for number in range(60, 90):
        sender.send(stage.topic, b'no json %d' % number, key=b'k%d' % number)
    sender.close()
    stage.start()
    stage.wait_until_read()
    dead = stage.read(f'{stage.alerts}.dead')
    assert sorted(record.value for record in dead) == sorted(
        b'no json %d' % number for number in range(90)
    )
    assert {name for name, _ in dead[0].headers} >= {
        'dead-letter-topic',
        'dead-letter-partition',
        'dead-letter-offset',
        'dead-letter-why',
    }
