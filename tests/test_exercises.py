"""The exercises: red as shipped, with a message that helps, and green when solved.

A learner works in these files. What is no longer as it was shipped, by its checksum, is theirs, and
is left out here.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from exercises.__main__ import EXERCISES, is_as_shipped

ROOT = Path(__file__).parents[1]
SOLUTIONS = ROOT / 'exercises' / 'solutions'
SHIPPED = {number: path for number, path in EXERCISES.items() if is_as_shipped(path)}

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
    9: 'Keep who said what, and when, in self.state',
    10: "Read with offset='earliest', a timeout, and the schema.",
    11: 'admin.describe_topics([settings.topic_name(topic)]) returns',
}

# What many try first, and what they are told.
HALF_DONE = {
    'starts_too_late': (
        6,
        """
def make_throttle(topic, alerts):
    return ThrottlingAlertService(topic, alerts, limit=3, duration=10.0, repeat_interval=60.0)
""",
        "say offset='earliest'",
    ),
    'limit_is_one_too_many': (
        6,
        """
def make_throttle(topic, alerts):
    return ThrottlingAlertService(topic, alerts, offset='earliest', limit=9, duration=10.0)
""",
        'limit is how many messages are allowed (3)',
    ),
    'counts_characters': (
        7,
        """
class ShoutingAlertService(AlertService):
    alert_type = 'shouting'

    def process_message(self, message):
        contents = message.value['contents']
        if len(contents) >= 5 and contents.isupper():
            self.emit_alert(message)
""",
        "Count the letters, not the characters: 'OK, 100 %' has two",
    ),
    'remembers_who_has_spoken': (
        8,
        """
class Welcome(Service):
    def start_at(self, partitions):
        records = read_back(self.topic, schema=self.schema)
        self.known = {record.value['sender'] for record in records}
        return {}

    def on_message(self, record):
        if record.value['sender'] not in self.known:
            self.send(self.topic, {'sender': 'host', 'contents': 'welcome'})
""",
        'Look for the welcomes in it.',
    ),
    'expects_the_schema': (
        8,
        """
class Welcome(Service):
    def start_at(self, partitions):
        self.known = {record.value['contents'] for record in read_back(self.topic)}
        return {}
""",
        'With schema=self.schema, read_back leaves such messages out.',
    ),
    'forgets_the_duration': (
        9,
        """
class EchoAlertService(AlertService):
    alert_type = 'echo'

    def new_state(self):
        return {}

    def process_message(self, message):
        sender, contents = message.value['sender'], message.value['contents']
        if self.state.setdefault(contents, sender) != sender:
            self.emit_alert(message)

    def get_alert_message(self, message):
        return f'{message.value["sender"]} repeats {self.state[message.value["contents"]]}'
""",
        'only so many seconds of the log are shown again after a restart, and 60 are needed.',
    ),
    'forgets_the_time': (
        9,
        """
class EchoAlertService(AlertService):
    alert_type = 'echo'
    duration = 60.0

    def new_state(self):
        return {}

    def process_message(self, message):
        sender, contents = message.value['sender'], message.value['contents']
        if self.state.setdefault(contents, sender) != sender:
            self.emit_alert(message)

    def get_alert_message(self, message):
        return f'{message.value["sender"]} repeats {self.state[message.value["contents"]]}'
""",
        'Compare self.now with the time at which it was said.',
    ),
    'forgets_the_dead_letters': (
        10,
        """
def read_all(topic, dead):
    records = get_consumer(topic, offset='earliest', timeout=1.0, schema=HumanMessage)
    return [record.value['contents'] for record in records]
""",
        'Say dead_letter_topic=dead.',
    ),
}


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
    """Steps 1 to 8 have one exercise each, the pages have three; each has a solution and a hint."""
    assert list(EXERCISES) == list(range(1, 12)) == list(HINTS)
    assert {path.name for path in SOLUTIONS.glob('*.py')} == {
        path.name for path in EXERCISES.values()
    }
    steps = [path.name.partition('_')[0] for path in EXERCISES.values()]
    assert steps == [f'step{number}' for number in range(1, 9)] + ['page9', 'page10', 'page11']


@pytest.mark.skipif(not os.environ.get('CI'), reason='a learner may have begun; CI has not')
def test_all_are_as_shipped() -> None:
    """In CI no exercise is left out because its checksum is an old one."""
    assert SHIPPED == EXERCISES, 'cd exercises && sha256sum *[0-9]_*.py > shipped.sha256'


def test_all_are_red_as_shipped_and_green_when_solved(kafka: Any, tmp_path: Path) -> None:
    """Each check fails with its hint on the exercise as shipped, and passes with the solution."""
    for path in SHIPPED.values():
        source = path.read_text(encoding='utf-8')
        solution = (SOLUTIONS / path.name).read_text(encoding='utf-8')
        (tmp_path / f'{path.stem}_shipped.py').write_text(source, encoding='utf-8')
        (tmp_path / f'{path.stem}_solved.py').write_text(
            f'{source}\n\n{solution}', encoding='utf-8'
        )
    files = [str(path) for path in sorted(tmp_path.glob('*.py'))]
    result = run_pytest(tmp_path, '--tb=short', '-v', *files)
    for number, path in SHIPPED.items():
        assert re.search(rf'{path.stem}_solved.py::test_\w+ PASSED', result.stdout), result.stdout
        assert re.search(rf'{path.stem}_shipped.py::test_\w+ FAILED', result.stdout), result.stdout
        assert HINTS[number] in result.stdout


def test_who_is_half_done_is_told_what_is_missing(kafka: Any, tmp_path: Path) -> None:
    """What many try first fails with the sentence that names what they forgot."""
    expected = {}
    for name, (number, attempt, hint) in HALF_DONE.items():
        if number in SHIPPED:
            file = tmp_path / f'{name}.py'
            file.write_text(SHIPPED[number].read_text(encoding='utf-8') + attempt, encoding='utf-8')
            expected[file] = hint
    result = run_pytest(tmp_path, '--tb=short', *map(str, expected))
    said = ' '.join(result.stdout.replace("'\nE       '", '').split())
    assert f'{len(expected)} failed' in said, result.stdout
    for file, hint in expected.items():
        assert hint in said, (file.name, result.stdout)


def defined_in(path: Path) -> set[str]:
    """The functions and classes of a file."""
    kinds = ast.FunctionDef | ast.ClassDef
    body = ast.parse(path.read_text(encoding='utf-8')).body
    return {node.name for node in body if isinstance(node, kinds)}


def test_solutions_are_no_more_than_the_exercise_asks() -> None:
    """A solution defines what its exercise left open, and nothing else.

    So it cannot replace the check.
    """
    for path in SHIPPED.values():
        asked = {name for name in defined_in(path) if not name.startswith('test_')}
        assert defined_in(SOLUTIONS / path.name) == asked


@pytest.mark.skipif(2 not in SHIPPED, reason='exercise 2 is no longer as it was shipped')
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


@pytest.mark.parametrize(('arguments', 'status'), [((), 0), (('99',), 2), (('five',), 2)])
def test_without_a_number_they_are_listed(arguments: tuple[str, ...], status: int) -> None:
    """`make exercise` lists them with their first lines; one that does not exist is an error."""
    result = run(*arguments)
    assert result.returncode == status
    for number, path in EXERCISES.items():
        assert f'{number:>2}  exercises/{path.name}' in result.stdout
    assert ('There is no exercise' in result.stdout) == bool(status)


def test_the_list_needs_no_package_and_no_python_that_can_be_read(tmp_path: Path) -> None:
    """It comes at once, before anything is installed, and marks what a learner began or broke."""
    shutil.copytree(ROOT / 'exercises', tmp_path / 'exercises')
    broken = tmp_path / 'exercises' / 'step1_send.py'
    broken.write_text(broken.read_text(encoding='utf-8') + 'def (', encoding='utf-8')
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, '-S', '-m', 'exercises'], cwd=tmp_path, capture_output=True, text=True
    )
    assert time.monotonic() - began < 5  # a second, on a machine with nothing else to do
    assert result.returncode == 0, result.stderr
    marked = [line.split()[2] for line in result.stdout.splitlines() if line.startswith('*')]
    assert 'exercises/step1_send.py' in marked
    assert len(marked) == 1 + len(EXERCISES.keys() - SHIPPED.keys() - {1})


@pytest.mark.skipif(shutil.which('make') is None, reason='there is no make here')
def test_make_installs_only_what_is_needed(tmp_path: Path) -> None:
    """`make exercise` installs nothing for the list, and for a check no more than that needs."""
    shutil.copy(ROOT / 'Makefile', tmp_path)
    for path in ROOT.glob('**/*requirements*.txt'):
        if '.venv' not in path.parts:
            (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / path.relative_to(ROOT))
    shutil.copy(ROOT / 'constraints.txt', tmp_path)

    def would_install(*arguments: str) -> list[str]:
        command = ['make', '-n', 'exercise', *arguments]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return re.findall(r'pip install .*-r (\S+)', result.stdout)

    assert would_install() == []
    assert would_install('N=1') == ['requirements.txt', 'exercises/requirements.txt']
