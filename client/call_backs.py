"""A promise's call-back must not wait, for it would wait for itself, nor end the client's thread.

Call-backs run in the client's own thread, the one that receives Kafka's answers. Whoever waits
there for another answer stops all sending until the time is up, and then gets a wrong reason.
Java's producer refuses it as well (KAFKA-10790).

The one idea to take away: know in whose thread your code runs, before you let it wait.
"""

import functools
import logging
import threading
from typing import Any

from client.private_names import Workaround
from errors import DeliveryError

__all__ = ['NoWaitInCallBacks', 'contain', 'is_call_back', 'note_thread', 'refuse_in_call_back']

log = logging.getLogger(__name__)

_threads: set[str] = set()  # names of the threads of this process's producers


def note_thread(producer: Any) -> None:
    """Remember what the thread of a producer is called. 3.0 has one name for it, 3.1 another."""
    client_id = producer.config['client_id']
    _threads.update((f'{client_id}-network-thread', f'kafka-io-{client_id}'))


def is_call_back() -> bool:
    """Whether this is a producer's own thread: somebody's call-back runs."""
    return threading.current_thread().name in _threads


def refuse_in_call_back(what: str) -> None:
    """Raise a DeliveryError if this is a call-back.

    Args:
        what: names the call that would wait.
    """
    if is_call_back():
        raise DeliveryError(
            f'{what} inside a call-back would wait for itself: call-backs run in the thread that '
            "receives Kafka's answers. Wait outside of it, or give the next promise a call-back."
        )


def contain(error: BaseException) -> None:
    """Keep ``sys.exit`` in a call-back from the client's thread; raise what belongs elsewhere.

    It would end the thread's work in the middle: what else is under way was never answered.
    """
    if not is_call_back():
        raise error
    log.error(
        '%r in a call-back ends nothing: call-backs run in the thread of the client. To end the '
        'program, have its main thread do it.',
        error,
    )


class NoWaitInCallBacks(Workaround):
    """``promise.get()`` inside a call-back is refused at once, unless the promise is kept already.

    kafka-python 3.0.12 waits for as long as it was told, and nothing is sent meanwhile. After a
    ``sys.exit`` in a call-back its thread answers nobody any more.
    """

    name = 'no-wait-in-call-backs'
    promise = 'neither promise.get() nor sys.exit() inside a call-back holds anybody up'
    needs = ('kafka.producer.future.FutureRecordMetadata.get(self, timeout)',)

    @classmethod
    def kinds(cls, producer: Any) -> tuple[Any, Any]:
        """The class of this producer's futures, and the one to give them; None if it is off."""
        if not cls.is_on(producer):
            return None, None
        return _kinds()


@functools.cache
def _kinds() -> tuple[type, type]:
    from kafka.producer.future import FutureRecordMetadata

    class Promise(FutureRecordMetadata):  # type: ignore[misc]
        """The client's own future, which is not waited for inside a call-back."""

        __slots__ = ()

        def get(self, timeout: float | None = None) -> Any:
            """As kafka-python's."""
            if not self.is_done:
                refuse_in_call_back('promise.get()')
            return super().get(timeout)

        def success(self, value: Any) -> Any:
            """As kafka-python's; this calls the call-backs."""
            try:
                return super().success(value)
            except BaseException as error:  # noqa: BLE001 - sys.exit is meant
                contain(error)

        def failure(self, e: Any) -> Any:
            """As kafka-python's; this calls the call-backs for errors."""
            try:
                return super().failure(e)
            except BaseException as error:  # noqa: BLE001 - sys.exit is meant
                contain(error)

    Promise.__name__ = Promise.__qualname__ = FutureRecordMetadata.__name__
    return FutureRecordMetadata, Promise
