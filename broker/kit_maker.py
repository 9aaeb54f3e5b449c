"""Makes a kit: ``make kit``, or ``python -m broker.kit_maker``.

It is for the teacher, who has internet the day before; ``docs/class.md`` says how it is used. A kit
is a folder with wheels, Kafka's jars, the project as a zip, and a list of checksums; and all of it
once more as one zip. The one idea to take away: a mirror needs no server, a folder is enough.
"""

import argparse
import html
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from broker import kit, kit_wheels, storage
from broker.installation import ensure_installed
from broker.jars import sha256_of
from errors import BrokerError

__all__ = ['changed_files', 'main', 'make']

# Without git, what is not part of the project.
LEFT_OUT = ('.git', '.venv', '.env', '.kafka', 'mine', '__pycache__')

README = """\
The workshop "A chat room on Kafka", with all that it downloads: no internet is needed.
You need Python {pythons} on {systems}.
1. Copy this folder to your disk. Unpack workshop.zip in it: that makes the folder workshop.
2. In that folder:      python3 -m venv .venv             (Windows: py -m venv .venv)
                        source .venv/bin/activate         (Windows: .venv\\Scripts\\Activate.ps1)
                        pip install --no-index --find-links ../wheels/index.html -r requirements.txt
3. Go on in README.md, after its line with `pip install`. Kafka comes from here, too: as long as
   this folder is around workshop, or beside it and named workshop-kit, or named by WORKSHOP_KIT.
4. To serve it to a class: python -m http.server, in here. docs/class.md in workshop.zip says more.
The file kit.sha256 has the checksums; pip and the workshop refuse a file that was changed.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a kit, or check one.

    Args:
        arguments: by default those of the command line.

    Returns:
        The exit code: 1 if it could not be made, or is not as it was made.
    """
    parser = argparse.ArgumentParser(
        'python -m broker.kit_maker', description='All that a class without internet needs.'
    )
    beside = kit.ROOT.parent / kit.FOLDER
    parser.add_argument('folder', nargs='?', type=Path, default=beside, help='(%(default)s)')
    parser.add_argument('--check', action='store_true', help='only look whether a kit is whole')
    options = parser.parse_args(arguments)
    try:
        return _check(options.folder) if options.check else _make(options.folder)
    except BrokerError as error:
        print(error, file=sys.stderr)
        return 1


def _make(folder: Path) -> int:
    missing = make(folder)
    packed = folder.with_name(f'{folder.name}.zip')
    print(f'The kit is {folder} ({_megabytes(_size(folder))}), as one file {packed}.')
    for part in ('wheels', 'jars'):
        files = [path for path in (folder / part).iterdir() if path.name != 'index.html']
        size = sum(path.stat().st_size for path in files)
        print(f'  {part:8}{len(files):4} files, {_megabytes(size)}')
    print('\n'.join(f'  missing: {line}' for line in missing) or '  missing: nothing')
    print('How to prepare a class with it: docs/class.md')
    return 0


def _check(folder: Path) -> int:
    if not (folder / kit.CHECKSUMS).is_file():
        raise BrokerError(f'{folder} is no kit: it has no {kit.CHECKSUMS}.')
    changed = list(changed_files(folder))
    for name in changed:
        print(f'{name} is missing, or not as it was made. Copy the kit again.', file=sys.stderr)
    if not changed:
        print(f'The kit {folder} is whole.')
    return 1 if changed else 0


def make(
    folder: Path,
    wheels: Sequence[kit_wheels.Wheel] | None = None,
    systems: Sequence[kit_wheels.System] = kit_wheels.SYSTEMS,
    pythons: Sequence[str] = kit_wheels.PYTHONS,
    jars: Iterable[Path] | None = None,
) -> list[str]:
    """Make a kit, or bring one up to date, and pack it into a zip beside it.

    Args:
        folder: the kit.
        wheels: the packages; by default those of ``constraints-hashed.txt``.
        systems: for which systems.
        pythons: for which versions of Python.
        jars: Kafka; by default the one that is installed here, and else is now.

    Returns:
        What could not be had, a line each.

    Raises:
        BrokerError: the folder holds something else, or nothing could be downloaded.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / 'wheels').is_dir():
        raise BrokerError(f'{folder} holds something else. Name another folder: make kit KIT=...')
    for part in ('wheels', 'jars'):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / kit.CHECKSUMS).unlink(missing_ok=True)  # it is no kit until it is whole
    if jars is None:
        jars = ensure_installed(storage.format_template).jars
    _copy(list(jars), folder / 'jars')
    wheels = kit_wheels.locked_wheels() if wheels is None else wheels
    missing = kit_wheels.download(folder / 'wheels', wheels, systems, pythons)
    (folder / 'wheels/index.html').write_text(_index(folder / 'wheels'), encoding='utf-8')
    _pack_project(folder / 'workshop.zip')
    text = README.format(
        pythons=f'{pythons[0]} to {pythons[-1]}',
        systems=', '.join(system.name for system in systems),
    )
    (folder / 'README.txt').write_text(text, encoding='utf-8')
    lines = [f'{sha256_of(folder / name)}  {name}\n' for name in _files(folder)]
    (folder / kit.CHECKSUMS).write_text(''.join(lines), encoding='utf-8')
    _pack(folder)
    return missing


def changed_files(folder: Path) -> Iterator[str]:
    """The files of a kit that are missing, or not as they were when it was made."""
    for line in (folder / kit.CHECKSUMS).read_text(encoding='utf-8').splitlines():
        digest, _, name = line.partition('  ')
        if sha256_of(folder / name) != digest:
            yield name


def _copy(jars: Sequence[Path], target: Path) -> None:
    names = {jar.name for jar in jars}
    for stale in target.iterdir():
        if stale.name not in names:
            stale.unlink()
    for jar in jars:
        (target / jar.name).write_bytes(jar.read_bytes())


def _index(wheels: Path) -> str:
    """A page with a link to each wheel; pip refuses a file that has another checksum."""
    links = [
        f'<a href="{html.escape(path.name)}#sha256={sha256_of(path)}">{html.escape(path.name)}</a>'
        for path in sorted(wheels.glob('*.whl'))
    ]
    return '<!DOCTYPE html>\n<title>Wheels</title>\n' + '<br>\n'.join(links) + '\n'


def _pack_project(target: Path) -> None:
    """The project as it is here, without what git ignores; in a folder ``workshop``."""
    with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as packed:
        for name in _project():
            packed.write(kit.ROOT / name, f'workshop/{name}')


def _project() -> list[str]:
    command = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    try:
        run = subprocess.run(command, cwd=kit.ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # it was not cloned, or there is no git
        paths = [path.relative_to(kit.ROOT) for path in kit.ROOT.rglob('*') if path.is_file()]
        return sorted(path.as_posix() for path in paths if not set(LEFT_OUT) & set(path.parts))
    names = run.stdout.decode().split('\0')
    return sorted(name for name in names if name and (kit.ROOT / name).is_file())


def _files(folder: Path) -> list[str]:
    """What a kit consists of; a project that was unpacked in it is not part of it."""
    paths = [*folder.glob('*.*'), *folder.glob('wheels/*'), *folder.glob('jars/*')]
    names = {path.relative_to(folder).as_posix() for path in paths if path.is_file()}
    return sorted(names - {kit.CHECKSUMS})


def _pack(folder: Path) -> None:
    """The kit as one file; what is in it is compressed already."""
    with zipfile.ZipFile(folder.with_name(f'{folder.name}.zip'), 'w') as packed:
        for name in [kit.CHECKSUMS, *_files(folder)]:
            packed.write(folder / name, f'{folder.name}/{name}')


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in _files(folder))


def _megabytes(size: int) -> str:
    return f'{size / 1e6:.0f} MB'


if __name__ == '__main__':
    sys.exit(main())
