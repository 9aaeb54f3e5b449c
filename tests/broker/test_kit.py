"""A kit: what it holds, that pip installs from it, and that what was changed is refused.

Two small wheels in a folder stand in for the package index, one small file for Kafka.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from broker import kit, kit_maker, kit_wheels
from errors import BrokerError
from tests.support.brokers import ROOT

LINUX, WINDOWS = kit_wheels.SYSTEMS[0], kit_wheels.SYSTEMS[-1]


def _wheel(folder: Path, name: str, tags: str) -> str:
    """Build a wheel with one module; its SHA-256."""
    path = folder / f'{name}-1.0-{tags}.whl'
    about = f'{name}-1.0.dist-info'
    files = {
        f'{name}.py': 'here = True\n',
        f'{about}/METADATA': f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n',
        f'{about}/WHEEL': f'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n',
    }
    with zipfile.ZipFile(path, 'w') as packed:
        for file, text in files.items():
            packed.writestr(file, text)
        packed.writestr(f'{about}/RECORD', ''.join(f'{file},,\n' for file in files))
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Original:
    """A kit for two systems, from an index of two wheels: for all, and for Windows only."""

    def __init__(self, folder: Path) -> None:
        self.index = folder / 'index'
        self.index.mkdir()
        small = _wheel(self.index, 'small', 'py3-none-any')
        native = _wheel(self.index, 'native', 'cp312-cp312-win_amd64')
        lock = folder / 'constraints-hashed.txt'
        lock.write_text(
            '# made for this test\n'
            f"native==1.0 ; python_version < '3.14' \\\n    --hash=sha256:{native}\n"
            f'small==1.0 \\\n    --hash=sha256:{"0" * 64} \\\n    --hash=sha256:{small}\n',
            encoding='utf-8',
        )
        self.wheels = kit_wheels.locked_wheels(lock)
        self.jar = folder / 'small-1.0.jar'
        self.jar.write_bytes(b'a small jar')
        self.folder = folder / 'the kit'
        self.missing = self.make(self.folder, (LINUX, WINDOWS), '3.12')

    def make(self, folder: Path, systems: Sequence[kit_wheels.System], python: str) -> list[str]:
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith('PIP_')]:
                patch.delenv(name)
            patch.setenv('PIP_NO_INDEX', '1')
            patch.setenv('PIP_FIND_LINKS', str(self.index))
            return kit_maker.make(folder, self.wheels, systems, (python,), [self.jar])


@pytest.fixture(scope='module')
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """The kit that these tests have copies of."""
    return Original(tmp_path_factory.mktemp('kit'))


@pytest.fixture
def made(original: Original, tmp_path: Path) -> Path:
    """A kit that a test may change."""
    return Path(shutil.copytree(original.folder, tmp_path / 'the kit'))


@pytest.fixture
def served(made: Path) -> Iterator[str]:
    """The address of a kit behind ``python -m http.server``."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(made))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05})
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


def _install(address: str, target: Path) -> subprocess.CompletedProcess[str]:
    """What stands in the kit's README, into a folder."""
    command = [sys.executable, '-m', 'pip', 'install', '--no-index', '--find-links']
    command += [f'{address}/wheels/index.html', '--target', str(target), 'small']
    environment = {name: text for name, text in os.environ.items() if name != 'PIP_FIND_LINKS'}
    environment['NO_PROXY'] = '127.0.0.1'
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_a_kit_holds_what_the_locks_name(original: Original) -> None:
    """Wheels, jars, the project and a README; what has no wheel is told; the zip has the same."""
    assert original.missing == ['native==1.0 for Linux x86-64, Python 3.12']
    made = original.folder
    names = [path.relative_to(made).as_posix() for path in made.rglob('*') if path.is_file()]
    assert sorted(names) == [
        'README.txt',
        'jars/small-1.0.jar',
        'kit.sha256',
        'wheels/index.html',
        'wheels/native-1.0-cp312-cp312-win_amd64.whl',
        'wheels/small-1.0-py3-none-any.whl',
        'workshop.zip',
    ]
    assert len((made / 'README.txt').read_text(encoding='utf-8').splitlines()) == 10
    with zipfile.ZipFile(made / 'workshop.zip') as packed:
        project = set(packed.namelist())
    assert {'workshop/README.md', 'workshop/.env.example', 'workshop/broker/kit.py'} <= project
    assert not [name for name in project if '/.venv/' in name or '/.git/' in name]
    with zipfile.ZipFile(made.with_name('the kit.zip')) as packed:
        assert sorted(packed.namelist()) == sorted(f'the kit/{name}' for name in names)


def test_a_kit_is_brought_up_to_date(made: Path, original: Original) -> None:
    """What is no longer wanted goes, and what was damaged is fetched again."""
    (made / 'wheels/small-1.0-py3-none-any.whl').write_bytes(b'damaged')
    (made / 'wheels/old-1.0-py3-none-any.whl').touch()
    (made / 'jars/old-1.0.jar').touch()
    assert list(kit_maker.changed_files(made)) == ['wheels/small-1.0-py3-none-any.whl']
    assert original.make(made, (WINDOWS,), '3.14') == []
    assert list(kit_maker.changed_files(made)) == []
    assert not list(made.glob('*/old*'))


def test_a_folder_with_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kit is not made in a folder that holds something else."""
    (tmp_path / 'holiday.txt').touch()
    assert kit_maker.main([str(tmp_path)]) == 1
    assert 'holds something else' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['holiday.txt']


def test_pip_installs_from_a_folder_and_refuses_what_was_changed(
    made: Path, tmp_path: Path
) -> None:
    """Without an index, from a folder whose name has a space; a changed wheel is not installed."""
    run = _install(str(made), tmp_path / 'target')
    assert run.returncode == 0, run.stderr
    assert (tmp_path / 'target/small.py').exists()
    changed = made / 'wheels/small-1.0-py3-none-any.whl'
    changed.write_bytes(changed.read_bytes() + b'\0')
    run = _install(str(made), tmp_path / 'again')
    assert run.returncode == 1
    assert 'THESE PACKAGES DO NOT MATCH THE HASHES' in run.stderr
    assert not (tmp_path / 'again/small.py').exists()


def test_pip_installs_from_a_kit_that_is_served(made: Path, served: str, tmp_path: Path) -> None:
    """The same over http: what `python -m http.server` serves is enough, and is checked."""
    run = _install(served, tmp_path / 'target')
    assert run.returncode == 0, run.stderr
    assert (tmp_path / 'target/small.py').exists()
    changed = made / 'wheels/small-1.0-py3-none-any.whl'
    changed.write_bytes(changed.read_bytes() + b'\0')
    assert 'THESE PACKAGES DO NOT MATCH' in _install(served, tmp_path / 'again').stderr


def test_a_check_names_what_was_changed(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` is silent about nothing: each file that is missing or changed, by its name."""
    assert kit_maker.main([str(made), '--check']) == 0
    (made / 'workshop.zip').write_bytes(b'damaged')
    (made / 'jars/small-1.0.jar').unlink()
    assert kit_maker.main([str(made), '--check']) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in told] == ['jars/small-1.0.jar', 'workshop.zip']
    assert kit_maker.main([str(made.parent), '--check']) == 1
    assert 'is no kit' in capsys.readouterr().err


def test_where_a_kit_is(made: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """WORKSHOP_KIT wins and must be a kit; else the one around or beside the project is taken."""
    monkeypatch.setenv('WORKSHOP_KIT', str(made))
    assert kit.find() == kit.Kit(str(made))
    monkeypatch.setenv('WORKSHOP_KIT', f'{served}/')
    assert kit.find() == kit.Kit(served)
    monkeypatch.setenv('WORKSHOP_KIT', str(made.parent))
    with pytest.raises(BrokerError, match=r'is no kit: there is no .*kit\.sha256'):
        kit.find()
    monkeypatch.delenv('WORKSHOP_KIT')
    monkeypatch.setattr(kit, 'ROOT', made / 'workshop')
    assert kit.find() == kit.Kit(str(made))
    made.rename(made.with_name('workshop-kit'))
    monkeypatch.setattr(kit, 'ROOT', made.with_name('workshop'))
    assert kit.find() == kit.Kit(str(made.with_name('workshop-kit')))
    monkeypatch.setenv('WORKSHOP_KIT', 'none')
    assert kit.find() is None


def test_a_kit_that_does_not_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An address where nobody serves is an error that names WORKSHOP_KIT and the way out."""
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    with pytest.raises(BrokerError, match=r'127\.0\.0\.1:9: .*Set WORKSHOP_KIT'):
        kit.Kit('http://127.0.0.1:9').take('jars/small-1.0.jar', tmp_path / 'small')


@pytest.mark.parametrize(
    ('named', 'options'),
    [
        ('/mnt/a stick', '--no-index --find-links "/mnt/a stick/wheels/index.html"'),
        (
            'http://192.168.1.5:8000/',
            (
                '--no-index --find-links "http://192.168.1.5:8000/wheels/index.html" '
                '--trusted-host 192.168.1.5:8000'
            ),
        ),
        ('none', ''),
    ],
)
def test_make_gives_pip_the_kit(named: str, options: str, tmp_path: Path) -> None:
    """What learners install comes from the kit alone; what only developers need does not."""
    command = ['make', '--dry-run', '--always-make', 'demo', '.venv/dev', f'WORKSHOP_KIT={named}']
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = ' '.join(run.stdout.split())
    learner, room, dev = (
        re.search(rf'pip install ([^|&]*?) -r {name}', said)
        for name in (r'requirements\.txt', r'requirements-room\.txt', r'requirements-dev\.txt')
    )
    assert learner
    assert room
    assert dev
    assert learner[1] == room[1] == f'--quiet --disable-pip-version-check {options}'.strip()
    assert '--no-index' not in dev[1]


def test_the_hashed_constraints_are_the_constraints() -> None:
    """The same versions under the same markers, hashes for each, and all that learners install."""
    wheels = kit_wheels.locked_wheels()
    constraints = (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    assert {wheel.pin for wheel in wheels} <= {line.split(' ;')[0] for line in constraints}
    assert all(wheel.hashes for wheel in wheels)
    for name in ('requirements.txt', 'requirements-room.txt', 'exercises/requirements.txt'):
        for line in (ROOT / name).read_text(encoding='utf-8').splitlines():
            if not line.startswith(('#', '-')):
                package = Requirement(line.split(' #')[0]).name.lower()
                assert any(wheel.pin.startswith(f'{package}==') for wheel in wheels), package
    for system in kit_wheels.SYSTEMS:
        for python in kit_wheels.PYTHONS:
            pins = [wheel.pin.split('==')[0] for wheel in wheels if wheel.is_for(system, python)]
            assert len(pins) == len(set(pins)), (system.name, python)
            assert ('uvloop' in pins) == (system is not WINDOWS)
            assert ('colorama' in pins) == (system is WINDOWS)
