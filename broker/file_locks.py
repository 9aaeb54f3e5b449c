"""Locks between processes: a file that only one of them can hold.

Used in step 0, so that Kafka is installed once and a data folder serves one broker. The one idea to
take away: the operating system gives such a lock back when its process ends, however it ends, so
there is never a stale lock to delete.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from broker.progress import report
from errors import BrokerError

__all__ = ['installation_lock', 'try_lock']

WAIT_FOR_OTHERS = 300.0  # seconds that another process may take to install
POLL_INTERVAL = 0.1  # seconds between two attempts

# A lock on a file keeps other processes out, but not the other threads of this one.
_THIS_PROCESS = threading.Lock()


@contextlib.contextmanager
def installation_lock(path: Path) -> Iterator[None]:
    """Hold the lock on a file while something is installed, waiting for it if need be.

    Args:
        path: the file; it is made if it is not there, and stays.

    Raises:
        BrokerError: another process has held it for five minutes.
    """
    deadline = time.monotonic() + WAIT_FOR_OTHERS
    with _THIS_PROCESS, path.open('a') as file:
        reported = False
        while not try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise BrokerError(
                    f'Another process has been installing Kafka for {WAIT_FOR_OTHERS:.0f} s '
                    f'(it holds the lock {path}). End that process, then start again.'
                )
            if not reported:
                report('Another process is installing Kafka: waiting for it ...')
                reported = True
            time.sleep(POLL_INTERVAL)
        yield


def try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting.

    Args:
        descriptor: of the file, which has to be open for writing. Closing the file unlocks it.

    Returns:
        False if another process holds the lock.
    """
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
