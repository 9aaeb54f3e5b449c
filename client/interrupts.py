"""Ctrl-C, held back while something is done that must not be left halfway (used wherever something runs until Ctrl-C).

The one idea to take away: an interrupt may come between any two instructions, so say between which
it may take effect.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

__all__ = ['CtrlC']


class CtrlC:
    """Lets Ctrl-C leave its ``with`` block quietly, but only between two steps, each of which stands in ``held()``.

    >>> with CtrlC() as ctrl_c:
    ...     with ctrl_c.held():
    ...         print('one step')
    one step
    """

    def __init__(self) -> None:
        self._busy = self._pressed = self._listening = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold Ctrl-C back meanwhile: what was begun is ended, and the client's locks stay whole. A second one gets through."""
        self._busy = True
        yield
        self._busy = False
        if self._pressed:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        self._listening = in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._listening:
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if self._listening:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return kind is KeyboardInterrupt

    def _press(self, *_: object) -> None:
        if not self._busy or self._pressed:
            raise KeyboardInterrupt
        self._pressed = True
