"""Fetches Kafka's jars from a kit or from Maven Central, and checks each against its SHA-256.

Used in step 0, once, when Kafka is installed. A kit (``kit.py``) comes first, if there is one; what
it lacks is downloaded. The one idea to take away: it does not matter where
a file came from if its checksum is known beforehand.
"""

import hashlib
import queue
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broker import kit
from broker.progress import report
from errors import BrokerError

__all__ = ['download', 'file_name', 'sha256_of']

ATTEMPTS = 3
DOWNLOADS_AT_ONCE = 6
NETWORK_TIMEOUT = 30  # seconds


def file_name(name: str) -> str:
    """The file name of ``'org.apache.kafka:kafka_2.13:4.4.0'``: ``'kafka_2.13-4.4.0.jar'``."""
    return '-'.join(name.split(':')[1:]) + '.jar'


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file in hex, or ``'missing'`` if there is no such file."""
    try:
        with path.open('rb') as file:
            return hashlib.file_digest(file, 'sha256').hexdigest()
    except FileNotFoundError:
        return 'missing'


def download(draft: Path, locked: Mapping[str, str], version: str) -> None:
    """Fetch jars into ``jars/`` of a folder, six at a time, and check each.

    Args:
        draft: the folder.
        locked: the jars' SHA-256 by name, ``{'org.apache.kafka:kafka_2.13:4.4.0': '...', ...}``.
        version: Kafka's version, for the progress report.

    Raises:
        BrokerError: a jar could not be had, or was not the file that was wanted.
    """
    total = len(locked)
    jobs: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    for job in locked.items():
        jobs.put(job)
    results: queue.SimpleQueue[int | Exception] = queue.SimpleQueue()
    downloads = _Downloads(draft, version)
    source = downloads.kit
    doing = f'Copying Kafka {version} from {source.address}' if source else ''
    doing = doing or f'Downloading Kafka {version}, once'

    report(f'{doing}: {total} files ...')
    for _ in range(DOWNLOADS_AT_ONCE):
        # The threads of a pool would be waited for after Ctrl-C; those of a daemon are not.
        threading.Thread(target=downloads.work, args=(jobs, results), daemon=True).start()
    size = 0
    try:
        for number in range(1, total + 1):
            result = results.get()
            if isinstance(result, Exception):
                raise result
            size += result
            report(
                f'{doing}: {number} of {total} files, {size / 1e6:.0f} MB',
                end='\n' if number == total else '',
            )
    finally:
        downloads.stopped.set()
    shutil.rmtree(downloads.repository, ignore_errors=True)


class _Downloads:
    """Downloads jars into a folder, from as many threads as call ``work``."""

    def __init__(self, draft: Path, version: str) -> None:
        from jgo.maven import MavenContext

        self.draft = draft
        self.version = version
        self.kit = kit.find()
        self.repository = draft / 'repository'  # where jgo puts what it has downloaded
        self.stopped = threading.Event()  # no thread begins another download
        self._maven: Any = MavenContext(repo_cache=self.repository, timeout=NETWORK_TIMEOUT)

    def work(
        self,
        jobs: 'queue.SimpleQueue[tuple[str, str]]',
        results: 'queue.SimpleQueue[int | Exception]',
    ) -> None:
        """Do jobs (name, SHA-256) until none is left; each results in its size or an error."""
        while not self.stopped.is_set():
            try:
                name, wanted = jobs.get_nowait()
            except queue.Empty:
                return
            try:
                results.put(self._fetch(name, wanted))
            except Exception as error:  # noqa: BLE001 - raised again in download()
                results.put(error)

    def _fetch(self, name: str, wanted: str) -> int:
        """Fetch one jar and return its size in bytes."""
        jar = self.draft / 'jars' / file_name(name)
        if self.kit and self.kit.take(f'jars/{jar.name}', jar):
            found = sha256_of(jar)
            if found != wanted:
                raise BrokerError(
                    f'jars/{jar.name} in the kit {self.kit.address} is not the file that the lock '
                    f'file names (its SHA-256 is {found[:12]}, not {wanted[:12]}), so Kafka was '
                    'not installed. Copy the kit again; or WORKSHOP_KIT=none downloads Kafka.'
                )
            return jar.stat().st_size
        return self._download(name, wanted, jar)

    def _download(self, name: str, wanted: str, jar: Path) -> int:
        artifact = self._maven.create_dependency(name).artifact
        problem: object = None
        for attempt in range(ATTEMPTS):
            time.sleep(attempt)  # seconds
            try:
                path = artifact.resolve()
            except (OSError, RuntimeError) as error:
                problem = error
            else:
                found = sha256_of(path)
                if found == wanted:
                    path.rename(jar)
                    return jar.stat().st_size
                problem = f'its SHA-256 is {found[:12]}, but the lock file says {wanted[:12]}'
            shutil.rmtree(self.repository / artifact.component.path_prefix, ignore_errors=True)
        raise BrokerError(
            f'Kafka {self.version} could not be downloaded: {name}: {problem}. '
            'Is there a network? Start again, take a kit (docs/class.md), or use Docker: '
            'docker compose up'
        )
