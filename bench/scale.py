"""What more processes bring, and what more senders cost: ``python -m bench.scale``.

The throttle as a group of 1, 2 and 4 processes over 12 partitions, and as one process with 10, 1,000 and 1,000,000 senders.
"""

import json
import os
import signal
import time
from typing import Any

from bench.child import SENDERS, values
from bench.rig import Rig, collect
from broker import Broker

PARTITIONS = 12


def group(rig: Rig, processes: int, count: int) -> dict[str, Any]:
    """Messages a second of a group of so many processes, from the moment at which all of them are members."""
    topic, alerts, limit = (
        rig.topic('monitored', PARTITIONS),
        rig.topic('alerts'),
        2 * count // SENDERS,
    )
    observer, producer = rig.observe(alerts), rig.producer()
    jobs = [
        rig.start('throttle', 'ours', topic, alerts, f'group-{topic}', limit)
        for _ in range(processes)
    ]
    try:
        _wait_until_shared(rig, f'group-{topic}', processes)
        messages = values(count) + [
            {'sender': f'last-{number}', 'contents': ''}
            for number in range(50)
            for _ in range(limit + 1)
        ]
        spoken: dict[str, int] = {}
        for each in messages:
            spoken[each['sender']] = spoken.get(each['sender'], 0) + 1
        wanted = sum(max(0, number - limit) for number in spoken.values())
        for job in jobs:
            job.send_signal(signal.SIGSTOP)  # so that filling the topic takes nothing from them
        for each in messages:
            producer.produce(topic, json.dumps(each), each['sender'])
        producer.flush(60)
        for job in jobs:
            job.send_signal(signal.SIGCONT)
        began = time.time()
        end = collect(observer, wanted, jobs)[-1][1]
        for job in jobs:
            job.send_signal(signal.SIGINT)
        cpu = sum(rig.result(job)['cpu'] for job in jobs)
    finally:
        for job in jobs:
            job.kill()
            job.wait()
        observer.close()
        rig.remove(topic, alerts)
    return {
        'processes': processes,
        'rate': len(messages) / (end - began),
        'cpu_us': cpu / len(messages) * 1e6,
    }


def _wait_until_shared(rig: Rig, name: str, processes: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        described = rig.describe_group(name)
        shares = [len(member.assignment.topic_partitions) for member in described.members]
        if (
            len(shares) == processes
            and sum(shares) == PARTITIONS
            and described.state.name == 'STABLE'
        ):
            time.sleep(0.5)
            return
        time.sleep(0.1)
    raise RuntimeError(f'{processes} processes did not share the partitions within 30 s')


def senders(rig: Rig, number: int, count: int) -> dict[str, Any]:
    """CPU a message with so many senders; the limit is twice what they send on average, so that alerts have no share in it."""
    found = rig.throttle(
        'ours', count, group=False, senders=number, limit=max(2 * count // number, 4)
    )
    return {
        'senders': number,
        'rate': found['count'] / found['seconds'],
        'cpu_us': found['cpu'] / found['count'] * 1e6,
    }


def measure(rig: Rig, quick: bool = False) -> dict[str, Any]:
    """Both series."""
    count = 4000 if quick else 200_000
    return {
        'cores': os.cpu_count(),
        'group': [group(rig, processes, count) for processes in ((1, 2) if quick else (1, 2, 4))],
        'senders': [
            senders(rig, number, count)
            for number in ((10, 1000) if quick else (10, 1000, 1_000_000))
        ],
    }


def table(found: dict[str, Any]) -> str:
    """Both series as text."""
    lines = [
        f'\nThe throttle as a group, {PARTITIONS} partitions, {found["cores"]} cores (the broker has its share of them)'
    ]
    one = found['group'][0]['rate']
    lines.extend(
        f'    {each["processes"]} process(es) {each["rate"]:>17,.0f} a second, {each["rate"] / one:.2f} times one, {each["cpu_us"]:.1f} us'
        for each in found['group']
    )
    lines.append('\nThe throttle in one process, by number of senders')
    lines.extend(
        f'    {each["senders"]:>9,} senders {each["rate"]:>16,.0f} a second, {each["cpu_us"]:.1f} us CPU'
        for each in found['senders']
    )
    return '\n'.join(lines)


if __name__ == '__main__':
    with Broker() as kafka:
        print(table(measure(Rig(kafka.bootstrap_servers))))
