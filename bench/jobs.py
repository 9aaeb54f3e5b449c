"""What is measured, round by round.

Every client does each job once a round, so that all are measured on an equally busy machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench import starts
from bench.child import values
from bench.rig import Rig

CLIENTS = ('plain', 'plain+crc32c', 'ours', 'aio', 'confluent')
NAMES = {
    'plain': 'kafka-python',
    'plain+crc32c': 'kafka-python + crc32c',
    'ours': 'this library',
    'aio': 'aiokafka',
    'confluent': 'confluent-kafka',
}
TITLES = {
    'send': 'Bulk send (send_msg in a loop)',
    'send_blocking': 'Lone sends, each acknowledged',
    'read': 'Read (for msg in get_consumer)',
    'throttle': 'Throttle service',
    'throttle_group': 'Throttle service in a group, exactly once',
}
Say = Callable[[str], None]  # shows progress


@dataclass
class Size:
    """How much is done in a round."""

    messages: int = 50_000
    throttled: int = 100_000
    blocking: int = 400
    delays: int = 120
    cycles: int = 4


QUICK = Size(messages=2000, throttled=3000, blocking=20, delays=10, cycles=2)


@dataclass
class Results:
    """Numbers by job and client, one a round: ``numbers['send']['ours']['rate']`` is a list."""

    numbers: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    def add(self, job: str, who: str, **found: float) -> None:
        """Keep what was found, as one more number of each kind."""
        for what, number in found.items():
            self.numbers.setdefault(job, {}).setdefault(who, {}).setdefault(what, []).append(number)

    def add_rate(self, job: str, who: str, result: dict[str, Any], count: int) -> None:
        """Keep messages a second, and microseconds of CPU a message."""
        self.add(job, who, rate=count / result['seconds'], cpu_us=result['cpu'] / count * 1e6)


def one_round(rig: Rig, size: Size, results: Results, say: Say) -> None:
    """Each job once with each client."""
    _send_and_read(rig, size, results, say)
    _create(rig, size, results, say)
    _throttle(rig, size, results, say)
    for kind in ('later', 'without the cache', 'plain JVM'):
        say(f'start of a broker: {kind}')
        results.add('broker', kind, seconds=starts.broker(kind))
    for _ in range(3):
        for what in ('kafka', 'producer, consumer'):
            results.add('import', what, **starts.importing(what))


def _send_and_read(rig: Rig, size: Size, results: Results, say: Say) -> None:
    full = rig.topic('to-read')
    rig.fill(full, values(size.messages))
    for client in CLIENTS:
        say(f'send, read: {NAMES[client]}')
        topic = rig.topic('to-send')
        sent = rig.run('send', client, topic, size.messages)
        blocking = rig.run('send_blocking', client, topic, size.blocking)
        read = rig.run('read', client, full, size.messages)
        results.add_rate('send', client, sent, size.messages)
        results.add_rate('send_blocking', client, blocking, size.blocking)
        results.add_rate('read', client, read, size.messages)
        rig.remove(topic)
    rig.remove(full)


def _create(rig: Rig, size: Size, results: Results, say: Say) -> None:
    topic = rig.topic('small')
    rig.fill(topic, values(1))
    for client in CLIENTS:
        if client == 'plain+crc32c':
            continue
        say(f'create, use, destroy: {NAMES[client]}')
        sent = rig.run('first_send', client, topic)
        read = rig.run('first_read', client, topic, f'group-{client}-{topic}')
        results.add('first_send', client, seconds=sent['seconds'])
        results.add('first_read', client, seconds=read['seconds'])
        for kind, found in rig.run('cycles', client, topic, size.cycles).items():
            results.add(f'cycle_{kind}', client, **found)
    rig.remove(topic)


def _throttle(rig: Rig, size: Size, results: Results, say: Say) -> None:
    for client in CLIENTS:
        say(f'throttle: {NAMES[client]}')
        found = rig.throttle(client, size.throttled, group=False)
        results.add_rate('throttle', client, found, found['count'])
        if client != 'plain+crc32c':
            for number in rig.delays(client, size.delays, group=False):
                results.add('delay', client, seconds=number)
    say('throttle in a group, exactly once')
    found = rig.throttle('ours', size.throttled, group=True)
    results.add_rate('throttle_group', 'ours', found, found['count'])
    for number in rig.delays('ours', size.delays, group=True):
        results.add('delay_group', 'ours', seconds=number)
