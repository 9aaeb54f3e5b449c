"""The rules that hold the house together. The table of files in CONTRIBUTING.md is the list they go by."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CEILING = 250
ROW = re.compile(r'^\| `(\w+)\.py` \| (.+) \|$', re.MULTILINE)
MODULES = [name for name, _ in ROW.findall((ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8'))]
HERE = sorted(path.stem for path in ROOT.glob('*.py') if path.name != 'conftest.py')

# Imports every module by itself and tells what was done meanwhile, apart from reading Python's own and installed files.
IMPORT = """
import json, sys, threading
done, module = [], ''
installed = (sys.prefix, sys.base_prefix, sys.argv[1], '/dev/', '/proc/', '/etc/', '/usr/')
doings = {'socket.connect', 'socket.bind', 'socket.getaddrinfo', 'subprocess.Popen', 'os.mkdir', 'os.remove', 'os.fork', 'signal.signal'}
def hook(event, args):
    if event in doings or event.endswith('start_new_thread'):
        done.append([module, event, str(args[:1])])
    elif event == 'open' and isinstance(args[0], str):
        source = args[0].startswith(installed) and '.env' not in args[0]
        if not source or set(str(args[1])) & set('wax'):
            done.append([module, event, args[0]])
import site, encodings.idna
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
sys.addaudithook(hook)
for module in sys.argv[2:]:
    __import__(module)
print(json.dumps(done))
"""


def _tree(module: str) -> ast.Module:
    return ast.parse((ROOT / f'{module}.py').read_text(encoding='utf-8'))


def _all(module: str) -> list[str]:
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [
            '__all__'
        ]:
            names: list[str] = ast.literal_eval(node.value)
            return names
    raise AssertionError(f'{module}.py has no __all__.')


def _definitions(module: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    return {
        node.name: node
        for node in _tree(module).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def test_every_module_has_its_row_in_the_table_of_files() -> None:
    """The table of files in CONTRIBUTING.md names the modules that are there, each once."""
    assert sorted(MODULES) == HERE


@pytest.mark.parametrize('module', MODULES)
def test_imports_point_only_upwards(module: str) -> None:
    """A module imports only modules that stand above it in the table, wherever in it the import stands: so no circles."""
    imported = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, 'modules here are flat'
            imported.add(str(node.module).split('.')[0])
    assert imported & set(HERE) <= set(MODULES[: MODULES.index(module)])


@pytest.mark.parametrize(
    'path',
    sorted([*ROOT.glob('*.py'), *ROOT.glob('tests/**/*.py'), *ROOT.glob('bench/**/*.py')]),
    ids=lambda p: p.name,
)
def test_no_file_is_longer_than_can_be_read_in_one_sitting(path: Path) -> None:
    """No Python file has more than 250 lines."""
    assert len(path.read_text(encoding='utf-8').splitlines()) <= CEILING


def test_importing_does_nothing(tmp_path: Path) -> None:
    """Importing any module connects nowhere, starts nothing, reads and writes no file, and prints nothing."""
    (tmp_path / '.env').write_text('KAFKA_BOOTSTRAP_SERVERS=localhost:1\n', encoding='utf-8')
    run = subprocess.run(
        [sys.executable, '-c', IMPORT, str(ROOT), *HERE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, '')
    assert json.loads(run.stdout) == []


@pytest.mark.parametrize('module', MODULES)
def test_public_names_are_documented(module: str) -> None:
    """A module says what it is for; every name in its `__all__` is there, and each function and class among them has a docstring."""
    assert ast.get_docstring(_tree(module))
    definitions = _definitions(module)
    listed = _all(module)
    assert [
        name for name in listed if name in definitions and not ast.get_docstring(definitions[name])
    ] == []
    source = (ROOT / f'{module}.py').read_text(encoding='utf-8')
    there = r'^({0}\b.*=|from .* import .*\b{0}\b)'
    assert [
        name
        for name in listed
        if name not in definitions and not re.search(there.format(name), source, re.MULTILINE)
    ] == []


@pytest.mark.parametrize('module', HERE)
def test_no_module_has_the_name_of_another(module: str) -> None:
    """No module hides one of the standard library or of an installed package."""
    assert module not in sys.stdlib_module_names
    assert module not in importlib.metadata.packages_distributions()


@pytest.mark.parametrize(
    'path',
    sorted([*ROOT.glob('requirements*.txt'), *ROOT.glob('*/requirements.txt')]),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_what_is_required_is_pinned_within_its_range(path: Path) -> None:
    """Every requirement has a pin in constraints.txt that is within its range: after a change, `make constraints`."""
    pins = {}
    for line in (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines():
        if not line.startswith('#'):
            name, _, version = line.split(';')[0].strip().partition('==')
            pins[name] = version
    lines = [line.split(' #')[0].strip() for line in path.read_text(encoding='utf-8').splitlines()]
    assert re.fullmatch(r'-c (\.\./)?constraints\.txt', lines[0])
    wanted = [Requirement(line) for line in lines if line and not line.startswith(('#', '-'))]
    assert wanted
    wrong = [
        str(each)
        for each in wanted
        if not each.specifier.contains(
            pins.get(each.name.lower().replace('_', '-'), '0'), prereleases=True
        )
    ]
    assert wrong == []
