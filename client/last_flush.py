"""The end of the process: what is under way is delivered, or counted and said, within 5 s.

Python runs exit handlers after ``sys.exit``, an exception or the last line. SIGTERM, which Docker,
systemd and ``kill`` send, ends it without them, as does SIGHUP when a terminal is closed. So these
are listened to, if nobody else does, from the first message on; afterwards the process ends by the
same signal.

A signal may interrupt the main thread anywhere, also where it holds a lock of the client. So
another thread delivers, and the main thread goes on meanwhile; it is held up where it sends.

The one idea to take away: what is asynchronous needs an end that waits for it.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ['EXIT_TIMEOUT', 'LastFlush', 'say_lost']

EXIT_TIMEOUT = 3.5  # seconds; with what else has to be done, it ends within 5
SIGNALS = ('SIGTERM', 'SIGHUP')  # those which a polite end is asked for by


def say_lost(count: int) -> None:
    """Say on stderr how many messages could not be delivered."""
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
        print(
            f'{count} message(s) could not be delivered: Kafka did not acknowledge them.',
            file=sys.stderr,
            flush=True,
        )


class LastFlush:
    """Delivers when this process ends.

    Args:
        deliver: waits for what is under way, for ``EXIT_TIMEOUT`` at most, and says what is lost.
            It is given an event that cuts the waiting short, and whether the process ends by a
            signal, so that nobody needs to send any more.
    """

    def __init__(self, deliver: Callable[[threading.Event, bool], None]) -> None:
        self.is_ending = False
        self._deliver = deliver
        self._cut_short = threading.Event()
        self._caught: int | None = None
        self._thread: threading.Thread | None = None
        self._is_done = False

    def arm(self) -> None:
        """To be called with each new producer: its own exit handler must run after this one."""
        atexit.unregister(self.at_exit)
        atexit.register(self.at_exit)
        multiprocessing = sys.modules.get('multiprocessing.process')
        if multiprocessing is not None and multiprocessing.parent_process() is not None:
            from multiprocessing.util import Finalize  # its children run no exit handlers

            Finalize(None, self.at_exit, exitpriority=0)

    def listen(self) -> None:
        """Listen to signals, from the main thread; to be called now and then, as others send too.

        Whatever somebody else has decided about a signal stands.
        """
        if threading.current_thread() is threading.main_thread():
            for name in SIGNALS:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, self._on_signal)

    def disarm(self) -> None:
        """This process has nothing to deliver: it has just been forked."""
        atexit.unregister(self.at_exit)
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == self._on_signal:
                signal.signal(number, signal.SIG_DFL)

    def at_exit(self) -> None:
        """Deliver; Ctrl-C, which may have brought us here, cuts it short."""
        self.is_ending = True
        with self._ctrl_c_cuts_short():
            if self._thread is None:
                self._deliver(self._cut_short, False)
            else:
                self._thread.join(EXIT_TIMEOUT + 1)
        self._is_done = True
        if self._caught is not None:
            _end_by(self._caught)

    def _on_signal(self, number: int, _: object) -> None:
        if self._is_done:
            _end_by(number)
        if self._caught is not None:
            return  # asked again: it is being done
        self._caught = number
        if self.is_ending:
            return  # the exit handler runs, and sees it
        self.is_ending = True
        thread = threading.Thread(target=self._deliver_and_come_back, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # Python is ending, and starts no more threads
            self._deliver(self._cut_short, True)
            _end_by(number)
        self._thread = thread

    def _deliver_and_come_back(self) -> None:
        try:
            self._deliver(self._cut_short, True)
        finally:
            self._is_done = True
            if hasattr(signal, 'pthread_kill'):
                signal.pthread_kill(threading.main_thread().ident or 0, self._caught or 0)
            else:
                signal.raise_signal(self._caught or 0)

    @contextlib.contextmanager
    def _ctrl_c_cuts_short(self) -> Iterator[None]:
        in_main_thread = threading.current_thread() is threading.main_thread()
        before: Any = signal.getsignal(signal.SIGINT)
        if not in_main_thread or before is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, lambda *_: self._cut_short.set())
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _end_by(number: int) -> None:
    """End by this signal, as if nobody had listened; so whoever waits for us sees it."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    os._exit(128 + number)  # Linux does not end the first process of a container by a signal
