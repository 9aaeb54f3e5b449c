"""kafka-python's contract inside a loop: little programs give the same on its consumer and ours.

Every program is run three times: on a plain ``kafka.KafkaConsumer``, on ours with its
accelerations, and on ours without them (WORKSHOP_PLAIN_CLIENT=1).
"""

import contextlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import kafka.admin
import kafka.serializer
import pytest
from kafka import OffsetAndMetadata, TopicPartition

import producer
from client.consumer_loop import ChatConsumer, LargeSteps
from consumer import get_consumer
from producer import send_msg
from schemas import decode
from settings import client_options
from tests.support.testkafka import Kafka

Program = Callable[[Any, list[TopicPartition]], list[Any]]
PROGRAMS: dict[str, Program] = {}
COUNT = 40  # records, half of them on each partition


def program(function: Program) -> Program:
    """A little program: given a consumer and its partitions, it returns what it saw."""
    PROGRAMS[function.__name__] = function
    return function


def seen(record: Any) -> tuple[int, int]:
    """A record, as (partition, offset)."""
    return record.partition, record.offset


def by_partition(records: list[tuple[int, int]]) -> list[list[int]]:
    """The offsets of each partition, in order of arrival: partitions may take turns differently."""
    return [[offset for number, offset in records if number == each] for each in (0, 1)]


@program
def whole_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    return by_partition([seen(each) for each in c])


@program
def break_and_resume(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for each in c:
        found.append(seen(each))
        if len(found) == 7:
            break
    found += [seen(each) for each in c]
    return by_partition(found)


@program
def next_and_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = [seen(next(c)), seen(next(iter(c))), seen(next(c))]
    return by_partition(found + [seen(each) for each in c])


@program
def next_at_the_end_stops(c: Any, tps: list[TopicPartition]) -> list[Any]:
    list(c)
    return [next(c, 'over'), next(iter(c), 'over')]


@program
def two_iterators_share_the_records(c: Any, tps: list[TopicPartition]) -> list[Any]:
    one, two = iter(c), iter(c)
    found = []
    for first, second in zip(one, two, strict=False):
        found += [seen(first), seen(second)]
    return by_partition(found)


@program
def a_loop_in_a_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for each in c:
        found.append(seen(each))
        found += [seen(inner) for inner in itertools.islice(c, 3)]
    return by_partition(found)


@program
def pause_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for each in c:
        found.append(seen(each))
        if each.partition == 0 and each.offset == 4:
            c.pause(tps[0])
    paused = sorted(c.paused())
    c.resume(tps[0])
    return [paused, by_partition(found), by_partition([seen(each) for each in c])]


@program
def pause_all_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for number, each in enumerate(c):
        found.append(seen(each))
        if number == 4:
            c.pause(*tps)
    given = len(found)
    c.resume(*tps)
    return [given, by_partition(found + [seen(each) for each in c])]


@program
def resume_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    c.config['consumer_timeout_ms'] = 4000
    found: list[tuple[int, int]] = []
    for each in c:
        found.append(seen(each))
        if len(found) == 1:
            c.pause(tps[1 - each.partition])
        if len(found) == 5:
            c.resume(*c.paused())
        if len(found) == COUNT:
            break
    return by_partition(found)


@program
def seek_back_once(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found, sought = [], False
    for each in c:
        found.append(seen(each))
        if not sought and each.partition == 0 and each.offset == 3:
            sought = True
            c.seek(tps[0], 1)
    return by_partition(found)


@program
def seek_forward_once(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for each in c:
        found.append(seen(each))
        if each.partition == 1 and each.offset == 2:
            c.seek(tps[1], 15)
    return by_partition(found)


@program
def seek_to_end_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found: list[tuple[int, int]] = []
    for number, each in enumerate(c):
        found.append(seen(each))
        if number == 3:
            c.seek_to_end(*tps)
    return [len(found), [c.position(tp) for tp in tps]]


@program
def seek_to_beginning_once(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found: list[tuple[int, int]] = []
    for each in c:
        found.append(seen(each))
        if len(found) == COUNT:
            c.seek_to_beginning(*tps)
        if len(found) == 2 * COUNT:
            break
    return by_partition(found)


@program
def position_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    return [
        c.position(TopicPartition(each.topic, each.partition)) - each.offset
        for each in itertools.islice(c, 12)
    ]


@program
def positions_are_what_was_given(c: Any, tps: list[TopicPartition]) -> list[Any]:
    given = dict.fromkeys(tps, 0)
    for each in itertools.islice(c, 23):
        given[TopicPartition(each.topic, each.partition)] = each.offset + 1
    return [sum(c.position(tp) for tp in tps), {tp: c.position(tp) for tp in tps} == given]


@program
def poll_then_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found: list[tuple[int, int]] = []
    while not found:
        for records in c.poll(timeout_ms=500, max_records=6).values():
            found += [seen(record) for record in records]
    return [len(found), by_partition(found + [seen(each) for each in c])]


@program
def commit_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    given = dict.fromkeys(tps, 0)
    for number, each in enumerate(c):
        given[TopicPartition(each.topic, each.partition)] = each.offset + 1
        if number == 9:
            c.commit()
            break
    return [{tp: c.committed(tp) or 0 for tp in tps} == given]


@program
def commit_of_given_offsets(c: Any, tps: list[TopicPartition]) -> list[Any]:
    next(c)
    c.commit({tps[1]: OffsetAndMetadata(7, 'mine', -1)})
    found = c.committed(tps[1], metadata=True)
    return [found.offset, found.metadata]


@program
def closed_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for each in c:
        found.append(seen(each))
        if len(found) == 6:
            c.close()
    return [len(found)]


@program
def unsubscribed_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for each in c:
        found.append(seen(each))
        if len(found) == 6:
            c.unsubscribe()
            break
    return [len(found), sorted(c.assignment()), c.subscription()]


@program
def assigned_anew_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    found = []
    for each in c:
        found.append(seen(each))
        if len(found) == 6:
            c.unsubscribe()
            c.assign([tps[1]])
            c.seek(tps[1], 10)
            break
    return [sorted(c.assignment()), [seen(each) for each in c]]


@program
def subscribed_again_in_the_loop(c: Any, tps: list[TopicPartition]) -> list[Any]:
    topic = tps[0].topic
    for number, _ in enumerate(c):
        if number == 3:
            c.subscribe([f'{topic}-other'])
            break
    c.config['consumer_timeout_ms'] = 10_000
    return [next(each.value for each in c if each.topic != topic)]


Results = dict[str, dict[str, Any]]


@pytest.fixture(scope='module')
def results(session_kafka: Kafka) -> Results:
    """What each program gave on each consumer; they run side by side: they mostly wait."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in session_kafka.environment.items():
            patch.setenv(name, value)
        tps = fill_a_topic()
        found = {'kafka-python': run_all(plain_kafka_python, tps, 'kafka-python')}
        found['accelerated'] = run_all(ours, tps, 'accelerated')
        patch.setenv('WORKSHOP_PLAIN_CLIENT', '1')
        found['plain'] = run_all(ours, tps, 'plain')
        producer.close()
    return found


def fill_a_topic() -> list[TopicPartition]:
    """A topic with two partitions that holds COUNT records, and another that holds one."""
    topic = f'contract-{secrets.token_hex(4)}'
    with contextlib.closing(kafka.KafkaAdminClient(**client_options('admin'))) as admin:
        admin.create_topics({topic: {'num_partitions': 2}}, wait_for_metadata=True)
    raw = producer.get_producer()
    for number in range(COUNT):
        raw.send(topic, str(number).encode(), partition=number % 2)
    send_msg(f'{topic}-other', 'elsewhere')
    producer.flush()
    return [TopicPartition(topic, 0), TopicPartition(topic, 1)]


def run_all(make: Callable[..., Any], tps: list[TopicPartition], mode: str) -> dict[str, Any]:
    """Every program on a consumer of its own."""

    def run(name: str) -> Any:
        group = f'{tps[0].topic}-{mode}-{name}' if name.startswith('commit') else None
        with make(tps[0].topic, group) as c:
            return PROGRAMS[name](c, tps)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(PROGRAMS, pool.map(run, PROGRAMS), strict=True))


def timeout_of(group: str | None) -> float:
    """Seconds of silence that end a loop; joining a group takes some, and those loops are left."""
    return 10.0 if group else 1.5


@contextlib.contextmanager
def plain_kafka_python(topic: str, group: str | None) -> Iterator[Any]:
    """kafka-python's own consumer."""
    options = client_options(
        'consumer',
        auto_offset_reset='earliest',
        consumer_timeout_ms=timeout_of(group) * 1000,
        group_id=group,
        enable_auto_commit=group is not None,
    )
    c = kafka.KafkaConsumer(topic, value_deserializer=Decoded(), **options)
    c.config['max_poll_records'] = 500
    try:
        yield c
    finally:
        c.close()


class Decoded(kafka.serializer.Deserializer):  # type: ignore[misc]
    """JSON, as ours decodes it."""

    def deserialize(self, topic: str, headers: Any, data: bytes) -> Any:
        return decode(data)


@contextlib.contextmanager
def ours(topic: str, group: str | None) -> Iterator[ChatConsumer]:
    """What get_consumer gives."""
    c = get_consumer(topic, offset='earliest', timeout=timeout_of(group), group_id=group)
    try:
        yield c
    finally:
        c.close()


@pytest.mark.parametrize('mode', ['accelerated', 'plain'])
@pytest.mark.parametrize('name', PROGRAMS)
def test_a_program_gives_what_it_gives_on_kafka_pythons_consumer(
    results: Results, name: str, mode: str
) -> None:
    """The same records, positions and commits, in the same order within a partition."""
    assert results[mode][name] == results['kafka-python'][name]


def test_a_poll_in_a_loop_gives_each_record_once(kafka: Kafka) -> None:
    """kafka-python calls this incompatible, and gives twice what the loop had fetched ahead.

    So does ours without the acceleration.
    """
    if LargeSteps.is_switched_off():
        pytest.skip('as kafka-python: what the loop had fetched ahead is given twice')
    tps = fill_a_topic()
    found = []
    with ours(tps[0].topic, None) as c:
        for number, each in enumerate(c):
            found.append(seen(each))
            if number == 5:
                for records in c.poll(timeout_ms=2000, max_records=4).values():
                    found += [seen(record) for record in records]
    assert by_partition(found) == [list(range(COUNT // 2))] * 2
