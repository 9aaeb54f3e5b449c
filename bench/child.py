"""One job in a process of its own: ``python -m bench.child JOB CLIENT TOPIC ...``.

It prints what the job took, as JSON. ``rig.py`` starts it. Where ``BENCH_LIBRARY`` names the folder
of another checkout, the client ``ours`` is the library in there.
"""

import importlib
import importlib.util
import json
import os
import random
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

SENDERS = 1000
LIBRARY = 'BENCH_LIBRARY'


def values(count: int, senders: int = SENDERS) -> list[dict[str, str]]:
    """Messages of about 80 bytes, the same ones each time."""
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
        pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def cycles(client: Any, topic: str, count: int) -> dict[str, Any]:
    """Make, use and close a producer again and again, and a consumer: the cost of each."""
    value = values(1)[0]
    return {
        'producer': _repeated(lambda: client.cycle_producer(topic, value), count),
        'consumer': _repeated(lambda: client.cycle_consumer(topic), count),
    }


def _repeated(cycle: Callable[[], object], count: int) -> dict[str, float]:
    """Seconds, CPU seconds, and KiB of memory that are not given back, each time."""
    cycle()  # the first one compiles and loads what all of them need
    before = resident()
    began = time.perf_counter()
    cpu = time.process_time()
    for _ in range(count):
        cycle()
    return {
        'seconds': (time.perf_counter() - began) / count,
        'cpu': (time.process_time() - cpu) / count,
        'kept_kib': (resident() - before) * 1024 / count,
    }


def use_library(folder: str) -> None:
    """Import the library from the folder of another checkout, and the bench from this one."""
    sys.path[0] = folder
    producer = importlib.util.find_spec('producer')
    assert producer is not None
    assert Path(str(producer.origin)).parent == Path(folder), f'{folder} holds no producer.py'


def main(job: str, name: str, topic: str, *rest: str) -> dict[str, Any]:
    """Do a job with a client."""
    module, _, variant = name.partition('+')
    client: Any = importlib.import_module(f'bench.clients.{module}')
    if module == 'plain' and variant != 'crc32c':
        client.hide_crc32c()
    warnings.simplefilter('ignore')
    if LIBRARY in os.environ:
        use_library(os.environ[LIBRARY])
    result: dict[str, Any]
    if job in {'send', 'send_blocking'}:
        result = getattr(client, job)(topic, values(int(rest[0])))
    elif job == 'read':
        result = client.read(topic, int(rest[0]))
    elif job == 'first_send':
        result = client.first_send(topic, values(1)[0])
    elif job == 'first_read':
        result = client.first_read(topic, rest[0])
    elif job == 'cycles':
        result = cycles(client, topic, int(rest[0]))
    elif job == 'throttle':
        alerts, group, limit = rest
        result = client.throttle(topic, alerts, group or None, int(limit))
    else:
        raise SystemExit(f'There is no job {job!r}.')
    return result


if __name__ == '__main__':
    print(json.dumps(main(*sys.argv[1:])), flush=True)
