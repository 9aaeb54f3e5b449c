"""What is written into an open batch is what kafka-python writes; its promise is as good."""

import random
import threading
from collections.abc import Callable
from typing import Any

import kafka.errors
import pytest
from kafka import TopicPartition
from kafka.future import Future
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from client.batch_promise import BatchPromise
from client.lean_append import OpenBatch, varint

TP = TopicPartition('human-messages', 3)
LIMIT = 256 * 1024
START_MS = 1_700_000_000_000


def test_a_hundred_thousand_records_have_the_same_bytes() -> None:
    """Keys and values of all sizes, times back and forth: batch by batch, until each is full."""
    chance = random.Random(6)
    sizes = [0, 1, 10, 63, 64, 80, 80, 80, 200, 4095, 4096, 8191, 8192]
    keys = [b'', b'red', 'grün'.encode() * 30, b'k' * 5000]
    times = [0, 0, 1, 63, 64, 5_000, -1, -100_000, 10**9]
    records = 0
    while records < 100_000:
        ours, theirs = (ProducerBatch(TP, MemoryRecordsBuilder(2, 0, LIMIT)) for _ in range(2))
        quick = OpenBatch(threading.Lock(), [ours], LIMIT, BatchPromise, print)
        ours.try_append(START_MS, b'first', b'', ())
        theirs.try_append(START_MS, b'first', b'', ())
        large = chance.random() < 0.2
        while True:
            when = START_MS + chance.choice(times)
            key, value = (
                chance.choice(keys[: None if large else 2]),
                b'v' * chance.choice(sizes if large else sizes[:8]),
            )
            found = quick.append(when, value, len(key), varint(len(key)) + key)
            expected = theirs.try_append(when, key, value, ())
            assert (found is None) == (expected is None)
            if found is None:
                break
            assert found.args == expected.args
            records += 1
        assert ours.record_count == theirs.record_count
        assert ours.max_record_size == theirs.max_record_size
        for batch in (ours, theirs):
            batch.records.close()
        assert ours.records.buffer() == theirs.records.buffer()


def made(kind: Any, batch: FutureProduceResult, number: int) -> Any:
    """A promise of one record of a batch."""
    arguments = (number, START_MS, None, 3, 80, -1)
    if kind is FutureRecordMetadata:
        return FutureRecordMetadata(batch, *arguments)
    promise = BatchPromise.__new__(BatchPromise)
    promise._produce_future = batch
    promise.args = arguments  # type: ignore[misc]
    promise._outcome = promise._watchers = None
    promise._note_failure = lambda _: None
    return promise


ENDS: list[Callable[[Any, Any], object]] = [
    lambda batch, _: batch.success((1000, -1, None)),
    lambda batch, _: batch.success((1000, 1_800_000_000_000, None)),
    lambda batch, _: batch.success((-1, -1, None)),
    lambda batch, _: batch.success((-1, -1, lambda n: kafka.errors.InvalidRecordError(str(n)))),
    lambda batch, _: batch.success((-1, -1, lambda _: kafka.errors.KafkaTimeoutError)),
    lambda batch, _: batch.failure(kafka.errors.KafkaTimeoutError('late')),
    lambda _, promise: promise.failure(kafka.errors.InvalidTimestampError('early')),
    lambda _, promise: promise.success('by hand'),
]


class Life:
    """A promise, and what it says and tells while chance has its way with it."""

    def __init__(self, kind: Any, seed: int) -> None:
        self.chance = random.Random(seed)
        self.batch = FutureProduceResult(TP)
        self.promise = made(kind, self.batch, 4)
        self.chained = Future()
        self.said: list[Any] = []

    def call_back(self, name: str) -> Callable[..., None]:
        """One that raises now and then."""

        def tell(what: Any, *more: Any, **options: Any) -> None:
            self.said.append((name, repr(what), more, options))
            if self.chance.random() < 0.2:
                raise ValueError(name)

        return tell

    def look(self) -> None:
        """Note all that it says."""
        promise = self.promise
        self.said += [promise.is_done, promise.succeeded(), promise.failed(), promise.retriable()]
        self.said += [promise.value, repr(promise.exception)]

    def live(self) -> list[Any]:
        """To the end, which comes somewhere in the middle."""
        promise, chance = self.promise, self.chance
        acts: list[Callable[[str], object]] = [
            lambda name: promise.add_callback(self.call_back(f'kept {name}'), 1, two=2),
            lambda name: promise.add_errback(self.call_back(f'broken {name}')),
            lambda name: promise.add_both(self.call_back(f'both {name}')),
            lambda name: promise.chain(self.chained) if name < '09' else None,
            lambda _: None,
        ]
        end = chance.randrange(3, 12)
        for step in range(14):
            if step == end:
                chance.choice(ENDS)(self.batch, promise)
            if step < end and chance.random() < 0.1:
                self.batch = FutureProduceResult(TP)
                promise.rebind(self.batch, chance.randrange(9))
            chance.choice(acts)(f'{step:02}')
            self.look()
        try:
            self.said.append(promise.get(0.001))
        except Exception as error:  # noqa: BLE001 - it is what is compared
            self.said.append(repr(error))
        return [*self.said, self.chained.is_done, self.chained.value, repr(self.chained.exception)]


def test_a_promise_lives_as_kafka_pythons_does() -> None:
    """Call-backs before and after, errors in them, batches that are split, broken promises."""
    for seed in range(2000):
        ours, theirs = (Life(kind, seed).live() for kind in (BatchPromise, FutureRecordMetadata))
        assert ours == theirs, f'seed {seed}'


@pytest.mark.parametrize('split', [False, True])
def test_several_threads_wait_for_one_promise(split: bool) -> None:
    """Each gets the same object, also if the batch was split while they waited."""
    batch = FutureProduceResult(TP)
    promise = made(BatchPromise, batch, 0)
    got: list[Any] = []
    waiting = [threading.Thread(target=lambda: got.append(promise.get(10))) for _ in range(5)]
    for thread in waiting:
        thread.start()
    if split:
        batch = FutureProduceResult(TP)
        promise.rebind(batch, 2)
    batch.success((7, -1, None))
    for thread in waiting:
        thread.join(10)
    assert [metadata.offset for metadata in got] == [9 if split else 7] * 5
    assert len({id(metadata) for metadata in got}) == 1


def test_failures_are_told_once_a_record() -> None:
    """Whether the whole batch fails, or a part of it after it was split."""
    told: list[str] = []
    batch = ProducerBatch(TP, MemoryRecordsBuilder(2, 0, LIMIT))
    batch.try_append(START_MS, b'first', b'', ())
    quick = OpenBatch(
        threading.Lock(), [batch], LIMIT, BatchPromise, lambda error: told.append(str(error))
    )
    promises = [quick.append(START_MS, b'v', 1, varint(1) + b'k') for _ in range(4)]
    other = FutureProduceResult(TP)
    promises[0].rebind(other, 0)
    other.success((-1, -1, lambda _: ValueError('split')))
    promises[1].failure(ValueError('refused'))
    batch.abort(ValueError('closed'))
    assert told == ['split', 'refused', 'closed', 'closed']
    assert [str(each.exception) for each in promises] == told
