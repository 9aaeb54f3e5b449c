"""Processes that the teacher starts from the page, and that end with the room (used by `state`).

Each runs one line of Python, the line that does the same at a prompt. Its standard input is a pipe
from the room. When the room ends, however it ends, the operating system closes the pipe, and the
process ends too.

The one idea to take away: a process that was killed can no longer clean up, so what it started has
to notice by itself that it is gone.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from schemas import printable

__all__ = ['PythonProcess', 'run_until_closed']

ROOT = str(Path(__file__).parents[1])
GRACE = 5.0  # seconds between Ctrl-C and the end of a process that does not listen to it
LONGEST_LINE = 2000  # bytes of output that are read as one line
SHOWN = 200  # bytes of the last line


class PythonProcess:
    """One line of Python in a process of its own, until it is stopped or this process ends.

    Args:
        name: what it is called, on the page and as Kafka's ``client.id``.
        code: the line.
    """

    def __init__(self, name: str, code: str) -> None:
        self.name = name
        self.code = code
        self._process: subprocess.Popen[bytes] | None = None
        self._last_line = b''
        # Two visitors may press the same button at once. Reentrant, because start() calls stop().
        self._lock = threading.RLock()

    @property
    def pid(self) -> int | None:
        """Its process id; None if it does not run."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    @property
    def last_line(self) -> str:
        """The last line that it wrote, its end if the line is long; '' if it wrote none."""
        return printable(self._last_line[-SHOWN:].decode('utf-8', 'replace'))

    def start(self) -> None:
        """Start it, unless it runs already."""
        run = (
            f'import sys; sys.path.insert(0, {ROOT!r}); '
            'from room import processes; processes.run_until_closed(sys.argv[1])'
        )
        command = [sys.executable, '-W', 'ignore', '-c', run, self.code]
        with self._lock:
            if self.pid is not None:
                return
            self.stop()  # closes the pipe of one that ended by itself
            self._last_line = b''
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {'KAFKA_CLIENT_ID': self.name},
                start_new_session=True,  # a Ctrl-C in the room's terminal is for the room only
            )
            threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def stop(self, timeout: float = 8.0) -> None:
        """End it: by Ctrl-C, and after so many seconds by killing it. Returns when it has ended."""
        with self._lock:
            if self._process is None:
                return
            assert self._process.stdin
            self._process.stdin.close()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does: it cannot say goodbye to its group."""
        with self._lock:
            if self._process is not None:
                assert self._process.stdin
                self._process.kill()
                self._process.wait()
                self._process.stdin.close()

    def _read(self, process: 'subprocess.Popen[bytes]') -> None:
        assert process.stdout
        with process.stdout as output:
            while line := output.readline(LONGEST_LINE):
                if line.strip():
                    self._last_line = line.strip()


def run_until_closed(code: str) -> None:
    """Run a line of Python until it ends or standard input is closed (within `PythonProcess`).

    When standard input is closed, the line gets Ctrl-C, and is killed if it still runs 5 s later.
    """
    threading.Thread(target=_interrupt_when_closed, daemon=True).start()
    try:
        exec(code, {'__name__': '__main__'})  # noqa: S102 - our own line, the one on the page
    except KeyboardInterrupt:
        pass


def _interrupt_when_closed() -> None:
    while os.read(0, 1000):
        pass
    kill = getattr(signal, 'SIGKILL', signal.SIGTERM)  # Windows has no SIGKILL
    killer = threading.Timer(GRACE, signal.raise_signal, [kill])
    killer.daemon = True
    killer.start()
    if sys.platform == 'win32':
        signal.raise_signal(signal.SIGINT)
    else:
        # To the main thread: only there does a signal end a wait early.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
