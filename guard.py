"""The process between Python and the JVMs: when Python dies, however it dies, the JVMs and their temporary folder go too.

Run by ``broker.py`` as ``python guard.py FOLDER PARENT GRACE REMOVE``, used by no walkthrough step directly. Orders come as lines of JSON
on standard input (``{"node": 1, "command": [...], "log": "..."}`` starts a JVM); what became of them stands in the folder: ``1.pid`` while
the JVM runs, ``1.exit`` with its exit code afterwards. The end of standard input is the order to end everything.

The one idea to take away: a pipe tells its reader about the writer's death even when the writer had no time to say so.
"""

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

__all__ = ['main']

PR_SET_PDEATHSIG = 1  # Linux: have this process signalled when its parent thread dies


def _die_with_guard() -> Callable[[], object] | None:
    if not sys.platform.startswith('linux'):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix('.draft')
    draft.write_text(text, encoding='ascii')
    draft.replace(path)


def _end(jvms: dict[int, 'subprocess.Popen[bytes]'], grace: float) -> None:
    for jvm in jvms.values():
        if jvm.poll() is None and grace and os.name == 'posix':
            jvm.send_signal(signal.SIGCONT)
            jvm.terminate()
    deadline = time.monotonic() + grace
    for jvm in jvms.values():
        try:
            jvm.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            jvm.kill()
            jvm.wait()


def main(folder: Path, parent: int, grace: float, remove: bool) -> None:
    """Start JVMs as ordered, note their end, and end them all when standard input ends.

    Args:
        folder: where the notes are kept.
        parent: process id whose death counts as the end of standard input (a forked child may hold the pipe open).
        grace: seconds that a JVM has to stop in good order; 0 kills at once.
        remove: whether the folder is removed at the end.
    """
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: orders.put(''))
    for name in ('SIGINT', 'SIGHUP'):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)  # not SIG_IGN, which the JVMs would inherit
    jvms: dict[int, subprocess.Popen[bytes]] = {}
    die_with_guard = _die_with_guard()

    def read() -> None:
        for line in sys.stdin:
            orders.put(line)
        orders.put('')

    threading.Thread(target=read, daemon=True).start()
    while os.name != 'posix' or os.getppid() == parent:
        try:
            line = orders.get(timeout=0.1)
        except queue.Empty:
            line = None
        if line == '':
            break
        if line:
            order = json.loads(line)
            with open(order['log'], 'wb') as log:
                jvms[order['node']] = subprocess.Popen(
                    order['command'],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    preexec_fn=die_with_guard,
                    restore_signals=True,
                )
            _write(folder / f'{order["node"]}.pid', str(jvms[order['node']].pid))
        for node, jvm in list(jvms.items()):
            if jvm.poll() is not None:
                (folder / f'{node}.pid').unlink(missing_ok=True)
                _write(folder / f'{node}.exit', str(jvm.returncode))
                del jvms[node]
    _end(jvms, grace)
    for attempt in range(20):
        if not remove or not folder.exists():
            break
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05 * attempt)


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == 'remove')
