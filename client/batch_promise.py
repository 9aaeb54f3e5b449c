"""A promise that knows nothing until it is asked: then it asks its batch (used by `lean_append`).

Kafka acknowledges batches. kafka-python gives each record's future a lock, two lists and a
call-back, and completes them one by one, whether anybody looks at them or not.

The one idea to take away: what is known of the whole need not be told to each of its parts.
"""

import functools
import logging
import threading
from collections.abc import Callable
from typing import Any

from kafka.producer.future import FutureRecordMetadata, RecordMetadata

from client.call_backs import contain, refuse_in_call_back

__all__ = ['BatchPromise']

log = logging.getLogger(__name__)

Watcher = tuple[Callable[[Any], Any], bool]  # a call-back, and whether it is one for errors
_lock = threading.Lock()  # for what happens once a promise at most, and seldom


class BatchPromise(FutureRecordMetadata):  # type: ignore[misc]
    """kafka-python's future of one record, made for 0.3 us instead of 1.7.

    It is filled in by whoever makes it, because a call of ``__init__`` would cost as much again:
    ``_produce_future`` (the batch's), ``args`` as kafka-python's, ``_outcome`` and ``_watchers``
    (both None), and ``_note_failure``, which is told why the record was not delivered.
    """

    __slots__ = ('_note_failure', '_outcome', '_watchers')

    _produce_future: Any
    _note_failure: Callable[[BaseException], None]
    _outcome: Any  # a RecordMetadata, or an exception
    _watchers: list[Watcher] | tuple[()] | None  # () once they were told

    # What a future is asked

    @property
    def is_done(self) -> bool:
        """Whether the record is acknowledged, or has failed."""
        return self._find_outcome() is not None

    @property
    def value(self) -> Any:
        """Where the record is, once it is acknowledged; else None."""
        outcome = self._find_outcome()
        return None if isinstance(outcome, BaseException) else outcome

    @property
    def exception(self) -> BaseException | None:
        """Why the record has failed, if it has."""
        outcome = self._find_outcome()
        return outcome if isinstance(outcome, BaseException) else None

    def _find_outcome(self) -> Any:
        if self._outcome is None and (batch := self._produce_future).is_done:
            found = self._computed(batch)
            with _lock:  # the same object, whoever asks
                if self._outcome is None:
                    self._outcome = found
        return self._outcome

    def _computed(self, batch: Any) -> Any:
        if batch.exception is not None:
            return batch.exception
        base, appended_ms, error_of = batch.value
        number, timestamp_ms, *sizes = self.args
        if error_of is not None:
            error = error_of(number)
            return error() if isinstance(error, type) else error
        if appended_ms is not None and appended_ms != -1:  # the topic takes the broker's time
            timestamp_ms = appended_ms
        offset = base + number if base != -1 else base
        place = batch.topic_partition
        return RecordMetadata(*place, place, offset, timestamp_ms, *sizes)

    def get(self, timeout: float | None = None) -> Any:
        """As kafka-python's: the RecordMetadata, or the exception is raised."""
        if not self.is_done:
            refuse_in_call_back('promise.get()')
        return super().get(timeout)

    # Call-backs

    def add_callback(self, f: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """As kafka-python's: called with the RecordMetadata, at once if it is there."""
        return self._watch((_bound(f, args, options), False))

    def add_errback(self, f: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """As kafka-python's: called with the exception, at once if it has failed."""
        return self._watch((_bound(f, args, options), True))

    def _add_cb_eb(self, callback: Any, errback: Any) -> Any:
        return self._watch((callback, False), (errback, True))

    def _watch(self, *watchers: Watcher) -> Any:
        with _lock:
            told = isinstance(self._watchers, tuple)
            first = self._watchers is None
            if not told:
                self._watchers = [*(self._watchers or ()), *watchers]
        if told:
            self._tell(watchers)
        elif first and self._outcome is not None:
            self._tell_all()
        elif first:
            self._produce_future._add_cb_eb(self._tell_all, self._tell_all)
        return self

    def _tell_all(self, _: Any = None) -> None:
        with _lock:
            watchers, self._watchers = self._watchers, ()
        self._tell(watchers or ())

    def _tell(self, watchers: Any) -> None:
        outcome = self._find_outcome()
        has_failed = isinstance(outcome, BaseException)
        for function, is_for_errors in watchers:
            if is_for_errors != has_failed:
                continue
            try:
                function(outcome)
            except Exception:
                log.exception('Error processing %s', 'errback' if has_failed else 'callback')
                if self.error_on_callbacks:
                    raise
            except BaseException as error:  # noqa: BLE001 - sys.exit is meant
                contain(error)

    # What the client does to it

    def rebind(self, new_produce_future: Any, new_batch_index: int) -> None:
        """Belong to another batch: the first was split, or some of its records were refused."""
        old = self._produce_future
        self.args = (new_batch_index, *self.args[1:])  # type: ignore[has-type,misc]
        self._produce_future = new_produce_future
        new_produce_future._add_cb_eb(self.note, self.note)
        if self._watchers:
            new_produce_future._add_cb_eb(self._tell_all, self._tell_all)
        old._latch.set()  # who waits in `get` waits for the new one

    def success(self, value: Any) -> Any:
        """Be done, whatever becomes of the batch."""
        return self._end(value)

    def failure(self, e: Any) -> Any:
        """Have failed, whatever becomes of the batch."""
        return self._end(e() if isinstance(e, type) else e)

    def _end(self, outcome: Any) -> Any:
        with _lock:
            self._outcome = outcome
        self.note()
        if self._watchers:
            self._tell_all()
        return self

    def note(self, _: Any = None) -> None:
        """Tell whoever counts failures, if this is one."""
        error = self.exception
        if error is not None:
            note_failure, self._note_failure = self._note_failure, _nobody  # once
            note_failure(error)


BatchPromise.__name__ = BatchPromise.__qualname__ = FutureRecordMetadata.__name__


def _nobody(_: BaseException) -> None:
    pass


def _bound(function: Callable[..., Any], args: Any, options: Any) -> Callable[..., Any]:
    return functools.partial(function, *args, **options) if args or options else function
