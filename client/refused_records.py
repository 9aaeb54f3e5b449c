"""A record that Kafka refuses takes no other message along (behind ``send_msg``).

Kafka answers for a whole batch of records. If one of them has a time that the broker does not take,
or if together they are larger than the topic's ``max.message.bytes``, nothing of the batch is
written. Java's producer then goes on. kafka-python 3.0.12 does not:

1. It fails the whole batch, although Kafka's answer says which of its records were refused.
2. Then it takes no more messages (``TransactionManager.classify_batch_error`` calls every refusal
   fatal, against its own comment), and fails all that it had taken.

The one idea to take away: a batch is the client's affair. Whoever sends messages thinks of
messages, so each one has to succeed or fail for a reason of its own.
"""

from collections.abc import Iterable
from typing import Any

import kafka.errors
from kafka.producer import producer_batch
from kafka.record import memory_records

from client.private_names import Workaround

__all__ = ['RefusedRecords', 'RefusedSequences']

# All of them together are too large, so that a part may fit.
TOO_LARGE = (kafka.errors.MessageSizeTooLargeError, kafka.errors.RecordListTooLargeError)
# Some of them are refused, and Kafka's answer says which.
INVALID = (kafka.errors.InvalidTimestampError, kafka.errors.InvalidRecordError)


class RefusedSequences(Workaround):
    """An idempotent producer outlives a refusal: what was refused gives its numbers back.

    For kafka-python 3.0.12; the module's docstring says what is wrong there.
    """

    name = 'refused-sequences'
    promise = 'after a refused message the same producer goes on, and what it had taken is sent'
    needs = (
        '_transaction_manager.classify_batch_error(error, batch, log_start_offset)',
        '_transaction_manager.set_sequence_number(tp, sequence)',
        '_transaction_manager.has_fatal_error()',
        '_transaction_manager._supports_epoch_bump()',
        '_transaction_manager._FATAL_ERRORS: frozenset',
        '_transaction_manager.ERROR_CLASS_FATAL: str',
        '_transaction_manager.ERROR_CLASS_RETRIABLE: str',
        '_transaction_manager.ERROR_CLASS_NEEDS_EPOCH_BUMP: str',
        '_transaction_manager.producer_id_and_epoch.match(batch)',
        'kafka.producer.producer_batch.ProducerBatch.base_sequence: property',
        'kafka.producer.producer_batch.ProducerBatch.in_retry(self)',
    )

    @classmethod
    def apply(cls, producer: Any) -> bool:
        """Mend a producer that was just made, and tell whether it is mended."""
        if not cls.is_on(producer):
            return False
        manager = producer._transaction_manager
        classify = manager.classify_batch_error

        def classify_refusal(error: Any, batch: Any, log_start_offset: int = -1) -> Any:
            found = classify(error, batch, log_start_offset=log_start_offset)
            is_refusal = isinstance(error, kafka.errors.BrokerResponseError)
            is_fatal = type(error) in manager._FATAL_ERRORS
            if found != manager.ERROR_CLASS_FATAL or is_fatal or not is_refusal:
                return found
            # An earlier try may be in the log: then the numbers cannot be used again.
            if batch.in_retry() or isinstance(error, kafka.errors.UnknownError):
                can_bump = manager._supports_epoch_bump()
                return manager.ERROR_CLASS_NEEDS_EPOCH_BUMP if can_bump else found
            give_numbers_back(manager, batch)
            return manager.ERROR_CLASS_RETRIABLE  # to its caller: fail the batch, and go on

        manager.classify_batch_error = classify_refusal
        return True


def give_numbers_back(manager: Any, batch: Any) -> None:
    """The next batch of this partition begins where the refused one, never written, began."""
    number = batch.base_sequence
    if number is not None and number != -1 and manager.producer_id_and_epoch.match(batch):
        manager.set_sequence_number(batch.topic_partition, number)


class RefusedRecords(Workaround):
    """Refused records fail alone; the others of their batch are sent again, in order.

    kafka-python 3.0.12 fails them all. Batches that are too large it does split, as this does.
    """

    name = 'refused-records'
    promise = 'a message that Kafka refuses takes no other of its batch along'
    needs = (
        '_sender._dispatch_error(batch, exception, partition_response)',
        '_sender._record_exceptions_fn(top_level_exception, record_errors, error_message)',
        '_sender._maybe_remove_from_inflight_batches(batch)',
        '_sender.config: dict',
        '_accumulator.config: dict',
        '_accumulator.delivery_timeout_ms',
        '_accumulator.muted: set',
        '_accumulator.deallocate(batch)',
        '_accumulator._batches: defaultdict',
        '_accumulator._tp_lock(tp)',
        '_accumulator._incomplete.add(batch)',
        'kafka.producer.future.FutureRecordMetadata.rebind',
        'kafka.producer.producer_batch.ProducerBatch(tp, records)',
        'kafka.record.memory_records.MemoryRecords(bytes_data)',
        'kafka.record.memory_records.MemoryRecordsBuilder(magic, compression_type, batch_size)',
    )

    @classmethod
    def apply(cls, producer: Any) -> None:
        """Mend a producer that was just made. Transactions fail as a whole: they need it not."""
        config = producer.config
        if config['transactional_id'] is not None:
            return
        if config['enable_idempotence']:
            producer.outlives_refusals = RefusedSequences.apply(producer)
            if not producer.outlives_refusals:
                return
        if cls.is_on(producer) and producer._accumulator.config['message_version'] == 2:
            _Division(producer).install()


class _Division:
    """Divides the refused batches of one producer; all of it runs in the client's own thread."""

    def __init__(self, producer: Any) -> None:
        self._sender = producer._sender
        self._accumulator = producer._accumulator
        self._manager = producer._transaction_manager
        self._dispatch = producer._sender._dispatch_error

    def install(self) -> None:
        self._sender._dispatch_error = self.dispatch
        self._sender._record_exceptions_fn = _errors_of_records

    def dispatch(self, batch: Any, error: Any, partition_response: Any) -> None:
        """As the client's own, but for what can be divided."""
        late = batch.has_reached_delivery_timeout(self._accumulator.delivery_timeout_ms)
        refused: dict[int, Any] = {}
        if isinstance(error, INVALID) and partition_response is not None:
            refused = dict(map(_index_and_reason, partition_response.record_errors or ()))
        rest = [number for number in range(batch.record_count) if number not in refused]
        divisible = isinstance(error, INVALID + TOO_LARGE) and batch.record_count > 1
        if not divisible or not rest or late or batch.final_state is not None:
            self._dispatch(batch, error, partition_response)
            return
        half = len(rest) if refused else (len(rest) + 1) // 2
        if self._manager is not None:
            give_numbers_back(self._manager, batch)
        futures = list(batch._record_futures)
        self._send_again(batch, futures, [part for part in (rest[:half], rest[half:]) if part])
        self._sender._maybe_remove_from_inflight_batches(batch)
        self._accumulator.deallocate(batch)
        if self._sender.config['guarantee_message_order']:
            self._accumulator.muted.discard(batch.topic_partition)
        reason = _errors_of_records(error, refused.items(), None)
        for number in refused:
            futures[number].failure(reason(number))

    def _send_again(self, batch: Any, futures: list[Any], parts: list[list[int]]) -> None:
        """Put parts of a batch in front of what waits for its partition."""
        partition = batch.topic_partition
        records = [
            record
            for each in memory_records.MemoryRecords(batch.records.buffer())
            for record in each
        ]
        made = []
        for part in parts:
            smaller = self._new_batch(batch)
            for number in part:
                record = records[number]
                found = smaller.records.append(
                    record.timestamp, record.key, record.value, record.headers
                )
                futures[number].rebind(smaller.produce_future, found.offset)
                smaller._record_futures.append(futures[number])
            made.append(smaller)
        with self._accumulator._tp_lock(partition):
            for smaller in reversed(made):
                self._accumulator._batches[partition].appendleft(smaller)
                self._accumulator._incomplete.add(smaller)

    def _new_batch(self, batch: Any) -> Any:
        config = self._accumulator.config
        size = max(config['batch_size'], 2 * batch.records.size_in_bytes())  # a part always fits
        builder = memory_records.MemoryRecordsBuilder(2, config['compression_attrs'], size)
        made = producer_batch.ProducerBatch(batch.topic_partition, builder)
        made.created = batch.created  # its time is not longer for having been refused
        return made


def _index_and_reason(found: Any) -> tuple[int, Any]:
    return found.batch_index, found.batch_index_error_message


def _errors_of_records(error: Any, refused: Iterable[Any], message: str | None) -> Any:
    """Why each record of a batch failed, by its number: in Kafka's words, if it has some."""
    reasons: dict[int, Any] = {}
    for each in refused or ():
        number, reason = each if isinstance(each, tuple) else _index_and_reason(each)
        reasons[number] = reason
    if not reasons:
        return lambda _: error
    return lambda number: type(error)(reasons.get(number) or message)
