"""What all measurements share: fresh topics, fresh processes, an observer of alerts, medians."""

import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.child import values

ROOT = Path(__file__).parents[1]
TIMEOUT = 90.0  # seconds that one job may take
_numbers = itertools.count(1)


class Rig:
    """One Kafka, and everything that is done to it from outside the measured processes.

    Args:
        servers: where the Kafka is.
        environment: further variables for the measured processes.
    """

    def __init__(self, servers: str, environment: dict[str, str] | None = None) -> None:
        from confluent_kafka.admin import AdminClient

        self.servers = servers
        self.environment = {
            **os.environ,
            'KAFKA_BOOTSTRAP_SERVERS': servers,
            'WORKSHOP_ENV_FILE': '',
            'PYTHONWARNINGS': 'ignore',
            **(environment or {}),
        }
        self._admin = AdminClient({'bootstrap.servers': servers, 'log_level': 2})

    def topic(self, name: str, partitions: int = 1) -> str:
        """A topic that nobody has used."""
        from confluent_kafka.admin import NewTopic

        topic = f'{name}-{next(_numbers)}'
        for future in self._admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result(30)
        return topic

    def remove(self, *topics: str) -> None:
        """Topics are not kept longer than they are needed."""
        for future in self._admin.delete_topics(list(topics)).values():
            with contextlib.suppress(Exception):
                future.result(30)

    def describe_group(self, name: str) -> Any:
        """Who is in a group, and who has which partitions."""
        return self._admin.describe_consumer_groups([name])[name].result(10)

    def producer(self) -> Any:
        """What fills topics: it is never measured."""
        from confluent_kafka import Producer

        return Producer(
            {
                'bootstrap.servers': self.servers,
                'log_level': 2,
                'linger.ms': 0,
                'queue.buffering.max.messages': 2_000_000,
            }
        )

    def fill(self, topic: str, messages: Sequence[dict[str, str]]) -> None:
        """Put messages on a topic, keyed by their senders."""
        producer = self.producer()
        for value in messages:
            producer.produce(topic, json.dumps(value), value['sender'])
        if producer.flush(60):
            raise RuntimeError(f'{topic} could not be filled')

    def observe(self, topic: str, partitions: int = 1) -> Any:
        """A consumer of what a service says; it sees committed records only."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        consumer = Consumer(
            {
                'bootstrap.servers': self.servers,
                'log_level': 2,
                'group.id': 'observer',
                'isolation.level': 'read_committed',
            }
        )
        consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)]
        )
        return consumer

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a job in a fresh process."""
        command = [sys.executable, '-W', 'ignore', '-m', 'bench.child', *map(str, arguments)]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, job: subprocess.Popen[str]) -> dict[str, Any]:
        """What a job printed."""
        try:
            out, err = job.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            job.kill()
            out, err = job.communicate()
            raise RuntimeError(
                f'a job took more than {TIMEOUT:g} s: {job.args!r}\n{err[-2000:]}'
            ) from None
        if job.returncode:
            raise RuntimeError(f'a job failed: {job.args!r}\n{err[-2000:]}')
        return json.loads(out.splitlines()[-1])  # type: ignore[no-any-return]

    def run(self, *arguments: object) -> dict[str, Any]:
        """Run a job in a fresh process."""
        return self.result(self.start(*arguments))

    @contextlib.contextmanager
    def service(self, *arguments: object) -> Iterator['Service']:
        """A throttle service that runs while the block watches it; then Ctrl-C ends it."""
        service = Service(self.start('throttle', *arguments))
        try:
            yield service
            service.process.send_signal(signal.SIGINT)
            service.result = self.result(service.process)
        finally:
            service.process.kill()
            service.process.wait()

    def throttle(
        self, client: str, count: int, group: bool, senders: int = 1000, limit: int = 100
    ) -> dict[str, Any]:
        """The throttle over a topic of ``count`` messages.

        Returns:
            ``seconds`` until the last alert was seen, ``cpu`` seconds of the service, and how many
            messages (``count``) and ``alerts`` there were.
        """
        messages = values(count, senders)
        wanted = alerts_wanted(messages, limit)
        messages += [{'sender': 'the last', 'contents': 'too much'}] * (limit + 1)
        topic, alerts = self.topic('monitored'), self.topic('alerts')
        self.fill(topic, messages)
        observer = self.observe(alerts)
        group_id = f'group-{topic}' if group else ''
        with self.service(client, topic, alerts, group_id, limit) as service:
            seen = collect(observer, wanted + 1, [service.process])
        observer.close()
        self.remove(topic, alerts)
        _, end = seen[-1]
        return service.result | {
            'seconds': end - service.result['began'],
            'count': len(messages),
            'alerts': wanted + 1,
        }

    def delays(self, client: str, count: int, group: bool, pause: float = 0.005) -> list[float]:
        """Seconds from sending a message to seeing the alert about it, with an idle service."""
        topic, alerts = self.topic('monitored'), self.topic('alerts')
        observer, producer = self.observe(alerts), self.producer()
        group_id = f'group-{topic}' if group else ''
        found = []
        with self.service(client, topic, alerts, group_id, 0):
            _wait_until_awake(client, producer, topic, observer)
            for number in range(count):
                value = {'sender': 'red', 'contents': str(number)}
                sent = time.perf_counter()
                producer.produce(topic, json.dumps(value), 'red')
                msg = observer.poll(5.0)
                producer.flush()
                if msg is None or msg.error():
                    raise RuntimeError(f'an alert from {client} did not come')
                found.append(time.perf_counter() - sent)
                time.sleep(pause)
        observer.close()
        self.remove(topic, alerts)
        return found


@dataclass
class Service:
    """A service that is measured; ``result`` is what it printed, once it has ended."""

    process: subprocess.Popen[str]
    result: dict[str, Any] = field(default_factory=dict)


def alerts_wanted(messages: Sequence[dict[str, str]], limit: int) -> int:
    """How many alerts these messages deserve, all of them within one minute."""
    spoken = Counter(message['sender'] for message in messages)
    return sum(max(0, number - limit) for number in spoken.values())


def _wait_until_awake(client: str, producer: Any, topic: str, observer: Any) -> None:
    """Send until the first alert is seen, and wait until no other comes."""
    deadline = time.monotonic() + TIMEOUT
    value = json.dumps({'sender': 'first', 'contents': 'hello'})
    seen = None
    while seen is None:
        producer.produce(topic, value, 'first')
        producer.flush()
        seen = observer.poll(0.5)
        if time.monotonic() > deadline:
            raise RuntimeError(f'no alert from {client}')
    producer.flush()
    while observer.poll(0.5) is not None:
        pass


def collect(
    observer: Any, count: int, jobs: list[subprocess.Popen[str]]
) -> list[tuple[dict[str, Any], float]]:
    """So many alerts of these services, each with the time at which it was seen.

    Args:
        observer: the consumer that sees the alerts.
        count: how many alerts to wait for.
        jobs: the services' processes; if one of them ends, that is an error.
    """
    deadline = time.monotonic() + TIMEOUT
    found: list[tuple[dict[str, Any], float]] = []
    while len(found) < count:
        for job in jobs:
            if job.poll() is not None:
                _, err = job.communicate()
                raise RuntimeError(f'a service ended by itself: {job.args!r}\n{err[-2000:]}')
        if time.monotonic() > deadline:
            raise RuntimeError(f'{len(found)} of {count} alerts after {TIMEOUT:g} s')
        msg = observer.poll(0.2)
        if msg is not None and not msg.error():
            found.append((json.loads(msg.value()), time.time()))
    return found


def spread(numbers: Sequence[float]) -> dict[str, float]:
    """Median, lowest, highest."""
    return {'median': statistics.median(numbers), 'low': min(numbers), 'high': max(numbers)}


def percentile(numbers: Sequence[float], percent: float) -> float:
    """The number that so many per cent do not exceed."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
