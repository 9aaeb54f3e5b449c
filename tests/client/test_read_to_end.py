"""Reading to the present end: transactions that are open, busy partitions, and Kafka gone."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition

from broker import Broker
from client import read_to_end as module
from client.read_to_end import read_to_end
from consumer import get_consumer
from errors import OpenTransactionError, UnreachableError
from settings import client_options
from tests.support.brokers import eventually, temporary_folders

__all__ = ['temporary_folders']

MakeTopic = Callable[..., str]
QUICK = {'WORTH_A_WORD': 0.2, 'BETWEEN_QUESTIONS': 0.05}


@pytest.fixture
def hanging(kafka: Any, topic: str) -> Iterator[KafkaProducer]:
    """A producer of another program, in the midst of a transaction."""
    options = client_options(
        'producer', transactional_id=f'{topic}-hanging', transaction_timeout_ms=60_000
    )
    with closing(KafkaProducer(**options)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        yield producer


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks, and speaks, after tenths of seconds."""
    for name, value in QUICK.items():
        monkeypatch.setattr(module, name, value)


def contents(batches: Any) -> list[Any]:
    """The values of all records."""
    return sorted(record.value for records in batches for record in records)


@pytest.mark.client
@pytest.mark.parametrize('ending', ['commit', 'abort'])
def test_a_transaction_that_ends_is_waited_for(
    ending: str,
    make_topic: MakeTopic,
    hanging: KafkaProducer,
    quick: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What stands in and behind it is read when it is over; a warning says that it is waited for.

    Other partitions grow meanwhile, and are read to where they ended at first.
    """
    topic = make_topic(partitions=3)
    with closing(get_consumer(topic, offset='earliest')) as consumer:
        hanging.send(topic, b'"undecided"', partition=0).get(10)
        for number in range(3):
            send_free(topic, f'behind {number}', number)
        end: Callable[[], Any] = getattr(hanging, f'{ending}_transaction')

        def later() -> None:
            eventually(lambda: 'partition 0' in caplog.text)
            send_free(topic, 'meanwhile', 1)
            end()

        with caplog.at_level(logging.WARNING, module.__name__):
            ender = threading.Thread(target=later)
            ender.start()
            found = contents(read_to_end(consumer))
            ender.join(10)
        seen = ['undecided'] if ending == 'commit' else []
        assert found == [*(f'behind {number}' for number in range(3)), *seen]
        assert caplog.text.count('LAST_STABLE_OFFSET') == 1
        assert not consumer.paused()
        assert contents(read_to_end(consumer)) == ['meanwhile']


def send_free(topic: str, value: str, partition: int) -> None:
    """Send to one partition, outside of all transactions."""
    with closing(KafkaProducer(**client_options('producer'))) as producer:
        producer.send(topic, f'"{value}"'.encode(), partition=partition).get(10)


@pytest.mark.client
def test_a_transaction_that_stays_open_ends_with_an_error(
    make_topic: MakeTopic, hanging: KafkaProducer, quick: None
) -> None:
    """It is no outage, so another error says where reading stops, and what to do.

    It comes in time although another partition is busy. Afterwards the consumer stands before the
    transaction, and goes on once it is over.
    """
    topic = make_topic(partitions=2)
    with closing(get_consumer(topic, offset='earliest')) as consumer:
        send_free(topic, 'before', 0)
        hanging.send(topic, b'"in it"', partition=0).get(10)
        send_free(topic, 'behind', 0)
        reading = read_to_end(consumer, timeout=0.3, open_transaction=1.0)
        assert [record.value for record in next(reading)] == ['before']
        for number in range(3):
            send_free(topic, f'busy {number}', 1)
        with pytest.raises(OpenTransactionError, match=f'{topic}, partition 0, offset 1'):
            next(reading)
        assert consumer.position(TopicPartition(topic, 0)) == 1
        hanging.abort_transaction()
        assert contents(read_to_end(consumer)) == ['behind', 'busy 0', 'busy 1', 'busy 2']


@pytest.mark.broker
def test_kafka_gone_is_no_open_transaction(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    """A transaction is open and Kafka goes away: the error says that Kafka does not answer."""
    with Broker() as broker:
        for name, value in broker.env().items():
            monkeypatch.setenv(name, value)
        options = client_options('producer', transactional_id='hanging')
        with closing(KafkaProducer(**options)) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            producer.send('room', b'1').get(10)
            with closing(get_consumer('room', offset='earliest')) as consumer:
                monkeypatch.setattr(module, 'ANSWER_MS', 200)
                reading = read_to_end(consumer, timeout=1.5, open_transaction=60.0)
                stopper = threading.Timer(1.0, broker.pause, [1])
                stopper.start()
                with pytest.raises(UnreachableError, match='Is Kafka running'):
                    list(reading)
                stopper.join()
                broker.resume(1)
            producer.abort_transaction()
