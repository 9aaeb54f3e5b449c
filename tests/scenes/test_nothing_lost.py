"""What was acknowledged is in the log once and in order, whatever happens to the brokers meanwhile.

Nothing waits for ever.

The full forms, with 20,000 messages, are marked `torture`: ``make torture``.
"""

import gc
import os
import secrets
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

import consumer
import producer
import settings
from broker import Broker
from client.idempotence import LongOutages
from tests.support.brokers import eventually
from tests.support.plain import skip_without

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(os.name != 'posix', reason='freezes processes and forks, which needs POSIX'),
    # kafka-python forgets the sockets of refused connections.
    pytest.mark.filterwarnings('ignore:unclosed:ResourceWarning'),
]
QUICK, FULL = 2_000, pytest.param(20_000, marks=[pytest.mark.torture, pytest.mark.timeout(600)])
PACE = 0.001  # seconds between messages, so that the faults fall in the midst of them


@pytest.fixture(scope='module')
def three() -> Iterator[Broker]:
    """A cluster of three that notices soon when one is gone; whoever breaks one mends it."""
    with Broker(
        brokers=3,
        properties={'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500'},
    ) as brokers:
        yield brokers


@pytest.fixture(scope='module')
def one() -> Iterator[Broker]:
    """A single broker; whoever breaks it mends it."""
    with Broker() as broker:
        yield broker


@pytest.fixture(autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """Sockets that kafka-python forgot are collected while nobody minds."""
    yield
    producer.close(timeout=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ResourceWarning)
        gc.collect()


@pytest.fixture
def meet(monkeypatch: pytest.MonkeyPatch) -> Callable[[Broker], str]:
    """Points the library at a broker, and makes a topic with three partitions on all brokers."""

    def use(broker: Broker) -> str:
        for name, value in broker.env().items():
            monkeypatch.setenv(name, value)
        topic = f'test-{secrets.token_hex(6)}'
        admin = KafkaAdminClient(**settings.client_options('admin'))
        try:
            admin.create_topics({topic: {'num_partitions': 3}}, wait_for_metadata=True)
        finally:
            admin.close()
        return topic

    return use


class Talker(threading.Thread):
    """Sends numbered messages by seven senders as far as it may, and keeps the promises."""

    def __init__(self, topic: str, count: int) -> None:
        super().__init__(daemon=True)
        self.topic, self.count, self.allowed = topic, count, 0
        self.promises: list[Any] = []
        self.ended = False

    def run(self) -> None:
        """Send all of them, at a pace."""
        pause = threading.Event()
        try:
            while len(self.promises) < self.count:
                number = len(self.promises)
                if number < self.allowed:
                    self.promises.append(
                        producer.send_msg(
                            self.topic, {'sender': f'red-{number % 7}', 'contents': str(number)}
                        )
                    )
                pause.wait(PACE)
        finally:
            self.ended = True

    def go_on(self, part: float) -> None:
        """Let it send up to that part of the messages, and return when half of those are sent."""
        self.allowed = int(part * self.count)
        half = (len(self.promises) + self.allowed) // 2
        eventually(lambda: self.ended or len(self.promises) >= half, 60 + PACE * self.count)

    def wait_for_answers(self) -> None:
        """Return when all that it may send is sent, and acknowledged or given up."""
        eventually(lambda: self.ended or len(self.promises) >= self.allowed, 60 + PACE * self.count)
        eventually(lambda: all(promise.is_done for promise in self.promises), 70)


def leader(topic: str) -> int:
    """The broker that leads the topic's first partition."""
    admin = KafkaAdminClient(**settings.client_options('admin'))
    try:
        return int(admin.describe_topics([topic])[0]['partitions'][0]['leader_id'])
    finally:
        admin.close()


def whole_log(topic: str) -> dict[str, list[int]]:
    """What is in the log, in its order: ``{'red-0': [0, 7, 14]}``."""
    reader = consumer.get_consumer(topic, offset='earliest')
    found = defaultdict(list)
    try:
        numbers = reader.partitions_for_topic(topic) or ()
        ends = reader.end_offsets([TopicPartition(topic, number) for number in numbers])
        deadline = time.monotonic() + 60
        while any((reader.position(partition) or 0) < end for partition, end in ends.items()):
            assert time.monotonic() < deadline
            for records in reader.poll(500).values():
                for record in records:
                    found[record.value['sender']].append(int(record.value['contents']))
    finally:
        reader.close()
    return found


def kill_the_leader_twice(brokers: Broker, talker: Talker) -> None:
    """Kill -9 whoever leads, let another take over, start it again; and the same once more."""
    for part in (0.2, 0.6):
        talker.go_on(part)
        node = leader(talker.topic)
        brokers.kill(node)
        talker.go_on(part + 0.2)
        talker.wait_for_answers()
        talker.go_on(part + 0.3)
        brokers.restart(node)


def freeze_the_leader(brokers: Broker, talker: Talker) -> None:
    """Freeze whoever leads until another has taken over, and let it go on."""
    talker.go_on(0.3)
    node = leader(talker.topic)
    brokers.pause(node)
    try:
        talker.go_on(0.6)
        talker.wait_for_answers()
    finally:
        brokers.resume(node)


def restart_the_only_one(brokers: Broker, talker: Talker) -> None:
    """Kill the only broker, and start it again."""
    talker.go_on(0.3)
    brokers.kill()
    talker.go_on(0.6)
    brokers.restart()


@pytest.mark.parametrize('count', [QUICK, FULL])
@pytest.mark.parametrize(
    ('cluster', 'fault'),
    [('three', kill_the_leader_twice), ('three', freeze_the_leader), ('one', restart_the_only_one)],
)
def test_what_was_acknowledged_is_there_once_and_in_order(
    count: int,
    cluster: str,
    fault: Callable[[Broker, Talker], None],
    meet: Callable[[Broker], str],
    request: pytest.FixtureRequest,
) -> None:
    """Every kept promise is in the log once, nothing is there twice, and in each sender's order."""
    brokers = request.getfixturevalue(cluster)
    talker = Talker(meet(brokers), count)
    talker.start()
    fault(brokers, talker)
    talker.go_on(1.0)
    talker.wait_for_answers()
    kept = {number for number, promise in enumerate(talker.promises) if promise.succeeded()}
    log = whole_log(talker.topic)
    written = [number for numbers in log.values() for number in numbers]
    assert len(written) == len(set(written))
    assert kept - set(written) == set()
    assert all(numbers == sorted(numbers) for numbers in log.values())
    assert len(kept) == count  # the faults were shorter than the delivery timeout


def test_a_prompt_goes_on_by_itself_when_its_broker_comes_back(
    one: Broker, meet: Callable[[Broker], str]
) -> None:
    """A producer and a consumer that were there before a restart work after it."""
    topic = meet(one)
    mine = consumer.get_consumer(topic, timeout=30)
    records = iter(mine)
    producer.send_msg(topic, {'sender': 'red', 'contents': 'before'}, block=True)
    assert next(records).value['contents'] == 'before'
    old = producer.get_producer()
    one.kill()
    promise = producer.send_msg(topic, {'sender': 'red', 'contents': 'meanwhile'})
    one.restart()
    started = time.monotonic()
    assert promise.get(timeout=20).topic == topic
    assert next(records).value['contents'] == 'meanwhile'
    assert time.monotonic() - started < 10
    assert producer.get_producer() is old
    mine.close()


@pytest.mark.parametrize('fault', ['kill', 'pause'])
def test_promises_are_kept_or_broken_in_time(
    fault: str, one: Broker, meet: Callable[[Broker], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a broker is gone or frozen for long no send hangs, and each promise ends in time.

    When the broker is back, the same producer goes on.
    """
    skip_without(LongOutages)
    monkeypatch.setenv('KAFKA_DELIVERY_TIMEOUT_MS', '2000')
    monkeypatch.setenv('KAFKA_REQUEST_TIMEOUT_MS', '800')
    topic = meet(one)
    producer.send_msg(topic, {'sender': 'red', 'contents': 'before'}, block=True)
    old, seconds, slowest = producer.get_producer(), [], 0.0
    getattr(one, fault)()
    try:
        pause = threading.Event()
        for number in range(20):
            started = time.monotonic()
            promise = producer.send_msg(
                topic, {'sender': f'red-{number % 7}', 'contents': str(number)}
            )
            promise.add_both(lambda _, start=started: seconds.append(time.monotonic() - start))
            slowest = max(slowest, time.monotonic() - started)
            pause.wait(0.2)
        eventually(lambda: len(seconds) == 20, 10)
        assert slowest < 1
        assert max(seconds) < 5
    finally:
        {'kill': one.restart, 'pause': one.resume}[fault]()
    assert producer.send_msg(topic, {'sender': 'red', 'contents': 'after'}, block=True, timeout=20)
    assert producer.get_producer() is old
