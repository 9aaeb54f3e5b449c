"""Transactions of the durable services, and names that have moved to modules of their own.

The one idea to take away: measure first.
"""

import logging
from typing import Any

import kafka.errors
from kafka import TopicPartition

import settings
from client.chat_producer import REFUSALS, make_producer
from client.first_steps import FIRST_STEPS_MS
from client.outage import Outage
from client.partitioner import KeyPartitioner

__all__ = [
    'FIRST_STEPS_MS',
    'REFUSALS',
    'Outage',
    'abandon',
    'commit',
    'give_up',
    'make_transactional',
]

log = logging.getLogger(__name__)


def abandon(producer: Any) -> None:
    """Use a producer no more, without waiting."""
    producer.close_soon()


def make_transactional(name: str) -> Any:
    """A KafkaProducer for transactions; one of the same name that went before is shut out, and its open transaction given up.

    Raises:
        UnreachableError, KafkaError: there is no Kafka that could begin one.
    """
    options = settings.client_options(
        'producer', transactional_id=name, retry_backoff_ms=5, partitioner=KeyPartitioner()
    )
    producer = make_producer(options)
    try:
        producer.init_transactions()
    except BaseException:
        abandon(producer)
        raise
    return producer


def give_up(producer: Any, timeout: float = 2.0) -> None:
    """Use a transactional producer no more, and end its transaction, so that readers need not wait until it expires."""
    try:
        result = producer._transaction_manager.begin_abort()
        producer._sender.wakeup()
        result.wait(timeout_ms=timeout * 1000)
    except kafka.errors.KafkaError:
        log.debug(
            'the transaction is left to expire, or to the next producer of its name', exc_info=True
        )
    abandon(producer)


def commit(producer: Any, offsets: dict[TopicPartition, Any], group: Any, timeout: float) -> None:
    """Commit the open transaction, with a group's offsets in it; the client's own methods would wait for ever.

    Raises:
        KafkaError: it was not committed, or it is not known whether it was.
    """
    steps = (
        [lambda: producer._transaction_manager.send_offsets_to_transaction(offsets, group)]
        if offsets
        else []
    )
    for begin in [*steps, producer._transaction_manager.begin_commit]:
        result = begin()
        producer._sender.wakeup()
        if not result.wait(timeout_ms=timeout * 1000):
            raise kafka.errors.KafkaTimeoutError(
                f'a transaction was not answered within {timeout:g} s'
            )
