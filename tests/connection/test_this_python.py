"""What this Python lacks is said in one line, whichever module comes first."""

from connection.this_python import OURS

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.test_house import PACKAGES, ROOT_NAMES

ROOT = Path(__file__).parents[2]
FIRST = ['producer', 'consumer', 'settings', 'broker', 'simulators', 'alerts', 'services', 'bots']
OLDEST = (3, 7)  # the oldest whose syntax ast knows; 3.6 was tried by hand


def run(*arguments: str, cwd: Path = ROOT, path: Path = ROOT) -> tuple[int, str]:
    """Run Python; returns its exit code and what it printed, on both streams."""
    env = os.environ | {'PYTHONPATH': str(path), 'PYTHONDONTWRITEBYTECODE': '1'}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize('module', FIRST)
def test_a_terminal_without_the_virtual_environment_is_told(module: str) -> None:
    """One line names this Python and the way to activate, and never `pip install kafka`."""
    code, said = run('-S', '-m', module)
    assert code == 1
    assert said.startswith(f'The packages are not installed in this Python ({sys.executable}). ')
    assert 'source .venv/bin/activate` ' in said
    assert said.endswith(' here.\n')
    assert said.count('\n') == 1
    assert 'install kafka' not in said


def test_a_prompt_goes_on() -> None:
    """At a prompt it is an error like any other, and ends nothing."""
    code, said = run(
        '-S', '-c', 'import sys; sys.ps1 = "> "\ntry: import bots\nexcept ImportError: pass'
    )
    assert (code, said) == (0, '')


@pytest.mark.parametrize('module', FIRST)
def test_an_old_python_is_told(module: str) -> None:
    """In a syntax that it understands, before anything that it does not."""
    script = f"import sys; sys.version_info = (3, 8, 18, 'final', 0)\nimport {module}"
    code, said = run('-c', script)
    assert code == 1
    assert said.startswith('Python 3.11 or newer is needed, and this is ')
    assert said.count('\n') == 1
    path = ROOT / module / '__init__.py' if module in PACKAGES else ROOT / f'{module}.py'
    for each in (path, ROOT / 'connection' / '__init__.py', ROOT / 'connection' / 'this_python.py'):
        text = each.read_text(encoding='utf-8')
        ast.parse(text, feature_version=OLDEST)
        assert not re.search(r'\{\w+=[!}]', text), f'{each}: f-strings with = came with 3.8'


@pytest.mark.parametrize(
    ('name', 'what'),
    [
        ('kafka', 'an installed package'),
        ('msgspec', 'an installed package'),
        ('pytest', 'an installed package'),
        ('queue', "a module of Python's own"),
        ('logging', "a module of Python's own"),
        ('test', ''),
        ('my_bot', ''),
    ],
)
def test_a_file_that_hides_something_is_told(tmp_path: Path, name: str, what: str) -> None:
    """It names the file, what it hides, and another name; what hides nothing may stay."""
    (tmp_path / f'{name}.py').write_text('', encoding='utf-8')
    script = tmp_path / 'my_script.py'
    script.write_text('import producer\n', encoding='utf-8')
    expected = f'{name}.py in {tmp_path} hides {what}: `import {name}` finds your file instead. '
    expected += f'Give it another name, such as my_{name}.py.\n'
    assert run(str(script)) == ((1, expected) if what else (0, ''))


@pytest.mark.parametrize(
    ('folder', 'cause'),
    [
        ('kafka-1.3.5.dist-info', 'The package kafka is installed'),
        ('kafka_python_ng-2.2.3.dist-info', 'The package kafka-python-ng is installed'),
        ('kafka_python-2.0.2-py3.11.egg-info', 'kafka-python 2.0.2-py3.11 is installed'),
        ('kafka_python-3.0.12.dist-info', ''),
    ],
)
def test_another_package_called_kafka_is_named(tmp_path: Path, folder: str, cause: str) -> None:
    """`pip install kafka` and kafka-python-ng are the cause of strange errors, and are named."""
    for package in ('kafka', 'msgspec', 'dotenv'):
        (tmp_path / package).mkdir()
        (tmp_path / package / '__init__.py').touch()
    (tmp_path / folder).mkdir()
    script = f'import sys; sys.path.append({str(ROOT)!r}); import connection.this_python'
    code, said = run('-S', '-c', script, cwd=tmp_path, path=tmp_path)
    assert said.startswith(cause)
    assert code == bool(cause)


def test_it_knows_the_modules_of_the_workshop() -> None:
    """Those at the root hide nothing: a package of the same name gives way to them."""
    assert sorted({*ROOT_NAMES, 'conftest'} - set(PACKAGES)) == sorted(OURS)


ROUND = """
from alerts import ThrottlingAlertService
from consumer import get_consumer
from producer import send_msg
import sys
topic = sys.argv[1]
send_msg(topic, {'sender': 'red', 'contents': 'hello'}, block=True)
print([msg.value['contents'] for msg in get_consumer(topic, offset='earliest', timeout=0.5)])
service = ThrottlingAlertService(topic, topic + '.alerts', 'odd', 'earliest', limit=0)
print(service.run(timeout=0.5))
"""


def test_warnings_may_be_errors(topic: str) -> None:
    """Sending, reading and a durable service work under -W error."""
    code, said = run('-W', 'error', '-c', ROUND, topic)
    assert code == 0, said
    assert said.splitlines()[:1] == ["['hello']"]
    assert said.splitlines()[-1] == '1'


@pytest.mark.parametrize('option', ['-O', '-OO'])
def test_an_optimised_python_is_told(option: str) -> None:
    """Without asserts kafka-python understands no answer of Kafka's."""
    code, said = run(option, '-m', 'settings')
    assert code == 1
    assert said.startswith('Python runs optimised')
    assert said.endswith('Start Python without -O, and unset PYTHONOPTIMIZE.\n')
