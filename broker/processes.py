"""The brokers' processes, as Python sees them: started, signalled and waited for.

Used in step 0. Python holds one end of a pipe; at the other end is ``supervisor.py``, run as a
process of its own, which starts the JVMs. What became of each JVM is in a folder: ``1.pid`` while
the JVM of node 1 runs, ``1.exit`` with its exit code afterwards.

The one idea to take away: nothing that a program starts should outlive it, whatever ends it.
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

__all__ = ['Supervisor']

POLL_INTERVAL = 0.025  # seconds between two looks at whether a JVM has ended
CLEANING_UP = 5.0  # seconds that the supervisor has to remove the folder
PROGRAM = Path(__file__).with_name('supervisor.py')


class Supervisor:
    """JVMs by their node numbers, and a temporary folder.

    All of it ends with ``close()``, or with this process.

    Args:
        environment: the environment variables of the JVMs.
        grace: seconds that a JVM has to stop in good order; 0 kills at once.
    """

    def __init__(self, environment: Mapping[str, str], grace: float) -> None:
        import tempfile

        self.folder = Path(tempfile.mkdtemp(prefix='kafka-workshop-'))
        self.grace = grace
        self._owner = os.getpid()
        # -I and -S: nothing but the standard library, whatever the environment says.
        program = [sys.executable, '-I', '-S', str(PROGRAM)]
        try:
            self._process = subprocess.Popen(
                [*program, str(self.folder), str(self._owner), str(grace)],
                stdin=subprocess.PIPE,
                env=environment,
                # The terminal's Ctrl-C is for Python alone: on POSIX, and on Windows.
                start_new_session=True,
                creationflags=getattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 0),
            )
        except BaseException:  # Ctrl-C, before there is a supervisor to remove the folder
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def launch(self, node: int, command: Sequence[str], log: Path) -> None:
        """Start a JVM.

        Args:
            node: its number.
            command: what to run.
            log: the file for its output.

        Raises:
            BrokerError: the supervisor is gone.
        """
        for path in (log, self.folder / f'{node}.exit'):
            path.unlink(missing_ok=True)
        order = json.dumps({'node': node, 'command': command, 'log': str(log)})
        try:
            assert self._process.stdin
            self._process.stdin.write(order.encode() + b'\n')
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise BrokerError(
                f'Broker {node} cannot be started: its supervisor process has ended. '
                'Make a new Broker().'
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

    def send_signal(self, node: int, name: str) -> None:
        """Send a signal to a JVM by its name: ``supervisor.send_signal(1, 'SIGSTOP')``.

        Raises:
            BrokerError: the JVM does not run, or this system has no such signal.
        """
        if name == 'SIGKILL' and not hasattr(signal, name):
            name = 'SIGTERM'  # which ends a process at once on Windows
        number = getattr(signal, name, None)
        if number is None:
            raise BrokerError(
                f'This system has no {name}: a process cannot be frozen here. '
                f'Try kill({node}) and restart({node}).'
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
            time.sleep(POLL_INTERVAL)
        return True

    def close(self) -> None:
        """End the JVMs and remove the folder. In a forked child, do nothing."""
        if self._owner != os.getpid():
            return
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(self.grace + CLEANING_UP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
