"""The process between Python and the JVMs: when Python dies, however it dies, the JVMs and their temporary folder go too.

``processes.py`` starts this file as a program of its own: it starts the JVMs, and ends them when the pipe from Python ends.
It imports the standard library only, because it is started by its path, with nothing of this project on ``sys.path``.

The one idea to take away: a pipe tells its reader about the writer's death even when the writer had no time to say so.
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
PR_SET_PDEATHSIG = 1  # Linux: have this process signalled when the thread that made it dies


def _die_with_guard() -> Callable[[], object] | None:
    if not sys.platform.startswith('linux'):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix('.draft')
    draft.write_text(text, encoding='utf-8')
    draft.replace(path)


def _end(jvms: dict[int, 'subprocess.Popen[bytes]'], grace: float) -> None:
    if grace and os.name == 'posix':
        for jvm in jvms.values():
            jvm.send_signal(signal.SIGCONT)
            jvm.terminate()
    deadline = time.monotonic() + grace
    for jvm in jvms.values():
        with contextlib.suppress(subprocess.TimeoutExpired):
            jvm.wait(max(0.0, deadline - time.monotonic()))
        jvm.kill()
    for jvm in jvms.values():
        jvm.wait()


def _watch(folder: Path, parent: int, grace: float) -> None:
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda *_: orders.put(''))
    for name in ('SIGINT', 'SIGHUP'):
        if hasattr(signal, name):
            signal.signal(
                getattr(signal, name), lambda *_: None
            )  # SIG_IGN would be inherited by the JVMs
    jvms: dict[int, subprocess.Popen[bytes]] = {}
    die_with_guard = _die_with_guard()

    def read() -> None:
        for line in sys.stdin:
            orders.put(line)
        orders.put('')

    threading.Thread(target=read, daemon=True).start()
    try:
        while os.name != 'posix' or os.getppid() == parent:  # a forked child may hold the pipe open
            line = None
            with contextlib.suppress(queue.Empty):
                line = orders.get(timeout=TICK)
            if line == '':
                break
            if line:
                order = json.loads(line)
                node = order['node']
                with Path(order['log']).open('wb') as log:
                    jvms[node] = subprocess.Popen(
                        order['command'],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd=folder,
                        preexec_fn=die_with_guard,  # noqa: PLW1509 - one call into libc, which takes no lock
                    )
                _write(folder / f'{node}.pid', str(jvms[node].pid))
            for node, jvm in list(jvms.items()):
                if jvm.poll() is not None:
                    (folder / f'{node}.pid').unlink(missing_ok=True)
                    _write(folder / f'{node}.exit', str(jvm.returncode))
                    del jvms[node]
    finally:
        _end(jvms, grace)
        for attempt in range(20):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.05 * attempt)


if __name__ == '__main__':
    _watch(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
