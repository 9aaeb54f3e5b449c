"""Whether this Python can run the workshop: its version, its packages, and nothing in their way.

Every module that may be the first one imports this one before anything else. So it is written in a
syntax that older Pythons understand, and uses only what every Python has loaded when it begins.

The one idea to take away: there are several Pythons on a machine. An error about a package that is
missing is nearly always an error about which of them runs.
"""

import os
import sys

__all__ = ['OURS', 'complaint']

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ESSENTIAL = ('kafka', 'msgspec', 'dotenv')  # without these nothing works
ACTIVATE = r'.venv\Scripts\Activate.ps1' if os.name == 'nt' else 'source .venv/bin/activate'
INSTALL = 'pip install -r requirements.txt'

# Files with these names hide what nobody imports.
HARMLESS = ('antigravity', 'idlelib', 'lib2to3', 'test', 'this', 'turtle', 'turtledemo')
OURS = (
    'alerts',
    'bots',
    'chatlog',
    'conftest',
    'consumer',
    'deadletters',
    'demo',
    'errors',
    'producer',
    'schemas',
    'services',
    'settings',
    'simulators',
    'testing',
    'walkthrough',
)


def _stop(text: str) -> None:
    """End a program with one line; a prompt goes on."""
    if hasattr(sys, 'ps1') or 'pytest' in sys.modules:
        raise ImportError(text)
    raise SystemExit(text)


if sys.version_info < (3, 11):  # noqa: UP036 - those who need this have an older one
    _stop(
        f'Python 3.11 or newer is needed, and this is {sys.version.split()[0]} ({sys.executable}). '
        'Make the virtual environment with a newer one: python3.12 -m venv --clear .venv'
    )


def complaint() -> str:
    """What is wrong with this Python, and what to do; empty if nothing is."""
    return _optimised() or _hidden() or _other_package() or _missing()


def _optimised() -> str:
    """kafka-python 3.0 reads some of the bytes of an answer inside an assert."""
    if not sys.flags.optimize:
        return ''
    return (
        'Python runs optimised, so it leaves asserts out, and kafka-python cannot do without: no '
        'answer of Kafka would be understood. Start Python without -O, and unset PYTHONOPTIMIZE.'
    )


def _hidden() -> str:
    """A file of the learner's own that has the name of something that is imported."""
    installed = _installed()
    for folder in {os.path.abspath(sys.path[0] or os.curdir), HERE}:
        for name in sorted(_modules(folder)):
            if name in OURS or name in HARMLESS:
                continue
            if name in sys.stdlib_module_names:
                what = "a module of Python's own"
            elif name in installed:
                what = 'an installed package'
            else:
                continue
            return (
                f'{name}.py in {folder} hides {what}: `import {name}` finds your file instead. '
                f'Give it another name, such as my_{name}.py.'
            )
    return ''


def _modules(folder: str) -> set[str]:
    """The names of the Python files of a folder, if it is none of installed packages."""
    names = _listed(folder)
    if 'os.py' in names or folder.endswith('-packages'):
        return set()
    return {name[:-3] for name in names if name.endswith('.py')}


def _installed() -> set[str]:
    """What can be imported from the folder that kafka-python is installed in."""
    return {name.split('.')[0] for name in _listed(_folder_of('kafka'))}


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _folder_of(package: str) -> str:
    """The folder that a package is installed in; empty if it is not."""
    for folder in map(os.path.abspath, sys.path):
        if os.path.isfile(os.path.join(folder, package, '__init__.py')):
            return folder
    return ''


def _other_package() -> str:
    """Another package that calls itself kafka, or a kafka-python that is too old."""
    for name in _listed(_folder_of('kafka')):
        package, _, rest = name.partition('-')
        version = rest.partition('.dist-info')[0].partition('.egg-info')[0]
        if rest and package in ('kafka', 'kafka_python_ng'):
            package = package.replace('_', '-')
            what = (
                f'The package {package} is installed in this Python, in the place of kafka-python'
            )
            cure = f'pip uninstall -y {package}; pip install --force-reinstall -r requirements.txt'
        elif package == 'kafka_python' and version.split('.')[0] in ('0', '1', '2'):
            what = f'kafka-python {version} is installed in this Python, and is too old'
            cure = INSTALL
        else:
            continue
        return f'{what} ({sys.executable}). {_cure(cure)}'
    return ''


def _missing() -> str:
    missing = [package for package in ESSENTIAL if not _is_there(package)]
    if not missing:
        return ''
    if 'kafka' in missing:
        what = 'The packages are not installed'
    else:
        what = f'{" and ".join(missing)} must be installed, and is not'
    return f'{what} in this Python ({sys.executable}). {_cure(INSTALL)}'


def _is_there(package: str) -> bool:
    if _folder_of(package):
        return True
    import importlib.util  # knows other ways to install something, too

    return importlib.util.find_spec(package) is not None


def _cure(within: str) -> str:
    """What to type: in a virtual environment that is active, or to activate it."""
    where = 'here' if os.path.abspath(os.curdir) == HERE else f'in {HERE}'
    if sys.prefix != sys.base_prefix:
        return f'Run `{within}` {where}.'
    if os.path.isdir(os.path.join(HERE, '.venv')):
        return f'Run `{ACTIVATE}` {where}.'
    return f'Run `python3 -m venv .venv`, `{ACTIVATE}` and `{INSTALL}` {where}.'


_told = complaint()
if _told:
    _stop(_told)

# kafka-python reads its own files in a way that Python 3.11 and 3.12 call deprecated, which ends
# the import where warnings are errors (-W error). Behind the checks: a file may hide `warnings`.
import warnings  # noqa: E402

warnings.filterwarnings('ignore', '.* is deprecated. Use files', DeprecationWarning)
