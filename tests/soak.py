"""``make soak``: half an hour of an ordinary bad day; at its end each alert is exact.

Simulators talk; of three instances of a durable throttle one stays, and two come and go, by kill or
politely; the only broker restarts; what is older than some seconds is deleted; once a minute a
record comes with a wrong clock. A reader beside them keeps what was said, and counts at the end
what deserved an alert. ``python -m tests.soak --minutes 2`` is a short one.
"""

import argparse
import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from broker import Broker
from errors import DeliveryError
from producer import flush, send_msg
from schemas import decode
from simulators import CrowdSimulator, MsgSimulator, NonsenseSimulator, SpamSimulator
from tests.support.logread import records
from tests.support.reference import throttled

__all__ = ['Soak', 'main']

PARTITIONS = 3
LIMIT, DURATION = 8, 4.0  # of the throttle
RETENTION_MS = 20_000  # longer than a restart and two windows together
WRONG_BY = 3000.0  # seconds that one clock is ahead
SELDOM = 40.0  # seconds between two restarts, at least
STEADY = 1.15  # memory in the last quarter, as a part of that in the second, at most
EXPIRY = {'KAFKA_SESSION_TIMEOUT_MS': '2000', 'KAFKA_TRANSACTION_TIMEOUT_MS': '3000'}
SERVICE = """
import sys, time
from alerts import ThrottlingAlertService
from errors import UnreachableError
topic, limit, duration = sys.argv[1:]
while True:
    try:
        ThrottlingAlertService(
            topic, topic + '-alerts', 'throttle-' + topic, 'earliest', limit=int(limit),
            duration=float(duration),
        ).monitor(print_msgs=False)
        break
    except UnreachableError:  # started while the broker restarts
        time.sleep(1.0)
"""


@dataclass
class Soak:
    """One soak.

    Args:
        minutes: how long people talk.
        every: seconds between two points of the curve.
    """

    minutes: float = 30.0
    every: float = 30.0
    chance: random.Random = field(default_factory=lambda: random.Random(11))

    def __post_init__(self) -> None:
        self.topic = f'soak-{secrets.token_hex(4)}'
        self.ended = threading.Event()  # nobody begins to speak any more
        self.all_is_said = threading.Event()
        self.said: list[tuple[int, str, float, int]] = []  # partition, sender, timestamp, offset
        self.trouble: list[str] = []
        self.curve: list[tuple[float, float]] = []  # minute, MB of the instance that stays
        self.restarts = self.killed = self.stopped = 0

    def run(self) -> list[str]:
        """Go through all of it; returns what went wrong, nothing if all is well."""
        quick = {'log.retention.check.interval.ms': '1000', 'log.segment.delete.delay.ms': '1000'}
        with Broker(properties=quick) as broker, tempfile.TemporaryDirectory() as folder:
            os.environ |= broker.env()
            self.make_topics()
            self.log = Path(folder) / 'instances'
            listener = threading.Thread(target=self.listen)
            talkers = [threading.Thread(target=each) for each in self.talkers()]
            for thread in (listener, *talkers):
                thread.start()
            instances = [self.start() for _ in range(3)]
            try:
                self.live_through(broker, instances)
                self.finish(listener, talkers)
            finally:
                self.ended.set()
                self.all_is_said.set()
                for each in instances:
                    each.kill()
                    each.wait()
        return self.trouble

    def make_topics(self) -> None:
        """One whose records are deleted soon, and one that keeps the alerts."""
        soon = {'retention.ms': str(RETENTION_MS), 'segment.ms': '2000'}
        with closing(KafkaAdminClient(bootstrap_servers=servers())) as admin:
            admin.create_topics(
                {
                    self.topic: {'num_partitions': PARTITIONS, 'configs': soon},
                    f'{self.topic}-alerts': {'num_partitions': 1},
                },
                wait_for_metadata=True,
            )

    # Those who talk, and the one who listens

    def talkers(self) -> list[Any]:
        """What each of the talking threads does."""
        people = [
            CrowdSimulator(self.topic, senders=30, delay=0.02, seed=1),
            NonsenseSimulator(self.topic, key='green', delay=0.2, seed=2),
            SpamSimulator(self.topic, delay=0.05, seed=3),
        ]
        return [lambda each=each: self.talk(each) for each in people] + [self.wrong_clock]

    def talk(self, person: MsgSimulator) -> None:
        """Say something until the end."""
        while not self.ended.is_set():
            with contextlib.suppress(DeliveryError):  # late, while the broker restarts; not lost
                person.simulate(count=5, print_msg=False)

    def wrong_clock(self) -> None:
        """Once a minute somebody's clock is wrong."""
        while not self.ended.wait(min(60.0, self.minutes * 10)):
            value = {'sender': 'wrong', 'contents': 'what time is it?'}
            for key in range(PARTITIONS):
                send_msg(self.topic, value, key=f'{key}', timestamp=time.time() + WRONG_BY)

    def listen(self) -> None:
        """Keep what was said, before it is deleted; by the bare client, from the beginning."""
        places = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
        with closing(KafkaConsumer(bootstrap_servers=servers())) as reader:
            reader.assign(places)
            reader.seek_to_beginning()
            after: Counter[int] = Counter()
            while not self.all_is_said.is_set() or after.total() < self.written:
                for batch in reader.poll(timeout_ms=300).values():
                    for record in batch:
                        if record.offset != after[record.partition]:
                            self.trouble.append(f'the listener missed records: {record}')
                        after[record.partition] = record.offset + 1
                        sender = decode(record.value)['sender']
                        sent = record.timestamp / 1000
                        self.said.append((record.partition, sender, sent, record.offset))

    @property
    def written(self) -> int:
        """How many messages are in the log, or were."""
        with closing(KafkaConsumer(bootstrap_servers=servers())) as asking:
            places = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
            return sum(asking.end_offsets(places).values())

    # The instances, and what happens to them

    def start(self) -> subprocess.Popen[bytes]:
        """One more instance of the throttle."""
        with self.log.open('ab') as log:
            return subprocess.Popen(
                [sys.executable, '-c', SERVICE, self.topic, str(LIMIT), str(DURATION)],
                env=os.environ | EXPIRY,
                stdout=log,
                stderr=log,
            )

    def live_through(self, broker: Broker, instances: list[subprocess.Popen[bytes]]) -> None:
        """Instances come and go, the broker restarts, and the curve is drawn."""
        began = time.monotonic()
        restart = max(self.minutes * 60 / 6, SELDOM)
        print('minute  messages  lag  instances  restarts  memory of the one that stays')
        due = {'curve': 0.0, 'change': 5.0, 'restart': restart}
        while (now := time.monotonic() - began) < self.minutes * 60:
            if now >= due['curve']:
                due['curve'] += self.every
                self.draw(now / 60, instances)
            if now >= due['change']:
                due['change'] += self.chance.uniform(5.0, 25.0)
                self.change(instances, self.chance.choice([1, 2]))
            if now >= due['restart']:
                due['restart'] += restart
                broker.restart(1)
                self.restarts += 1
            self.ended.wait(0.2)

    def change(self, instances: list[subprocess.Popen[bytes]], which: int) -> None:
        """End one of those that come and go, or start it again."""
        if instances[which].poll() is not None:
            instances[which] = self.start()
            return
        how = self.chance.choice([signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
        self.killed += how == signal.SIGKILL
        self.stopped += how != signal.SIGKILL
        instances[which].send_signal(how)
        instances[which].wait(60)

    def draw(self, minute: float, instances: list[subprocess.Popen[bytes]]) -> None:
        """A point of the curve."""
        memory = resident_mb(instances[0].pid)
        self.curve.append((minute, memory))
        alive = sum(each.poll() is None for each in instances)
        print(
            f'{minute:6.1f}  {len(self.said):8,}  {self.lag():3}  {alive:9}  {self.restarts:8}  '
            f'{memory:5.1f} MB {"#" * round(memory / 4)}',
            flush=True,
        )

    def lag(self) -> int | str:
        """How many messages the group is behind; '?' while Kafka is away."""
        group = f'throttle-{self.topic}'
        try:
            with closing(KafkaConsumer(bootstrap_servers=servers(), group_id=group)) as asking:
                places = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
                ends = asking.end_offsets(places, timeout_ms=2000)
                done = [asking.committed(place, timeout_ms=2000) or 0 for place in places]
                return int(sum(ends.values())) - sum(done)
        except Exception:  # noqa: BLE001 - it is a figure in a table
            return '?'

    # The end

    def finish(self, listener: threading.Thread, talkers: list[threading.Thread]) -> None:
        """Wait for the group, and compare."""
        self.ended.set()
        for thread in talkers:
            thread.join(60)
        flush(60)
        self.all_is_said.set()
        listener.join(60)
        deadline = time.monotonic() + 120
        while self.lag() != 0:
            if time.monotonic() > deadline:
                self.trouble.append(f'the group is {self.lag()} messages behind, for 2 minutes')
                break
            time.sleep(0.5)
        self.compare()
        self.look_at_memory()
        logged = self.log.read_text(errors='replace')
        if 'no longer kept' in logged:
            self.trouble.append('retention was quicker than the service: this machine is too slow')
        if 'Traceback' in logged:
            self.trouble.append(logged[logged.index('Traceback') :][:3000])

    def compare(self) -> None:
        """The alerts are those that counting finds: none is missing, none is there twice."""
        self.said.sort(key=lambda each: (each[0], each[3]))
        deserved = throttled([each[:3] for each in self.said], LIMIT, DURATION)
        expected = Counter(
            f'{self.topic}/{each[0]}/{each[3]}'
            for each, over in zip(self.said, deserved, strict=True)
            if over
        )
        alerts = records(f'{self.topic}-alerts', isolation_level='read_committed')
        found = Counter(dict(alert.headers)['triggered-by'].decode() for alert in alerts)
        missing, more = expected - found, found - expected
        print(
            f'{len(self.said):,} messages, {found.total():,} alerts: {missing.total()} missing, '
            f'{more.total()} too many; {self.killed} instances killed, {self.stopped} stopped, '
            f'{self.restarts} restarts of the broker'
        )
        if missing or more:
            self.trouble.append(f'missing {list(missing)[:5]}, too many {list(more)[:5]}')
        if not expected:
            self.trouble.append('nobody deserved an alert: this proves nothing')

    def look_at_memory(self) -> None:
        """It does not grow: the last quarter against the second."""
        count = len(self.curve)
        if count < 8:
            return
        memory = [each for _, each in self.curve]
        before = memory[count // 4 : count // 2]
        after = memory[-(count // 4) :]
        growth = sum(after) / len(after) / (sum(before) / len(before))
        print(f'memory, last quarter against the second: {growth:.3f}')
        if growth > STEADY:
            self.trouble.append(f'memory grew by {growth - 1:.0%}')


def servers() -> str:
    """Where the Kafka of this run is."""
    return os.environ['KAFKA_BOOTSTRAP_SERVERS']


def resident_mb(pid: int) -> float:
    """A process's resident memory; 0.0 where the system does not tell."""
    try:
        pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6


def main() -> int:
    """The command line; the exit status is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog='python -m tests.soak', description='A bad day, exactly.')
    parser.add_argument('--minutes', type=float, default=30.0)
    minutes = parser.parse_args().minutes
    trouble = Soak(minutes, every=min(30.0, minutes * 60 / 12)).run()
    for each in trouble:
        print('WRONG:', each)
    print('all is well' if not trouble else f'{len(trouble)} things went wrong')
    return 1 if trouble else 0


if __name__ == '__main__':
    sys.exit(main())
