"""Tells whether an exercise is done: ``make exercise N=5``, or ``python -m exercises 5``.

Without a number it lists the exercises.
"""

import contextlib
import hashlib
import inspect
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CHECKSUMS = HERE / 'shipped.sha256'


def number_of(path: Path) -> int:
    """The number in its name: 5 of ``step5_bot.py``, 9 of ``page9_repeats.py``."""
    return int(re.sub(r'\D', '', path.stem.partition('_')[0]))


EXERCISES = {number_of(path): path for path in sorted(HERE.glob('*[0-9]_*.py'), key=number_of)}


def task(path: Path) -> str:
    """The task, as the file's docstring says it; also of a file that is no longer Python."""
    docstring = re.match(r'"""(.*?)"""', path.read_text(encoding='utf-8'), re.DOTALL)
    return inspect.cleandoc(docstring[1]) if docstring else '(its first lines are gone)'


def checksum(path: Path) -> str:
    """The SHA-256 sum of its text, with whatever line ends the system likes."""
    return hashlib.sha256(path.read_text(encoding='utf-8').encode()).hexdigest()


def is_as_shipped(path: Path) -> bool:
    """Whether nobody has begun with it: its text is the one that it was shipped with."""
    return f'{checksum(path)}  {path.name}' in CHECKSUMS.read_text(encoding='utf-8').splitlines()


class Outcome:
    """A pytest plugin that collects why a check failed."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Collect the check's own sentence, or the traceback if the code raised something else."""
        if not report.failed:
            return
        crash = getattr(report.longrepr, 'reprcrash', None)
        message = crash.message if crash else ''
        sentence = message.removeprefix('AssertionError: ')
        self.failures.append(report.longreprtext if sentence == message else sentence)
        if report.capstdout:
            self.failures.append(f'It printed:\n{report.capstdout}')

    def pytest_collectreport(self, report: Any) -> None:
        """Collect why the file could not be imported."""
        if report.failed:
            self.failures.append(str(report.longrepr))


def check(number: int) -> int:
    """Run an exercise's test on a real Kafka.

    Returns:
        The exit status: 0 if the exercise is done.
    """
    import pytest
    from schemas import show  # the list needs no package

    path = EXERCISES[number]
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    show(f'Checking {shown} on a real Kafka ...')
    outcome = Outcome()
    place = 'env' if os.environ.get('KAFKA_BOOTSTRAP_SERVERS') else 'embedded'
    options = ['--tb=short', f'--kafka={place}', '-p', 'no:cacheprovider']
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = pytest.main([str(path), *options], plugins=[outcome])
    if status == 0:
        what_next = 'That was the last one. Now build something of your own.'
        if number + 1 in EXERCISES:
            what_next = f'Next: make exercise N={number + 1}'
        print(f'Done: exercise {number}. {what_next}')
        return 0
    show(f'\n{task(path)}\n\nNot yet:\n')
    show('\n'.join(outcome.failures) or output.getvalue())
    return 1


def main(arguments: list[str]) -> int:
    """Check the exercise of that number, or list all exercises."""
    if len(arguments) == 1 and arguments[0].isdigit() and int(arguments[0]) in EXERCISES:
        return check(int(arguments[0]))
    for number, path in EXERCISES.items():
        begun = ' ' if is_as_shipped(path) else '*'
        print(f'{begun} {number:>2}  exercises/{path.name:<23} {task(path).splitlines()[0]}')
    print('Open one, do what it says, then: make exercise N=1 (* marks those that you began)')
    if arguments:
        print(f'There is no exercise {" ".join(arguments)}.')
    return 2 if arguments else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
