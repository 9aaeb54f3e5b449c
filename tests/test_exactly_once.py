"""Alerts exactly once: through kill -9, instances that come and go, brokers that restart, and a long sleep."""

import collections
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import kafka as client
import pytest

from broker import Broker
from producer import flush, send_msg

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SERVICE = """
import sys
from alerts import ThrottlingAlertService
topic, alerts, limit, duration, repeat = sys.argv[1:]
service = ThrottlingAlertService(topic, alerts, 'throttle-' + topic, 'earliest', limit=int(limit), duration=float(duration),
                                 repeat_interval=float(repeat), dead_letter_topic=alerts + '.dead')
service.monitor()
"""
# A killed member is missed, and its transaction given up, after these; 6 s each outside the tests.
EXPIRY = {'KAFKA_SESSION_TIMEOUT_MS': '1500', 'KAFKA_TRANSACTION_TIMEOUT_MS': '2000'}
SMALL = {'messages': 6_000, 'senders': 100, 'kills': 2}
FULL = {'messages': 100_000, 'senders': 1_000, 'kills': 20}
# limit, duration: a window that holds few of a sender's messages, and one that holds most of them
ORDINARY, CROWDED = (3, 2.0), (30, 600.0)
LONG = [pytest.mark.torture, pytest.mark.timeout(1500)]
FULL_RUNS = [pytest.param(window, FULL, marks=LONG) for window in (ORDINARY, CROWDED)]


class Scene:
    """A topic with 6 partitions, its alerts, and the instances of a service."""

    def __init__(self, servers: str, window: tuple[int, float], repeat: float = 0.0) -> None:
        self.servers, self.window, self.repeat = servers, window, repeat
        self.topic = f'exactly-{secrets.token_hex(4)}'
        self.alerts = f'{self.topic}-alerts'
        self.instances: list[subprocess.Popen[bytes]] = []
        admin = client.KafkaAdminClient(bootstrap_servers=servers)
        admin.create_topics({self.topic: {'num_partitions': 6}, self.alerts: {'num_partitions': 3}}, wait_for_metadata=True)
        admin.close()

    def start(self) -> subprocess.Popen[bytes]:
        """One more instance."""
        arguments = [self.topic, self.alerts, *map(str, self.window), str(self.repeat)]
        environment = os.environ | {'KAFKA_BOOTSTRAP_SERVERS': self.servers} | EXPIRY
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', SERVICE, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.instances.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], how: int = signal.SIGKILL) -> None:
        """End an instance and wait for it."""
        self.instances.remove(process)
        process.send_signal(how)
        process.wait(30)

    def close(self) -> None:
        """No instance is left behind."""
        for process in list(self.instances):
            self.end(process)

    def talk(self, messages: int, senders: int, seconds: float) -> threading.Thread:
        """Send numbered messages with times of their own, over so many seconds, in the background."""

        def send() -> None:
            chance, sent_at, start = random.Random(4), time.time() - 3600, time.monotonic()
            for number in range(messages):
                sent_at += chance.choice([0.0, 0.001, 0.002])
                late = chance.choice([0.0, 0.0, 0.0, -5.0])  # some come with a time that has passed
                value = {'sender': f's{chance.randrange(senders)}', 'contents': str(number)}
                send_msg(self.topic, value, timestamp=sent_at + late)
                if number % 200 == 0:
                    time.sleep(max(0.0, start + seconds * number / messages - time.monotonic()))
            flush(60)

        thread = threading.Thread(target=send)
        thread.start()
        return thread

    def read(self, topic: str) -> list[Any]:
        """Every committed record of a topic, with a plain client."""
        reader = client.KafkaConsumer(
            topic, bootstrap_servers=self.servers, auto_offset_reset='earliest', isolation_level='read_committed', consumer_timeout_ms=3000
        )
        try:
            return list(reader)
        finally:
            reader.close()

    def wait_until_read(self, timeout: float = 120.0) -> None:
        """Until the group has committed the end of each partition."""
        reader = client.KafkaConsumer(bootstrap_servers=self.servers, group_id=f'throttle-{self.topic}', isolation_level='read_committed')
        try:
            places = [client.TopicPartition(self.topic, number) for number in range(6)]
            deadline = time.monotonic() + timeout
            while True:
                ends = reader.end_offsets(places)
                done = {place: reader.committed(place) or 0 for place in places}
                if done == ends:
                    return
                assert time.monotonic() < deadline, f'not read to the end: {done} of {ends}'
                time.sleep(0.3)
        finally:
            reader.close(autocommit=False)

    def reference(self) -> list[str]:
        """What must be alerted about, computed from the log by counting."""
        limit, duration = self.window
        now: dict[int, float] = collections.defaultdict(float)
        said: dict[tuple[int, str], list[float]] = collections.defaultdict(list)
        loud: dict[tuple[int, str], float] = {}
        expected = []
        for record in sorted(self.read(self.topic), key=lambda record: (record.partition, record.offset)):
            here = record.partition
            now[here] = max(now[here], record.timestamp / 1000)
            who = (here, json.loads(record.value)['sender'])
            said[who] = [before for before in said[who] if before > now[here] - duration] + [now[here]]
            if len(said[who]) > limit and not (self.repeat and now[here] - loud.get(who, 0.0) < self.repeat):
                loud[who] = now[here]
                expected.append(f'{record.topic}/{here}/{record.offset}')
        return sorted(expected)

    def check(self) -> None:
        """The read-committed alerts equal the reference: none is missing, none is there twice."""
        expected = self.reference()
        found = sorted(dict(record.headers)['triggered-by'].decode() for record in self.read(self.alerts))
        twice = [place for place, count in collections.Counter(found).items() if count > 1]
        assert not twice, f'{len(twice)} alerts are there more than once: {twice[:5]}'
        assert found == expected, f'{len(found)} alerts, expected {len(expected)}; missing {sorted(set(expected) - set(found))[:5]}'
        assert len(expected) > 50, 'too few alerts to prove anything'


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
def test_a_service_that_is_killed_again_and_again_alerts_exactly_once(scene: Any, window: tuple[int, float], size: dict[str, int]) -> None:
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
def test_instances_that_come_and_go_alert_exactly_once(scene: Any, window: tuple[int, float], size: dict[str, int]) -> None:
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


@pytest.mark.parametrize('size', [SMALL, pytest.param(FULL, marks=LONG)])
def test_a_broker_that_restarts_costs_no_alert(size: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The only broker is stopped and started in mid-work; the service waits, and goes on."""
    with Broker() as kafka:
        monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', kafka.bootstrap_servers)
        stage = Scene(kafka.bootstrap_servers, (3, 2.0))
        try:
            talk = stage.talk(size['messages'], size['senders'], seconds=6.0)
            stage.start()
            for _ in range(1 if size is SMALL else 3):
                time.sleep(3.0)
                kafka.restart(1)
            talk.join()
            stage.wait_until_read()
            stage.check()
        finally:
            stage.close()


def test_a_service_that_slept_through_its_session_does_not_alert_twice(scene: Any) -> None:
    """Stopped for longer than its session, it finds out that others have taken over."""
    stage = scene((3, 2.0))
    talk = stage.talk(6_000, 100, seconds=8.0)
    sleeper = stage.start()
    time.sleep(3.0)
    sleeper.send_signal(signal.SIGSTOP)
    stage.start()
    time.sleep(3.5)
    sleeper.send_signal(signal.SIGCONT)
    talk.join()
    stage.wait_until_read()
    stage.check()


def test_quiet_after_an_alert_outlives_a_kill(scene: Any) -> None:
    """repeat_interval is part of what a restarted service knows."""
    stage = scene((3, 2.0), repeat=1.5)
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
    stage = scene((3, 2.0))
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
    assert sorted(record.value for record in dead) == sorted(b'no json %d' % number for number in range(90))
    assert {name for name, _ in dead[0].headers} >= {'dead-letter-topic', 'dead-letter-partition', 'dead-letter-offset', 'dead-letter-why'}
