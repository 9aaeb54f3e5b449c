"""An idempotent producer that outlives a long outage (see ``tests/scenes/test_nothing_lost.py``).

A message that was sent, not answered and then given up makes an idempotent producer ask for a new
producer id, because nobody knows whether the message is in the log. kafka-python 3.0.12 has two
faults here:

1. It forgets that it has to ask (``TransactionManager.reset_producer_id`` leaves the state at
   READY), so that nothing is ever sent again.
2. While it asks it gives up no messages (``Sender.run_once`` returns before it looks at them), and
   it asks in a loop that waits (``Sender._maybe_send_pending_request``). Their futures stay open.

The one idea to take away: what is tested least in any client is the second failure after the first.
"""

import time
from typing import Any

import kafka.errors

from client.private_names import Workaround

__all__ = ['LongOutages']


class LongOutages(Workaround):
    """An idempotent producer outlives an outage that is longer than ``delivery_timeout_ms``.

    For kafka-python 3.0.12; the module's docstring says what is wrong there.
    """

    name = 'long-outages'
    promise = (
        'after an outage that is longer than delivery_timeout_ms the same producer goes on, '
        'and each message fails in time'
    )
    needs = (
        '_transaction_manager.has_producer_id(producer_id)',
        '_transaction_manager.is_transactional()',
        '_transaction_manager.next_in_flight_request_correlation_id()',
        '_transaction_manager.next_request_handler(has_incomplete_batches)',
        '_transaction_manager.reset_producer_id()',
        '_transaction_manager.retry(request)',
        '_transaction_manager._current_state: TransactionState',
        'kafka.producer.transaction_manager.TransactionState.UNINITIALIZED',
        '_sender.run_once()',
        '_sender._maybe_send_pending_request()',
        '_sender._get_expired_inflight_batches(now)',
        '_sender._complete_batch_with_exception(batch, exception)',
        '_sender._accumulator.delivery_timeout_ms',
        '_sender._accumulator.expired_batches(now)',
        '_sender._accumulator.has_incomplete: bool',
        '_sender._client.least_loaded_node()',
        '_sender._client.ready(node_id)',
        '_sender._client.send(node_id, request)',
        '_sender._metadata.request_update()',
    )

    @classmethod
    def apply(cls, producer: Any) -> None:
        """Mend a producer that was just made; transactional and plain ones need it not."""
        idempotent = producer.config['enable_idempotence']
        if idempotent and producer.config['transactional_id'] is None and cls.is_on(producer):
            _Repair(producer._transaction_manager, producer._sender).install()


class _Repair:
    """The two faults put right for one producer; all of it runs in the client's own thread."""

    def __init__(self, manager: Any, sender: Any) -> None:
        self.manager = manager
        self.sender = sender
        self._reset = manager.reset_producer_id
        self._run_once = sender.run_once

    def install(self) -> None:
        self.manager.reset_producer_id = self.reset_and_ask_again
        self.sender.run_once = self.run_and_give_up
        self.sender._maybe_send_pending_request = self.ask_without_waiting

    def reset_and_ask_again(self) -> None:
        self._reset()
        state = type(self.manager._current_state)
        self.manager._current_state = state.UNINITIALIZED

    def run_and_give_up(self) -> None:
        self._run_once()
        if not self.manager.has_producer_id():
            self._give_up_what_is_late()

    def ask_without_waiting(self) -> bool:
        """Send the request for a producer id if a broker is ready for it, else at the next turn."""
        handler = self.manager.next_request_handler(self.sender._accumulator.has_incomplete)
        if handler is None:
            return False
        client = self.sender._client
        node = client.least_loaded_node()
        if node is not None and client.ready(node):
            number = self.manager.next_in_flight_request_correlation_id()
            client.send(node, handler.request).add_both(handler.on_complete, number)
            return True
        if node is None:
            self.sender._metadata.request_update()
        self.manager.retry(handler)
        return True

    def _give_up_what_is_late(self) -> None:
        now = time.monotonic()
        accumulator = self.sender._accumulator
        late = accumulator.expired_batches(now=now)
        late += self.sender._get_expired_inflight_batches(now=now)
        seconds = accumulator.delivery_timeout_ms / 1000
        for batch in late:
            error = kafka.errors.KafkaTimeoutError(
                f'{batch.record_count} message(s) not acknowledged within {seconds:g} s '
                '(delivery_timeout_ms)'
            )
            self.sender._complete_batch_with_exception(batch, error)
