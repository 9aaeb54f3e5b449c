"""The wheels of a kit, for each system and each Python, as ``constraints-hashed.txt`` names them.

Used by ``make kit``. The one idea to take away: a wheel is a package, built already; its name says
for which Python and which system. So one machine can fetch them for all others.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.jars import sha256_of
from broker.progress import report
from errors import BrokerError

__all__ = ['LOCK', 'PYTHONS', 'SYSTEMS', 'System', 'Wheel', 'download', 'locked_wheels']

LOCK = Path(__file__).parent / 'constraints-hashed.txt'
PYTHONS = ('3.11', '3.12', '3.13', '3.14')


@dataclass(frozen=True)
class System:
    """A kind of machine.

    Args:
        name: what people call it.
        tags: what wheels for it have in their names; pip knows the older macOS by itself.
        environment: what Python says there, as far as requirements ask for it.
    """

    name: str
    tags: tuple[str, ...]
    environment: dict[str, str]

    @classmethod
    def of(cls, name: str, tags: str, names: str) -> 'System':
        """A system by its tags, and by ``sys_platform platform_system os_name machine``."""
        fields = ('sys_platform', 'platform_system', 'os_name', 'platform_machine')
        return cls(name, tuple(tags.split()), dict(zip(fields, names.split(), strict=True)))


def _manylinux(machine: str) -> str:
    """The glibc of Debian 10 and Ubuntu 20.04, and older ones."""
    return ' '.join(f'manylinux_2_{minor}_{machine}' for minor in (28, 27, 26, 24, 17, 12, 5))


SYSTEMS = (
    System.of('Linux x86-64', _manylinux('x86_64'), 'linux Linux posix x86_64'),
    System.of('Linux arm64', _manylinux('aarch64'), 'linux Linux posix aarch64'),
    System.of('macOS x86-64', 'macosx_13_0_x86_64', 'darwin Darwin posix x86_64'),
    System.of('macOS arm64', 'macosx_13_0_arm64', 'darwin Darwin posix arm64'),
    System.of('Windows', 'win_amd64', 'win32 Windows nt AMD64'),
)


@dataclass(frozen=True)
class Wheel:
    """A package in one version: ``'six==1.17.0'``, its marker, and the SHA-256 of all its files."""

    pin: str
    marker: str
    hashes: frozenset[str]

    def is_for(self, system: System, python: str) -> bool:
        """Whether it is needed there."""
        from packaging.markers import Marker

        about = {
            **system.environment,
            'python_version': python,
            'python_full_version': f'{python}.0',
            'implementation_name': 'cpython',
            'platform_python_implementation': 'CPython',
        }
        return not self.marker or Marker(self.marker).evaluate(about)


def locked_wheels(lock: Path = LOCK) -> list[Wheel]:
    """What ``constraints-hashed.txt`` names."""
    text = lock.read_text(encoding='utf-8').replace('\\\n', ' ')
    wheels = []
    for line in text.splitlines():
        pin, *_ = re.split(r' *;| +--hash', line)
        if pin and not pin.startswith('#'):
            marker = re.search(r';\s*(.*?)\s*(?=--hash|$)', line)
            hashes = re.findall(r'--hash=sha256:(\w+)', line)
            wheels.append(Wheel(pin.strip(), marker[1] if marker else '', frozenset(hashes)))
    return wheels


def download(
    folder: Path,
    wheels: Sequence[Wheel],
    systems: Sequence[System] = SYSTEMS,
    pythons: Sequence[str] = PYTHONS,
) -> list[str]:
    """Download wheels into a folder. What is there already is kept, anything else is removed.

    Args:
        folder: where to.
        wheels: the packages.
        systems: for these.
        pythons: for each of these, ``'3.12'``.

    Returns:
        What could not be had, a line each.

    Raises:
        BrokerError: pip could not download at all.
    """
    known = {digest for wheel in wheels for digest in wheel.hashes}
    for stale in folder.iterdir():
        if stale.is_file() and sha256_of(stale) not in known:
            stale.unlink()
    missing: list[str] = []
    for system in systems:
        for python in pythons:
            wanted = [wheel for wheel in wheels if wheel.is_for(system, python)]
            there = _pins_there(folder, system, python)
            absent = [wheel for wheel in wanted if wheel.pin not in there]
            lacks = list(_lacking(folder, absent, system, python)) if absent else []
            report(f'{system.name}, Python {python}: {len(wanted) - len(lacks)} wheels')
            missing += [f'{pin} for {system.name}, Python {python}' for pin in lacks]
    return missing


def _pins_there(folder: Path, system: System, python: str) -> set[str]:
    """Which pins the folder has a wheel for that fits there."""
    from packaging.utils import parse_wheel_filename

    fitting = _tags(system, python)
    pins = set()
    for path in folder.glob('*.whl'):
        name, version, _, tags = parse_wheel_filename(path.name)
        if tags & fitting:
            pins.add(f'{name}=={version}')
    return pins


def _tags(system: System, python: str) -> frozenset[Any]:
    """What may stand in the names of wheels that fit there."""
    from packaging import tags

    platforms = list(system.tags)
    if system.environment['sys_platform'] == 'darwin':
        _, major, minor, machine = system.tags[0].split('_', 3)
        platforms = list(tags.mac_platforms((int(major), int(minor)), machine))
    version = tuple(map(int, python.split('.')))
    interpreter = f'cp{version[0]}{version[1]}'
    return frozenset(
        [
            *tags.cpython_tags(version, [interpreter], platforms),
            *tags.compatible_tags(version, interpreter, platforms),
        ]
    )


def _lacking(folder: Path, wanted: Sequence[Wheel], system: System, python: str) -> Iterator[str]:
    """Download, all at once; if that fails, one after the other, to learn which are not there."""
    problem = _pip(folder, wanted, system, python)
    if not problem:
        return
    for wheel in wanted:
        problem = _pip(folder, [wheel], system, python)
        if 'No matching distribution' in problem:
            yield wheel.pin
        elif problem:
            raise BrokerError(
                f'pip could not download {wheel.pin} for {system.name}, Python {python}: {problem}'
            )


def _pip(folder: Path, wanted: Sequence[Wheel], system: System, python: str) -> str:
    """Run ``pip download``, which checks each file; its complaint, or an empty text."""
    lines = [
        ' '.join([wheel.pin, *(f'--hash=sha256:{digest}' for digest in sorted(wheel.hashes))])
        for wheel in wanted
    ]
    environment = {**os.environ, 'PYTHONIOENCODING': 'utf-8'}
    with tempfile.TemporaryDirectory() as temporary:
        listed = Path(temporary, 'wheels.txt')
        listed.write_text('\n'.join(lines), encoding='utf-8')
        command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps']
        command += ['--disable-pip-version-check', '--only-binary=:all:', '--require-hashes']
        command += ['--python-version', python, '--implementation', 'cp']
        for tag in system.tags:
            command += ['--platform', tag]
        command += ['--dest', str(folder), '--requirement', str(listed)]
        run = subprocess.run(command, check=False, capture_output=True, env=environment)
    if run.returncode == 0:
        return ''
    return run.stderr.decode('utf-8', 'replace').strip() or f'it ended with {run.returncode}'
