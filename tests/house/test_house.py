"""The rules that hold the house together: floors, sizes, names, and the tree in CONTRIBUTING.md."""

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
CEILING = 400  # lines: there to make one think, not to make code dense
ENTRIES = 40  # at the root, dotfiles included
ROOT_MODULES = 14
PACKAGES = ('broker', 'client', 'connection', 'processing', 'room')

# Lowest first: a module imports from lower floors and from its own package only.
FLOORS = (
    ('errors',),
    ('schemas', 'connection'),
    ('settings', 'broker', 'chatlog'),
    ('client',),
    ('producer', 'consumer'),
    ('deadletters', 'simulators', 'testing'),
    ('processing',),
    ('alerts', 'services', 'bots'),
    ('walkthrough',),
    ('room', 'demo', 'exercises', 'bench'),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def _tracked(*patterns: str) -> list[Path]:
    command = ['git', 'ls-files', '--cached', '--others', '--exclude-standard', *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({Path(line) for line in listed.splitlines() if (ROOT / line).exists()})


def _module(path: Path) -> str:
    return '.'.join(path.with_suffix('').parts).removesuffix('.__init__')


SOURCES = {
    _module(path): path
    for path in _tracked('*.py')
    if path.parts[0] in (*PACKAGES, 'bench') or (len(path.parts) == 1 and path.stem != 'conftest')
}
LIBRARY = sorted(name for name in SOURCES if not name.startswith('bench'))
ROOT_NAMES = sorted(name for name in LIBRARY if '.' not in name)

# Imports every module by itself and tells what was done meanwhile, apart from reading Python's own
# and installed files.
IMPORT = """
import json, sys, threading
done, module = [], ''
installed = (sys.prefix, sys.base_prefix, sys.argv[1], '/dev/', '/proc/', '/etc/', '/usr/')
doings = {'socket.connect', 'socket.bind', 'socket.getaddrinfo', 'subprocess.Popen', 'os.mkdir',
          'os.remove', 'os.fork', 'signal.signal'}
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
    return ast.parse((ROOT / SOURCES[module]).read_text(encoding='utf-8'))


def _imports(module: str) -> set[str]:
    """The modules of this project that a module imports, wherever in it the import stands."""
    named: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{module}: imports are absolute here'
            inner = {f'{node.module}.{alias.name}' for alias in node.names}
            named |= (inner & SOURCES.keys()) or {str(node.module)}
    return {name for name in named if name.split('.')[0] in FLOOR}


def _all(module: str) -> list[str]:
    for node in _tree(module).body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        targets = node.targets if isinstance(node, ast.Assign) else [target] if target else []
        if [ast.unparse(each) for each in targets] == ['__all__']:
            names: list[str] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            return names
    raise AssertionError(f'{SOURCES[module]} has no __all__.')


def _definitions(
    module: str,
) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name: node for node in _tree(module).body if isinstance(node, kinds)}


def test_the_root_shows_the_workshop() -> None:
    """At most 40 entries at the root, 14 of them modules: what a learner imports or runs."""
    entries = sorted({path.parts[0] for path in _tracked()})
    assert len(entries) <= ENTRIES, entries
    assert len(ROOT_NAMES) - len(PACKAGES) <= ROOT_MODULES, ROOT_NAMES


def test_the_tree_in_contributing_names_every_file() -> None:
    """The tree in CONTRIBUTING.md has a line with a phrase for each module, and for no other."""
    text = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    tree = re.search(r'^```text\n(errors\.py.*?)^```$', text, re.MULTILINE | re.DOTALL)
    assert tree, 'CONTRIBUTING.md has no tree that begins with errors.py'
    named, folder = [], ''
    for line in tree[1].splitlines():
        entry = re.fullmatch(r'( *)(\w+)(\.py|/) +\S.*', line)
        if not entry:
            continue
        indent, name, kind = entry.groups()
        if kind == '/':
            folder = name
        else:
            named.append(_module(Path(folder if indent else '', f'{name}.py')))
    assert sorted(named) == LIBRARY


@pytest.mark.parametrize('module', LIBRARY)
def test_imports_point_only_downwards(module: str) -> None:
    """A module imports from lower floors and its own package only, wherever the import stands."""
    home = module.partition('.')[0]
    upward = {
        name
        for name in _imports(module)
        if name.partition('.')[0] != home and FLOOR[name.partition('.')[0]] >= FLOOR[home]
    }
    assert upward == set()


def test_imports_have_no_circle() -> None:
    """Within a package, too, no module is imported by what it imports."""
    graph = {module: _imports(module) & set(LIBRARY) for module in LIBRARY}
    while leaves := [module for module, wanted in graph.items() if not wanted & graph.keys()]:
        for module in leaves:
            del graph[module]
    assert graph == {}


@pytest.mark.parametrize('package', ['broker', 'room'])
def test_nobody_imports_a_command_line(package: str) -> None:
    """`__main__` holds only the command line."""
    assert [name for name in LIBRARY if f'{package}.__main__' in _imports(name)] == []


@pytest.mark.parametrize('path', _tracked('*.py'), ids=str)
def test_no_file_is_longer_than_can_be_read_in_one_sitting(path: Path) -> None:
    """No Python file has more than 400 lines."""
    assert len((ROOT / path).read_text(encoding='utf-8').splitlines()) <= CEILING
    assert (
        '# fmt: skip' not in (ROOT / path).read_text(encoding='utf-8') or path.parts[0] == 'tests'
    )


def test_importing_does_nothing(tmp_path: Path) -> None:
    """Importing connects nowhere, starts nothing, reads and writes no file, and prints nothing."""
    (tmp_path / '.env').write_text('KAFKA_BOOTSTRAP_SERVERS=localhost:1\n', encoding='utf-8')
    modules = [name for name in LIBRARY if name != 'broker.supervisor']
    command = [sys.executable, '-c', IMPORT, str(ROOT), *modules]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, '')
    assert json.loads(run.stdout) == []


@pytest.mark.parametrize('module', LIBRARY)
def test_public_names_are_documented(module: str) -> None:
    """A module says what it is for; each name in its `__all__` is there and has a docstring."""
    assert ast.get_docstring(_tree(module))
    definitions = _definitions(module)
    listed = _all(module)
    undocumented = [
        name for name in listed if name in definitions and not ast.get_docstring(definitions[name])
    ]
    assert undocumented == []
    source = (ROOT / SOURCES[module]).read_text(encoding='utf-8')
    there = r'^({0}\b.*=|from .* import .*\b{0}\b|    {0},$)'
    missing = [
        name
        for name in listed
        if name not in definitions and not re.search(there.format(name), source, re.MULTILINE)
    ]
    assert missing == []


@pytest.mark.parametrize('module', ROOT_NAMES)
def test_no_module_has_the_name_of_another(module: str) -> None:
    """No module or package hides one of the standard library or of an installed package."""
    assert module not in sys.stdlib_module_names
    assert module not in importlib.metadata.packages_distributions()


@pytest.mark.parametrize('path', _tracked('*requirements*.txt'), ids=str)
def test_what_is_required_is_pinned_within_its_range(path: Path) -> None:
    """Every requirement has a pin in constraints.txt: after a change, `make constraints`."""
    pins: dict[str, set[str]] = {}
    for line in (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines():
        if not line.startswith('#'):
            name, _, version = line.split(';')[0].strip().partition('==')
            pins.setdefault(name, set()).add(version)
    text = (ROOT / path).read_text(encoding='utf-8')
    lines = [line.split(' #')[0].strip() for line in text.splitlines()]
    assert re.fullmatch(r'-c (\.\./)?constraints\.txt', lines[0])
    wanted = [Requirement(line) for line in lines if line and not line.startswith(('#', '-'))]
    assert wanted

    def pinned(each: Requirement) -> bool:
        found = pins.get(each.name.lower().replace('_', '-'), {'0'})
        return any(each.specifier.contains(pin, prereleases=True) for pin in found)

    assert [str(each) for each in wanted if not pinned(each)] == []
