"""A flush that ends in time, whatever becomes of the batches that it waits for.

kafka-python 3.0.12 waits for each batch in turn, and for each one as long as it was told for all.
If a batch is split meanwhile, because Kafka finds it too large, its flush raises "Future not done".

The one idea to take away: a time limit belongs to the whole of a wait, not to each of its steps.
"""

import time
from typing import Any

import kafka.errors

from client.private_names import Workaround

__all__ = ['FlushInTime', 'flush_in_steps']

STEP = 0.1  # seconds
PAUSE = 0.001  # seconds, between two looks at what is left


class FlushInTime(Workaround):
    """A flush takes no longer than it was told, however many batches there are.

    For kafka-python 3.0.12. Where it is off, a flush is made of short ones: it ends late if Kafka
    takes each batch slowly.
    """

    name = 'flush-in-time'
    promise = 'a flush ends on time, even where Kafka takes one batch after the other, slowly'
    needs = (
        '_accumulator.await_flush_completion(timeout)',
        '_accumulator._flushes_in_progress.decrement()',
        '_accumulator._incomplete.all()',
        'kafka.producer.future.FutureProduceResult.wait(self, timeout)',
    )

    @classmethod
    def apply(cls, producer: Any) -> bool:
        """Mend a producer that was just made, and tell whether it is mended."""
        if not cls.is_on(producer):
            return False
        accumulator = producer._accumulator

        def wait_for_all(timeout: float | None = None) -> None:
            began = time.monotonic()
            try:
                # The parts of a batch that was split are as old as the whole.
                while waiting := [
                    batch for batch in accumulator._incomplete.all() if batch.created <= began
                ]:
                    for batch in waiting:
                        left = None if timeout is None else began + timeout - time.monotonic()
                        if not batch.produce_future.wait(None if left is None else max(left, 0)):
                            raise kafka.errors.KafkaTimeoutError(f'not flushed in {timeout} s')
                    time.sleep(PAUSE)
            finally:
                accumulator._flushes_in_progress.decrement()

        accumulator.await_flush_completion = wait_for_all
        return True


def flush_in_steps(flush: Any, timeout: float | None) -> None:
    """Flush by public means, as often as it takes.

    Args:
        flush: as ``KafkaProducer.flush``.
        timeout: seconds, or None for ever.

    Raises:
        KafkaTimeoutError: not everything was acknowledged or refused in time.
    """
    deadline = float('inf') if timeout is None else time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        try:
            flush(max(min(STEP, left), 0))
        except kafka.errors.KafkaTimeoutError:
            if left <= STEP:
                raise
        except kafka.errors.UnknownError as error:  # a batch was split, its parts are under way
            if left <= 0:
                raise kafka.errors.KafkaTimeoutError(f'not flushed in {timeout} s') from error
        else:
            return
