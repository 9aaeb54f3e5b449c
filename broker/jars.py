"""Fetches Kafka's jars from Maven Central, each held against its checksum.

Used by ``jvm.py``, once. The one idea to take away: it does not matter where a file came from, if one knows beforehand what it has to be.
"""

import hashlib
import queue
import shutil
import sys
import threading
import time
from pathlib import Path

from errors import BrokerError

__all__ = ['digest_of', 'download', 'file_name', 'say']

ATTEMPTS = 3


def say(line: str, end: str = '\n') -> None:
    """One line to standard error, written over in place where that is a terminal."""
    if sys.stderr.isatty():
        print(f'\r\033[K{line}', end=end, file=sys.stderr, flush=True)
    elif end:
        print(line, file=sys.stderr, flush=True)


def file_name(name: str) -> str:
    """The jar's name in the folder: ``'kafka_2.13-4.4.0.jar'``."""
    return '-'.join(name.split(':')[1:]) + '.jar'


def digest_of(path: Path) -> str:
    """A file's SHA-256 in hex; ``'missing'`` if there is none."""
    try:
        with path.open('rb') as file:
            return hashlib.file_digest(file, 'sha256').hexdigest()
    except FileNotFoundError:
        return 'missing'


def download(draft: Path, locked: dict[str, str], version: str) -> None:
    """Fetch jars into ``jars/`` of a folder, six at a time, each checked.

    Args:
        draft: the folder.
        locked: their names and digests, ``{'org.apache.kafka:kafka_2.13:4.4.0': '<SHA-256>', ...}``.
        version: Kafka's, for what is said meanwhile.

    Raises:
        BrokerError: one of them did not come, or was another one than wanted.
    """
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=draft / 'repository', timeout=30)

    def fetch(item: tuple[str, str]) -> int:
        name, wanted = item
        artifact = context.create_dependency(name).artifact
        problem: object = None
        for attempt in range(ATTEMPTS):
            time.sleep(attempt)
            try:
                path = artifact.resolve()
            except (OSError, RuntimeError) as error:
                problem = error
            else:
                if (found := digest_of(path)) == wanted:
                    return path.rename(draft / 'jars' / file_name(name)).stat().st_size
                problem = f'what came has the SHA-256 {found[:12]}, the lock says {wanted[:12]}'
            shutil.rmtree(draft / 'repository' / artifact.component.path_prefix, ignore_errors=True)
        raise BrokerError(
            f'Kafka {version} could not be downloaded: {name}: {problem}. Is there a network? Start again, or use Docker: docker compose up'
        )

    todo = iter(locked.items())
    came: queue.SimpleQueue[int | Exception] = queue.SimpleQueue()

    def work() -> None:
        for item in todo:
            try:
                came.put(fetch(item))
            except Exception as error:  # noqa: BLE001 - raised below, where somebody hears it
                came.put(error)

    say(f'Downloading Kafka {version}, once: {len(locked)} files ...')
    for _ in range(6):
        threading.Thread(
            target=work, daemon=True
        ).start()  # a pool's threads would be waited for after Ctrl-C
    size = 0
    try:
        for number in range(1, len(locked) + 1):
            more = came.get()
            if isinstance(more, Exception):
                raise more
            size += more
            end = '\n' if number == len(locked) else ''
            say(
                f'Downloading Kafka {version}, once: {number} of {len(locked)} files, {size / 1e6:.0f} MB',
                end,
            )
    finally:
        list(todo)  # nobody begins another one
    shutil.rmtree(draft / 'repository', ignore_errors=True)
