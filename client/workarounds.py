"""Four faults of kafka-python 3.0.12 put right, without which a broker that stays away for long breaks a producer for good.

A message that was sent, not answered and then given up makes an idempotent producer ask for a new producer id, because
nobody knows whether the message is in the log. The client forgets that it has to ask (so nothing is ever sent again), and while it
asks it gives up no messages (so their promises stay open). And ``close(timeout)`` raises instead of closing, if anything is undelivered.
``tests/scenes/test_nothing_lost.py`` shows all three; read it with ``tuning.py``. The fourth: a header's name that is no UTF-8 ends a reader.

The one idea to take away: what is tested least in any client is the second failure after the first.
"""

import threading
import time
from typing import Any

import kafka.errors
from kafka.record.default_records import DefaultRecordBatch

__all__ = ['close', 'read_any_header', 'repair']


def repair(producer: Any) -> None:
    """Make an idempotent KafkaProducer outlive an outage that is longer than its delivery timeout.

    Args:
        producer: just made; transactional and plain ones are left as they are.
    """
    manager, sender = producer._transaction_manager, producer._sender
    if manager is None or manager.is_transactional():
        return
    reset, run_once = manager.reset_producer_id, sender.run_once

    def reset_and_ask_again() -> None:
        reset()
        manager._current_state = type(manager._current_state).UNINITIALIZED

    def run_and_give_up() -> None:
        run_once()
        if not manager.has_producer_id():
            _give_up_what_is_late(sender)

    manager.reset_producer_id = reset_and_ask_again
    sender.run_once = run_and_give_up
    sender._maybe_send_pending_request = lambda: _ask_without_waiting(sender, manager)


def read_any_header() -> None:
    r"""Have consumers show the name of a header that is no UTF-8 as ``'\xff'``; to be called before the first one is made."""
    if not hasattr(DefaultRecordBatch, '_read_strictly'):
        DefaultRecordBatch._read_strictly = DefaultRecordBatch._read_msg
        DefaultRecordBatch._read_msg = _read_any


def _read_any(batch: Any) -> Any:
    try:
        return batch._read_strictly()
    except UnicodeDecodeError:
        buffer, batch._buffer = batch._buffer, _Lenient(batch._buffer)
        try:
            return batch._read_strictly()
        finally:
            batch._buffer = buffer


class _Lenient(bytes):
    """Bytes whose parts can always be read as text."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _Lenient(part) if isinstance(place, slice) else part

    def decode(self, *_: str) -> str:
        return super().decode(errors='backslashreplace')


def close(producer: Any, timeout: float = 1.0) -> None:
    """End a producer now: what it has not delivered fails, so that no promise stays open.

    Args:
        producer: flushed before, if what it still has is to be delivered.
        timeout: seconds for its thread to end.
    """
    producer._closed = True
    producer._unregister_cleanup()
    producer._sender.force_close()
    if threading.current_thread() is not producer._sender:
        producer._sender.join(timeout)


def _ask_without_waiting(sender: Any, manager: Any) -> bool:
    """Send the request for a producer id if a broker is ready for it, else try at the next turn; the client itself would wait here."""
    handler = manager.next_request_handler(sender._accumulator.has_incomplete)
    if handler is None:
        return False
    node = sender._client.least_loaded_node()
    if node is not None and sender._client.ready(node):
        number = manager.next_in_flight_request_correlation_id()
        sender._client.send(node, handler.request).add_both(handler.on_complete, number)
        return True
    if node is None:
        sender._metadata.request_update()
    manager.retry(handler)
    return True


def _give_up_what_is_late(sender: Any) -> None:
    now = time.monotonic()
    for batch in [
        *sender._accumulator.expired_batches(now=now),
        *sender._get_expired_inflight_batches(now=now),
    ]:
        seconds = sender._accumulator.delivery_timeout_ms / 1000
        error = kafka.errors.KafkaTimeoutError(
            f'{batch.record_count} message(s) not acknowledged within {seconds:g} s (delivery_timeout_ms)'
        )
        sender._complete_batch_with_exception(batch, error)
