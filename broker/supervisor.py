"""The process between Python and the brokers: when Python dies, however it dies, they end too.

``processes.py`` starts this file as a program of its own. It starts the JVMs, and when the pipe
from Python ends, it ends them and removes their temporary folder. It imports the standard library
only: it is started by its path, with nothing of this project on ``sys.path``.

The one idea to take away: a pipe tells its reader about the writer's death even when the writer had
no time to say so.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__: list[str] = []

TICK = 0.1  # seconds between two looks at the JVMs and at the parent
PR_SET_PDEATHSIG = 1  # Linux, prctl(2): have this process signalled when its parent thread dies
THE_END = ''  # what the pipe gives when Python has closed it, or has died


def main(folder: Path, parent: int, grace: float) -> None:
    """Start JVMs as told on standard input, until it ends or the parent dies.

    Args:
        folder: is told what became of each JVM, and is removed at the end.
        parent: the process id of the Python that started this program.
        grace: seconds that a JVM has to stop in good order; 0 kills at once.
    """
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    _handle_signals(orders)
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    jvms = _Jvms(folder)
    try:
        while _has_parent(parent):
            with contextlib.suppress(queue.Empty):
                order = orders.get(timeout=TICK)
                if order == THE_END:
                    break
                jvms.start(**json.loads(order))
            jvms.note_exits()
    finally:
        jvms.end(grace)
        _remove(folder)


def _handle_signals(orders: 'queue.SimpleQueue[str]') -> None:
    """End on SIGTERM, and take no notice of Ctrl-C or a closed terminal: those are for Python."""
    signal.signal(signal.SIGTERM, lambda *_: orders.put(THE_END))
    for name in ('SIGINT', 'SIGHUP'):
        if hasattr(signal, name):
            # An empty handler, because the JVMs would inherit SIG_IGN.
            signal.signal(getattr(signal, name), lambda *_: None)


def _read_orders(orders: 'queue.SimpleQueue[str]') -> None:
    for line in sys.stdin:
        orders.put(line)
    orders.put(THE_END)


def _has_parent(parent: int) -> bool:
    """Whether Python still lives. The pipe alone does not tell: a forked child may hold it open."""
    return os.name != 'posix' or os.getppid() == parent


class _Jvms:
    """JVMs by their node numbers.

    While the JVM of node 1 runs, its process id is in the file ``1.pid`` of the folder; afterwards
    its exit code is in ``1.exit``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._die_with_parent = _die_with_parent()

    def start(self, node: int, command: list[str], log: str) -> None:
        """Start a JVM, its output going to a new file."""
        with Path(log).open('wb') as output:
            self._running[node] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                preexec_fn=self._die_with_parent,  # noqa: PLW1509 - one call into libc, no lock
            )
        _write(self._folder / f'{node}.pid', str(self._running[node].pid))

    def note_exits(self) -> None:
        """Write down which JVMs have ended since the last look."""
        for node, jvm in list(self._running.items()):
            if jvm.poll() is not None:
                (self._folder / f'{node}.pid').unlink(missing_ok=True)
                _write(self._folder / f'{node}.exit', str(jvm.returncode))
                del self._running[node]

    def end(self, grace: float) -> None:
        """End all JVMs: ask them to stop, and kill those that have not after `grace` seconds."""
        jvms = list(self._running.values())
        if grace and os.name == 'posix':
            for jvm in jvms:
                jvm.send_signal(signal.SIGCONT)  # a frozen process would not hear SIGTERM
                jvm.terminate()
        deadline = time.monotonic() + grace
        for jvm in jvms:
            with contextlib.suppress(subprocess.TimeoutExpired):
                jvm.wait(max(0.0, deadline - time.monotonic()))
            jvm.kill()
        for jvm in jvms:
            jvm.wait()


def _die_with_parent() -> Callable[[], object] | None:
    """What a JVM does before it starts, so that it dies with this process, even by SIGKILL."""
    if not sys.platform.startswith('linux'):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _write(path: Path, text: str) -> None:
    """Write a file so that nobody reads half of it."""
    draft = path.with_suffix('.draft')
    draft.write_text(text, encoding='utf-8')
    draft.replace(path)


def _remove(folder: Path) -> None:
    """Remove the folder. On Windows a file stays open for a moment after its process has ended."""
    for attempt in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(0.05 * attempt)


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
