"""Ctrl-C, held back during a step that must be completed (wherever something runs until Ctrl-C).

The one idea to take away: an interrupt may come between any two instructions, so say between which
it may take effect.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

__all__ = ['CtrlC']


class CtrlC:
    """Lets Ctrl-C leave its ``with`` block quietly, but only between two steps.

    Each step stands in ``held()``. Outside the main thread, and where somebody else handles SIGINT,
    nothing is changed.

    Args:
        on_press: called at the first Ctrl-C during a step, such as to shorten that step.

    >>> with CtrlC() as ctrl_c:
    ...     with ctrl_c.held():
    ...         print('one step')
    one step
    """

    def __init__(self, on_press: Callable[[], object] | None = None) -> None:
        self._on_press = on_press
        self._busy = False
        self._pressed = False
        self._listening = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold Ctrl-C back: what was begun is completed, and the client's locks stay whole.

        A second Ctrl-C gets through. One that was pressed during a step that failed takes effect
        at the next step at the latest, if the failure did not leave the block.
        """
        if self._pressed:
            raise KeyboardInterrupt
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._pressed:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        in_main_thread = threading.current_thread() is threading.main_thread()
        handler = signal.getsignal(signal.SIGINT)
        self._listening = in_main_thread and handler is signal.default_int_handler
        self._busy = self._pressed = False  # the same object may be used again
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
        if self._on_press is not None:
            self._on_press()
