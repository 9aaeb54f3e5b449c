"""``make newest``: the client tests on the newest kafka-python there is, pre-releases included.

It goes around ``constraints.txt``: the newest release is installed into a temporary folder that
stands first on the path. ``make newest FROM=folder`` takes a checkout of its sources instead. It
reports each failure with its reason, and never fails itself: nobody can merge a fix upstream from
here, but everybody should know what is coming.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = (
    'tests/client',
    'tests/test_producer.py',
    'tests/test_consumer.py',
    'tests/processing/test_at_least_once.py',
    'tests/test_alerts.py',
)
REASON = re.compile(r'^(FAILED|ERROR|SKIPPED) (.*)$', re.MULTILINE)


def install(source: str, folder: str) -> str:
    """Put kafka-python into a folder; returns its version."""
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    subprocess.run([*command, '--pre', '--no-deps', '--target', folder, source], check=True)
    said = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', 'import kafka; print(kafka.__version__)'],
        env=os.environ | {'PYTHONPATH': folder},
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


def main(source: str = 'kafka-python') -> None:
    """Install, run, report."""
    with tempfile.TemporaryDirectory(prefix='newest-kafka-python-') as folder:
        version = install(source, folder)
        print(f'The client tests on kafka-python {version} ...', flush=True)
        run = subprocess.run(
            [sys.executable, '-m', 'pytest', '-q', '-rfEs', '--tb=no', '--kafka=embedded', *TESTS],
            cwd=ROOT,
            env=os.environ | {'PYTHONPATH': folder},
            capture_output=True,
            text=True,
        )
    for kind, what in REASON.findall(run.stdout):
        print(f'{kind:<8}{what}')
    print(f'kafka-python {version}: {(run.stdout.strip() or run.stderr.strip()).splitlines()[-1]}')


if __name__ == '__main__':
    main(*sys.argv[1:2])
