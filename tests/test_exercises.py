"""The exercises: red as shipped, with a message that helps, and green when solved."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
EXERCISES = sorted((ROOT / 'exercises').glob('step*.py'))
SOLUTIONS = ROOT / 'exercises' / 'solutions'

# What each says as it is shipped: words that name the next thing to do.
HINTS = {
    1: 'Call send_msg(topic=topic',
    2: "say offset='earliest', or offset=-n",
    3: "Read with offset='earliest' and a timeout",
    4: 'Call send_msg(topic=topic, value={...}, key=...)',
    5: "Look at message['contents'], and return a text",
    6: 'Return ThrottlingAlertService(monitor_topic=topic',
    7: 'Call self.emit_alert(message) for them',
    8: 'In on_message, call self.send(self.topic',
}


def number(path: Path) -> int:
    """The step of an exercise."""
    return int(path.stem[4])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make exercise` runs."""
    return subprocess.run(
        [sys.executable, '-m', 'exercises', *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with this project's settings and fixtures, over files in another folder."""
    command = [sys.executable, '-m', 'pytest', f'--rootdir={folder}']
    command += ['-c', str(ROOT / 'pyproject.toml'), '-p', 'conftest', '-p', 'no:cacheprovider']
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=110
    )


def test_there_is_one_for_each_step() -> None:
    """Steps 1 to 8 have one exercise each, and each one has a solution and a hint."""
    assert [number(path) for path in EXERCISES] == list(range(1, 9)) == list(HINTS)
    assert sorted(path.name for path in SOLUTIONS.glob('*.py')) == [path.name for path in EXERCISES]


def test_all_are_red_as_shipped_and_green_when_solved(kafka: Any, tmp_path: Path) -> None:
    """Each check fails with its hint on the exercise as shipped, and passes with the solution."""
    for path in EXERCISES:
        source = path.read_text(encoding='utf-8')
        solution = (SOLUTIONS / path.name).read_text(encoding='utf-8')
        (tmp_path / f'{path.stem}_shipped.py').write_text(source, encoding='utf-8')
        (tmp_path / f'{path.stem}_solved.py').write_text(
            f'{source}\n\n{solution}', encoding='utf-8'
        )
    files = [str(path) for path in sorted(tmp_path.glob('step*.py'))]
    result = run_pytest(tmp_path, '--tb=short', '-v', *files)
    for path in EXERCISES:
        assert re.search(rf'{path.stem}_solved.py::test_\w+ PASSED', result.stdout), result.stdout
        assert re.search(rf'{path.stem}_shipped.py::test_\w+ FAILED', result.stdout), result.stdout
        assert HINTS[number(path)] in result.stdout


HALF_DONE = """

class Welcome(Service):
    def start_at(self, partitions):
        self.known = {record.value['sender'] for record in read_back(self.topic)}
        return {}

    def on_message(self, record):
        if record.value['sender'] not in self.known:
            self.send(self.topic, {'sender': 'host', 'contents': 'welcome'})
"""


def test_who_remembers_the_wrong_thing_is_told_so(kafka: Any, tmp_path: Path) -> None:
    """In exercise 8, whoever remembers all who have spoken is told where to look instead."""
    file = tmp_path / 'step8_half_done.py'
    file.write_text(
        (ROOT / 'exercises' / 'step8_service.py').read_text(encoding='utf-8') + HALF_DONE,
        encoding='utf-8',
    )
    result = run_pytest(tmp_path, str(file))
    assert result.returncode == 1
    assert 'Look for the welcomes in it.' in result.stdout


def defined_in(path: Path) -> set[str]:
    """The functions and classes of a file."""
    kinds = ast.FunctionDef | ast.ClassDef
    body = ast.parse(path.read_text(encoding='utf-8')).body
    return {node.name for node in body if isinstance(node, kinds)}


def test_solutions_are_no_more_than_the_exercise_asks() -> None:
    """A solution defines what its exercise left open, and nothing else.

    So it cannot replace the check.
    """
    for path in EXERCISES:
        asked = {name for name in defined_in(path) if not name.startswith('test_')}
        assert defined_in(SOLUTIONS / path.name) == asked


def test_a_red_exercise_tells_the_task_and_what_is_missing(kafka: Any) -> None:
    """An unsolved exercise prints its task and one hint, and exits with status 1.

    It shows no traceback and no solution.
    """
    result = run('2')
    assert result.returncode == 1
    assert 'Read what was said before you came.' in result.stdout
    assert HINTS[2] in result.stdout
    assert 'Traceback' not in result.stdout
    assert 'for msg in get_consumer' not in result.stdout
    assert len(result.stdout.splitlines()) < 20, result.stdout


@pytest.mark.parametrize(('arguments', 'status'), [((), 0), (('9',), 2), (('five',), 2)])
def test_without_a_number_they_are_listed(arguments: tuple[str, ...], status: int) -> None:
    """`make exercise` lists them with their first lines; one that does not exist is an error."""
    result = run(*arguments)
    assert result.returncode == status
    for path in EXERCISES:
        assert f'{number(path)}  exercises/{path.name}' in result.stdout
    assert ('There is no exercise' in result.stdout) == bool(status)
