"""A thread that works until it is told to stop (the base of `feed`, `cluster` and `replay`).

Part of the page beside every step of the walkthrough.

The one idea to take away: a thread cannot be ended from outside, so it has to check whether it
should end, and every wait in it has to end early when it should.
"""

import threading

__all__ = ['WorkerThread']


class WorkerThread:
    """A daemon thread between ``start()`` and ``stop()``.

    A subclass overrides `run`, and returns from it soon after ``stopping`` is set.

    Args:
        name: the thread's name, for a debugger; without one, the name of the class.
    """

    def __init__(self, name: str = '') -> None:
        self.stopping = threading.Event()
        self._thread = threading.Thread(
            target=self.run, name=name or type(self).__name__, daemon=True
        )

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended, by itself or because it was told to."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def run(self) -> None:
        """Work until ``stopping`` is set."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin; can be called once."""
        self._thread.start()

    def request_stop(self) -> None:
        """Tell the thread to end, and don't wait for it."""
        self.stopping.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Tell the thread to end, and wait for it at most so many seconds."""
        self.request_stop()
        self._thread.join(timeout)
