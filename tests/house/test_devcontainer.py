"""The development container: what its file names is there, and needs no Docker inside."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
FILE = ROOT / '.devcontainer/devcontainer.json'
CONTAINER: dict[str, Any] = json.loads(FILE.read_text(encoding='utf-8'))
notebooks: Any = nbformat  # says nothing about its types


def test_it_is_a_plain_python_of_a_version_that_we_test() -> None:
    """An image of Python 3.11 or newer, without features such as Docker in Docker."""
    version = re.fullmatch(r'mcr\.microsoft\.com/devcontainers/python:3\.(\d+)', CONTAINER['image'])
    assert version
    assert 11 <= int(version[1]) <= 14
    assert not CONTAINER.keys() & {'features', 'dockerComposeFile', 'build', 'privileged'}


def test_its_commands_can_be_run() -> None:
    """It makes the environment; what is installed is there, and pinned."""
    commands = [shlex.split(part) for part in CONTAINER['postCreateCommand'].split('&&')]
    make, install = commands
    assert make == ['python3', '-m', 'venv', '.venv']
    assert install[:4] == ['.venv/bin/python', '-m', 'pip', 'install']
    constraints = (ROOT / 'constraints.txt').read_text(encoding='utf-8')
    words = [word for word in install[4:] if not word.startswith('-')]
    assert len(words) == 3
    for word in words:
        if word.endswith('.txt'):
            text = (ROOT / word).read_text(encoding='utf-8')
            assert re.match(r'-c (\.\./)?constraints\.txt\n', text)
        else:
            assert re.search(rf'^{word}==', constraints, re.MULTILINE)


def test_the_editor_opens_the_notebook_with_that_environment() -> None:
    """The interpreter is the one that was made, and the notebook asks for no other kernel."""
    for_code = CONTAINER['customizations']['vscode']
    assert for_code['settings']['python.defaultInterpreterPath'].endswith('/.venv/bin/python')
    assert 'ms-toolsai.jupyter' in for_code['extensions']
    (opened,) = CONTAINER['customizations']['codespaces']['openFiles']
    kernel = notebooks.read(ROOT / opened, as_version=4).metadata.kernelspec.name
    assert kernel == 'python3'
    assert CONTAINER['forwardPorts'] == [8000]
