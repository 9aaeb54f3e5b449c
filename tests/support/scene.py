"""A topic, the instances of a service that come and go, and what it must have alerted about."""

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
from typing import Any

import kafka as client

from producer import flush, send_msg
from tests.support.logread import records
from tests.support.reference import throttled

__all__ = ['Scene']

SERVICE = """
import os, sys
from alerts import ThrottlingAlertService
from client.transactions import TransactionalProducer
from processing.exactly_once import ExactlyOnceLoop

topic, alerts, limit, duration, repeat, step = sys.argv[1:]

class Dying(TransactionalProducer):
    begun = 0

    def begin(self):
        Dying.begun += 1
        super().begin()

def die_at(name, before):
    step = getattr(TransactionalProducer, name)

    def dying(self, *args, **options):
        if before and Dying.begun >= 1:
            os._exit(9)
        result = step(self, *args, **options)
        if not before and Dying.begun >= 1:
            os._exit(9)
        return result

    setattr(Dying, name, dying)

if step:
    die_at(step.removeprefix('after '), before=not step.startswith('after '))
    ExactlyOnceLoop.producer_class = Dying
service = ThrottlingAlertService(
    topic,
    alerts,
    'throttle-' + topic,
    'earliest',
    limit=int(limit),
    duration=float(duration),
    repeat_interval=float(repeat),
    dead_letter_topic=alerts + '.dead',
)
service.monitor()
"""
# Senders whose clocks are wrong, and by how many seconds: ahead, behind, here and there, in jumps
WRONG = {0: [3000.0], 1: [-3000.0], 2: [-900.0, 0.0, 900.0], 3: [0.0] * 20 + [1800.0]}
# A killed member is missed, and its transaction given up, after these; 6 s each outside the tests.
EXPIRY = {'KAFKA_SESSION_TIMEOUT_MS': '1500', 'KAFKA_TRANSACTION_TIMEOUT_MS': '2000'}


class Scene:
    """A topic with 6 partitions, its alerts, and the instances of a service."""

    def __init__(self, servers: str, window: tuple[int, float], repeat: float = 0.0) -> None:
        self.servers, self.window, self.repeat = servers, window, repeat
        self.topic = f'exactly-{secrets.token_hex(4)}'
        self.alerts = f'{self.topic}-alerts'
        self.instances: list[subprocess.Popen[bytes]] = []
        admin = client.KafkaAdminClient(bootstrap_servers=servers)
        admin.create_topics(
            {self.topic: {'num_partitions': 6}, self.alerts: {'num_partitions': 3}},
            wait_for_metadata=True,
        )
        admin.close()

    def start(self, die_at: str = '') -> subprocess.Popen[bytes]:
        """One more instance.

        Args:
            die_at: a step of a transaction, such as ``'commit'`` or ``'after commit'``: there the
                process ends without another word, in its third transaction.
        """
        arguments = [self.topic, self.alerts, *map(str, self.window), str(self.repeat), die_at]
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
        """Send numbered messages with times of their own, in the background, for so long."""

        def send() -> None:
            chance, sent_at, start = random.Random(4), time.time() - 3600, time.monotonic()
            for number in range(messages):
                sent_at += chance.choice([0.0, 0.001, 0.002])
                late = chance.choice([0.0, 0.0, 0.0, -5.0])  # some come with a time that has passed
                sender = chance.randrange(senders)
                if sender in WRONG:
                    late = chance.choice(WRONG[sender])
                value = {'sender': f's{sender}', 'contents': str(number)}
                send_msg(self.topic, value, timestamp=sent_at + late)
                if number % 200 == 0:
                    time.sleep(max(0.0, start + seconds * number / messages - time.monotonic()))
            flush(60)

        thread = threading.Thread(target=send)
        thread.start()
        return thread

    def read(self, topic: str) -> list[Any]:
        """Every committed record of a topic, with a plain client."""
        return records(topic, isolation_level='read_committed')

    def wait_until_read(self, timeout: float = 120.0) -> None:
        """Until the group has committed the end of each partition."""
        reader = client.KafkaConsumer(
            bootstrap_servers=self.servers,
            group_id=f'throttle-{self.topic}',
            isolation_level='read_committed',
        )
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
        log = self.read(self.topic)
        messages = [
            (record.partition, json.loads(record.value)['sender'], record.timestamp / 1000)
            for record in log
        ]
        deserved = throttled(messages, *self.window, self.repeat)
        return sorted(
            f'{record.topic}/{record.partition}/{record.offset}'
            for record, is_over in zip(log, deserved, strict=True)
            if is_over
        )

    def found(self) -> list[str]:
        """What has been alerted about."""
        return sorted(
            dict(record.headers)['triggered-by'].decode() for record in self.read(self.alerts)
        )

    def check(self) -> None:
        """The read-committed alerts equal the reference: none is missing, none is there twice."""
        expected, deadline, found = self.reference(), time.monotonic() + 10, ['']
        while (
            len(found) < len(expected) and time.monotonic() < deadline
        ):  # a commit is seen a little later in each partition
            found = self.found()
        time.sleep(1.0)  # for one too many
        found = self.found()
        twice = [name for name, count in collections.Counter(found).items() if count > 1]
        missing = sorted(set(expected) - set(found))
        assert not twice, f'{len(twice)} alerts are there more than once: {twice[:5]}'
        assert found == expected, (
            f'{len(found)} alerts, expected {len(expected)}; missing {missing[:5]}'
        )
        assert len(expected) > 50, 'too few alerts to prove anything'
