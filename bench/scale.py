"""What more processes bring, and what more senders cost: ``python -m bench.scale``.

The throttle as a group of 1, 2 and 4 processes over 12 partitions, and as one process with 10,
1,000 and 1,000,000 senders.
"""

import os
import signal
import time
from typing import Any

from bench.child import SENDERS, values
from bench.rig import Rig, alerts_wanted, collect
from broker import Broker

PARTITIONS = 12


def group(rig: Rig, processes: int, count: int) -> dict[str, Any]:
    """Messages a second of a group of so many processes, once all of them are members."""
    limit = 2 * count // SENDERS
    messages = values(count)
    for number in range(50):
        messages += [{'sender': f'last-{number}', 'contents': ''}] * (limit + 1)
    wanted = alerts_wanted(messages, limit)
    topic, alerts = rig.topic('monitored', PARTITIONS), rig.topic('alerts')
    name = f'group-{topic}'
    observer = rig.observe(alerts)
    jobs = [rig.start('throttle', 'ours', topic, alerts, name, limit) for _ in range(processes)]
    try:
        _wait_until_shared(rig, name, processes)
        for job in jobs:
            job.send_signal(signal.SIGSTOP)  # so that filling the topic takes nothing from them
        rig.fill(topic, messages)
        for job in jobs:
            job.send_signal(signal.SIGCONT)
        began = time.time()
        _, end = collect(observer, wanted, jobs)[-1]
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
        complete = len(shares) == processes and sum(shares) == PARTITIONS
        if complete and described.state.name == 'STABLE':
            time.sleep(0.5)
            return
        time.sleep(0.1)
    raise RuntimeError(f'{processes} processes did not share the partitions within 30 s')


def senders(rig: Rig, number: int, count: int) -> dict[str, Any]:
    """CPU a message with so many senders.

    The limit is twice what they send on average, so that hardly any CPU goes into alerts.
    """
    limit = max(2 * count // number, 4)
    found = rig.throttle('ours', count, group=False, senders=number, limit=limit)
    return {
        'senders': number,
        'rate': found['count'] / found['seconds'],
        'cpu_us': found['cpu'] / found['count'] * 1e6,
    }


def measure(rig: Rig, quick: bool = False) -> dict[str, Any]:
    """Both series."""
    if quick:
        count, groups, crowds = 4000, [1, 2], [10, 1000]
    else:
        count, groups, crowds = 200_000, [1, 2, 4], [10, 1000, 1_000_000]
    return {
        'cores': os.cpu_count(),
        'group': [group(rig, processes, count) for processes in groups],
        'senders': [senders(rig, number, count) for number in crowds],
    }


def table(found: dict[str, Any]) -> str:
    """Both series as text."""
    title = f'The throttle as a group, {PARTITIONS} partitions, {found["cores"]} cores'
    lines = [f'\n{title} (the broker uses them, too)']
    one = found['group'][0]['rate']
    lines += [
        f'    {each["processes"]} process(es) {each["rate"]:>17,.0f} a second, '
        f'{each["rate"] / one:.2f} times one, {each["cpu_us"]:.1f} us CPU'
        for each in found['group']
    ]
    lines.append('\nThe throttle in one process, by number of senders')
    lines += [
        f'    {each["senders"]:>9,} senders {each["rate"]:>16,.0f} a second, '
        f'{each["cpu_us"]:.1f} us CPU'
        for each in found['senders']
    ]
    return '\n'.join(lines)


if __name__ == '__main__':
    with Broker() as kafka:
        print(table(measure(Rig(kafka.bootstrap_servers))))
