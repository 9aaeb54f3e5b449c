"""One job in one fresh process: ``python -m bench.child JOB CLIENT TOPIC ...`` prints what it took as JSON. Started by ``rig.py``."""

import importlib
import json
import os
import random
import sys
import time
import warnings
from pathlib import Path
from typing import Any

SENDERS = 1000


def values(count: int, senders: int = SENDERS) -> list[dict[str, str]]:
    """Messages of about 80 bytes; a seed repeats them."""
    chance = random.Random(7)
    return [
        {
            'sender': f'sender-{chance.randrange(senders)}',
            'contents': f'message number {n} of a bench',
        }
        for n in range(count)
    ]


def resident() -> float:
    """Memory of this process in MiB (0 where there is no /proc)."""
    try:
        return (
            int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
            * os.sysconf('SC_PAGE_SIZE')
            / 2**20
        )
    except OSError:
        return 0.0


def cycles(client: Any, topic: str, count: int) -> dict[str, Any]:
    """Make, use and destroy, again and again: seconds a piece, and what memory stays behind."""
    result: dict[str, Any] = {}
    value = values(1)[0]
    for name, cycle in (
        ('producer', lambda: client.cycle_producer(topic, value)),
        ('consumer', lambda: client.cycle_consumer(topic)),
    ):
        cycle()
        before, began, cpu = resident(), time.perf_counter(), time.process_time()
        for _ in range(count):
            cycle()
        result[name] = {
            'seconds': (time.perf_counter() - began) / count,
            'cpu': (time.process_time() - cpu) / count,
            'kept_kib': (resident() - before) * 1024 / count,
        }
    return result


def main(job: str, name: str, topic: str, *rest: str) -> dict[str, Any]:
    """Do a job with a client."""
    module, _, variant = name.partition('+')
    client = importlib.import_module(f'bench.clients.{module}')
    if module == 'plain' and variant != 'crc32c':
        client.hide_crc32c()
    warnings.simplefilter('ignore')
    if job in {'send', 'send_blocking'}:
        return getattr(client, job)(topic, values(int(rest[0])))  # type: ignore[no-any-return]
    if job == 'read':
        return client.read(topic, int(rest[0]))  # type: ignore[no-any-return]
    if job == 'first_send':
        return client.first_send(topic, values(1)[0])  # type: ignore[no-any-return]
    if job == 'first_read':
        return client.first_read(topic, rest[0])  # type: ignore[no-any-return]
    if job == 'cycles':
        return cycles(client, topic, int(rest[0]))
    if job == 'throttle':
        alerts, group, limit = rest
        return client.throttle(topic, alerts, group or None, int(limit))  # type: ignore[no-any-return]
    raise SystemExit(f'{job!r} is no job')


if __name__ == '__main__':
    print(json.dumps(main(*sys.argv[1:])), flush=True)
