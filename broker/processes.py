"""The brokers' processes, as Python sees them: started, signalled and waited for through a supervisor.

Used by ``broker/__init__.py``. Python holds one end of a pipe; at the other end is ``supervisor.py``, run as a process of its own.
What became of each JVM stands in the folder: ``1.pid`` while the JVM of node 1 runs, ``1.exit`` with its exit code afterwards.

The one idea to take away: a pipe tells its reader about the writer's death even when the writer had no time to say so.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from errors import BrokerError

__all__ = ['Guard']

TICK = 0.1  # seconds between two looks at the JVMs and at the parent
SUPERVISOR = Path(__file__).with_name('supervisor.py')


class Guard:
    """JVMs by their node numbers, and a temporary folder; all of it ends with ``close()`` or with this process.

    Args:
        environment: the environment variables of the JVMs.
        grace: seconds that a JVM has to stop in good order; 0 kills at once.
    """

    def __init__(self, environment: Mapping[str, str], grace: float) -> None:
        import tempfile

        self.folder = Path(tempfile.mkdtemp(prefix='kafka-workshop-'))
        self.grace = grace
        self._owner = os.getpid()
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    '-E',
                    '-s',
                    '-S',
                    str(SUPERVISOR),
                    str(self.folder),
                    str(self._owner),
                    str(grace),
                ],
                stdin=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # the terminal's Ctrl-C is Python's alone
                creationflags=getattr(
                    subprocess, 'CREATE_NEW_PROCESS_GROUP', 0
                ),  # the same on Windows
            )
        except BaseException:  # Ctrl-C before there is anybody who would remove it
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def launch(self, node: int, command: Sequence[str], log: Path) -> None:
        """Start a JVM, its output going to `log`."""
        for path in (log, self.folder / f'{node}.exit'):
            path.unlink(missing_ok=True)
        try:
            assert self._process.stdin
            self._process.stdin.write(
                json.dumps({'node': node, 'command': command, 'log': str(log)}).encode() + b'\n'
            )
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise BrokerError(
                f'Broker {node} cannot be started: its guard has ended. Make a new Broker().'
            ) from error

    def pid(self, node: int) -> int | None:
        """The process id of a JVM; None if it does not run."""
        if self._process.poll() is not None:
            return None
        try:
            return int((self.folder / f'{node}.pid').read_text(encoding='ascii'))
        except FileNotFoundError:
            return None

    def ended(self, node: int) -> bool:
        """Whether a JVM that was launched has ended."""
        return (self.folder / f'{node}.exit').exists() or self._process.poll() is not None

    def signal(self, node: int, name: str) -> None:
        """Send a signal by its name: ``guard.signal(1, 'SIGSTOP')``."""
        number = getattr(signal, name, signal.SIGTERM if name == 'SIGKILL' else None)
        if number is None:
            raise BrokerError(
                f'This system has no {name}: a process cannot be frozen here. Try kill({node}) and restart({node}).'
            )
        pid = self.pid(node)
        if pid is None:
            raise BrokerError(f'Broker {node} does not run. restart({node}) starts it again.')
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def wait_until_ended(self, node: int, timeout: float) -> bool:
        """Wait for the end of a JVM; False if it still runs after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.ended(node):
            if time.monotonic() > deadline:
                return False
            time.sleep(TICK / 4)
        return True

    def close(self) -> None:
        """End the JVMs and remove the folder. In a forked child, do nothing."""
        if self._owner != os.getpid():
            return
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(self.grace + 5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
