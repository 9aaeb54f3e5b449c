"""Tells whether an exercise is done: ``python -m exercises 5``, or ``make exercise N=5``. Without a number: the list."""

import ast
import contextlib
import inspect
import io
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STEPS = {int(path.stem[4]): path for path in sorted(HERE.glob('step*.py'))}


def task(path: Path) -> str:
    """The task, as the file's docstring says it."""
    return inspect.cleandoc(ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or '')


class Outcome:
    """A pytest plugin that keeps what the checks said."""

    def __init__(self) -> None:
        self.trouble: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep why a check failed: its own sentence, and the traceback only where the code broke; and what was printed."""
        if report.failed:
            crash = getattr(report.longrepr, 'reprcrash', None)
            message = crash.message if crash else ''
            self.trouble.append(
                message.removeprefix('AssertionError: ')
                if message.startswith('AssertionError: ')
                else report.longreprtext
            )
            self.trouble += [f'It printed:\n{report.capstdout}'] if report.capstdout else []

    def pytest_collectreport(self, report: Any) -> None:
        """Keep why the file could not even be read."""
        if report.failed:
            self.trouble.append(str(report.longrepr))


def check(number: int) -> int:
    """Run an exercise's test on a real Kafka; the exit status is 0 if it is done."""
    import pytest

    path, outcome = STEPS[number], Outcome()
    print(
        f'Checking {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path} on a real Kafka ...',
        flush=True,
    )
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = pytest.main([str(path), '--tb=short', '-p', 'no:cacheprovider'], plugins=[outcome])
    if status == 0:
        following = (
            f'Next: make exercise N={number + 1}'
            if number + 1 in STEPS
            else 'That was the last one. Now one of your own.'
        )
        print(f'Done: exercise {number}. {following}')
        return 0
    print(f'\n{task(path)}\n\nNot yet:\n')
    print('\n'.join(outcome.trouble) or said.getvalue())
    return 1


def main(arguments: list[str]) -> int:
    """Check the exercise of that number, or list them all."""
    if len(arguments) == 1 and arguments[0].isdigit() and int(arguments[0]) in STEPS:
        return check(int(arguments[0]))
    for number, path in STEPS.items():
        print(f'  {number}  exercises/{path.name:<22} {task(path).splitlines()[0]}')
    print('Open one, do what it says, then: make exercise N=1')
    if arguments:
        print(f'There is no exercise {" ".join(arguments)}.')
    return 2 if arguments else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
