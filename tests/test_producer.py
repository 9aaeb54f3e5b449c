"""What send_msg promises: acknowledged, in order, once, from any thread or process.

What cannot be sent is an error before the wire.
"""

import functools
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import producer
from errors import MessageError
from producer import send_msg
from schemas import HumanMessage, decode
from tests.support.brokers import eventually
from tests.support.logread import records, values
from tests.support.testkafka import Kafka

pytestmark = pytest.mark.client

ROOT = Path(__file__).parents[1]


def python(source: str, env: dict[str, str] | None = None) -> 'subprocess.Popen[str]':
    """Run Python code in a process of its own, with the environment that is in force."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, '-c', source],
        cwd=ROOT,
        text=True,
        env=env,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )


def test_a_promise_is_kept(topic: str) -> None:
    """The promise is the client's own future: it becomes True by itself, and tells the offset."""
    promise = send_msg(topic=topic, key='red', value={'some': 'dict'})
    found = promise.get(timeout=10)
    assert promise.succeeded() is True
    assert (found.topic, found.partition, found.offset) == (topic, 0, 0)
    assert [(record.key, decode(record.value)) for record in records(topic)] == [
        (b'red', {'some': 'dict'})
    ]


def test_a_send_does_not_wait(topic: str, kafka: Kafka) -> None:
    """A hundred sends come back sooner than a hundred answers; every callback is called."""
    send_msg(topic, 'first', block=True)
    called: list[Any] = []
    began = time.monotonic()
    for number in range(100):
        send_msg(topic, number).add_callback(called.append)
    assert time.monotonic() - began < 1.0
    producer.flush()
    assert [found.offset for found in called] == list(range(1, 101))


def test_block_waits_for_the_acknowledgement(topic: str) -> None:
    """With block=True the message is in the log when send_msg returns."""
    assert send_msg(topic, {'some': 'dict'}, block=True).succeeded() is True


@pytest.mark.parametrize(
    ('arguments', 'key'),
    [
        ({'value': {'sender': 'red', 'contents': 'x'}}, b'red'),
        ({'value': {'sender': 'red', 'contents': 'x'}, 'key': 'blue'}, b'blue'),
        ({'value': {'sender': 7}}, None),
        ({'value': {'some': 'dict'}}, None),
        ({'value': ['sender']}, None),
        ({'value': {'some': 'dict'}, 'key': b'\xff\x00'}, b'\xff\x00'),
        ({'value': {'sender': 'grün'}}, 'grün'.encode()),
        ({'value': None, 'key': ''}, b''),
    ],
    ids=repr,
)
def test_a_message_without_a_key_is_keyed_by_its_sender(
    topic: str, arguments: dict[str, Any], key: bytes | None
) -> None:
    """A key that is named is taken; otherwise the sender, if there is one."""
    send_msg(topic, **arguments, block=True)
    assert [(record.key, decode(record.value)) for record in records(topic)] == [
        (key, arguments['value'])
    ]


def test_what_one_sender_says_stays_in_order(make_topic: Callable[..., str]) -> None:
    """Each sender's messages are on one partition, in the order of sending.

    The senders are spread over the partitions.
    """
    topic = make_topic(partitions=3)
    for number in range(300):
        send_msg(topic, {'sender': f'sender {number % 10}', 'contents': str(number)})
    producer.flush()
    said: dict[str, list[tuple[int, int]]] = {}
    for record in records(topic):
        said.setdefault(record.key.decode(), []).append(
            (record.partition, int(decode(record.value)['contents']))
        )
    assert len({found[0][0] for found in said.values()}) > 1
    for name, found in said.items():
        assert len({partition for partition, _ in found}) == 1
        assert [number for _, number in found] == list(range(int(name[-1]), 300, 10))


def test_keys_go_where_kafkas_own_clients_put_them(make_topic: Callable[..., str]) -> None:
    """The partition is that of the Java client (murmur2), whose values for these keys are known."""
    topic = make_topic(partitions=10)
    found = {
        key: send_msg(topic, 1, key=key, block=True).get().partition
        for key in ('21', 'foobar', 'a-little-bit-long-string')
    }
    assert found == {key: (murmur & 0x7FFFFFFF) % 10 for key, murmur in JAVA.items()}


# Utils.murmur2, in Kafka's UtilsTest.
JAVA = {
    '21': -973932308,
    'foobar': -790332482,
    'a-little-bit-long-string': -985981536,
}


def test_headers_and_time_are_kept(topic: str) -> None:
    """Headers arrive as they are, a timestamp to the millisecond; without one it is now."""
    send_msg(topic, 1, headers=[('trace', b'\x00\xff'), ('trace', b'')], timestamp=1_700_000_000.25)
    send_msg(topic, 2, block=True)
    first, second = records(topic)
    assert (first.headers, first.timestamp) == (
        [('trace', b'\x00\xff'), ('trace', b'')],
        1_700_000_000_250,
    )
    assert second.headers == []
    assert second.timestamp / 1000 == pytest.approx(time.time(), abs=10)


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        ({'value': {1, 2}}, 'set'),
        ({'value': {'when': float('nan')}}, "at 'when'"),
        ({'value': {'sender': 'red'}, 'schema': HumanMessage}, 'contents'),
        ({'value': 'x' * 2_000_000}, 'max_request_size=1048576'),
        ({'value': 1, 'key': 7}, "The key must be a str or bytes, not int: 7. Use text: '7'."),
        ({'value': 1, 'headers': [('name', 'text')]}, r'pairs of \(str, bytes\)'),
        ({'value': 1, 'headers': 5}, r'pairs of \(str, bytes\)'),
        ({'value': 1, 'timestamp': 'noon'}, 'timestamp is seconds'),
        ({'value': 1, 'topic': 'human messages'}, "'human messages' is no topic name"),
        ({'value': 1, 'topic': ''}, 'no topic name'),
        ({'value': 1, 'topic': '..'}, 'no topic name'),
        ({'value': 1, 'topic': 7}, '7 is no topic name'),
        ({'value': 1, 'topic': 'x' * 250}, 'no topic name'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_sent_is_refused_before_the_wire(
    topic: str, arguments: dict[str, Any], says: str
) -> None:
    """A wrong value, key, header, timestamp or topic is an error at once.

    The topic stays empty, and the next message gets through.
    """
    with pytest.raises(MessageError, match=says) as caught:
        send_msg(**({'topic': topic} | arguments))
    assert len(str(caught.value)) < 500
    send_msg(topic, 'after', block=True)
    assert values(topic) == ['after']


def test_many_threads_share_one_producer(topic: str) -> None:
    """Eight threads that begin at once make one producer.

    Each message is there once, in its thread's order.
    """
    ready = threading.Barrier(8)
    seen = set()

    def talk(name: int) -> None:
        ready.wait()
        for number in range(250):
            send_msg(topic, [name, number])
        seen.add(id(producer.get_producer()))

    threads = [threading.Thread(target=talk, args=[name]) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    producer.flush()
    found = values(topic)
    assert len(seen) == 1
    assert len(found) == 2000
    assert all(
        [number for name, number in found if name == each] == list(range(250)) for each in range(8)
    )


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
def test_after_a_fork_both_processes_send(topic: str) -> None:
    """The child makes a producer of its own, flushes it at its end, and the parent's goes on."""
    source = f"""
import os
from producer import get_producer, send_msg
send_msg({topic!r}, 'before', block=True)
mine = id(get_producer())
child = os.fork()
send_msg({topic!r}, 'child' if child == 0 else 'parent')
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    process = python(source)
    assert process.communicate(timeout=40)[1] == ''
    assert process.returncode == 0
    assert sorted(values(topic)) == ['before', 'child', 'parent']


def test_the_end_of_the_program_waits_for_its_messages(topic: str) -> None:
    """A program that sends and ends at once loses nothing, and says nothing."""
    process = python(
        f'from producer import send_msg\nfor number in range(5000): send_msg({topic!r}, number)'
    )
    assert process.communicate(timeout=40) == ('', '')
    assert values(topic) == list(range(5000))


def test_a_closed_producer_is_made_anew(topic: str) -> None:
    """After close, which may be called twice, the next send makes another producer."""
    send_msg(topic, 1)
    first = producer.get_producer()
    producer.close()
    producer.close()
    send_msg(topic, 2, block=True)
    assert producer.get_producer() is not first
    assert values(topic) == [1, 2]


def test_a_close_meanwhile_makes_no_second_producer(topic: str) -> None:
    """A thread that is about to make the producer, when another closes it, makes the only one."""
    send_msg(topic, 1, block=True)
    made: list[Any] = []
    with producer._state.lock:
        producer.close()
        thread = threading.Thread(target=lambda: made.append(producer.get_producer()))
        thread.start()
        eventually(lambda: _is_in(thread, 'begin'))
        producer.close()
    thread.join(10)
    assert producer.get_producer() is made[0]


def _is_in(thread: threading.Thread, function: str) -> bool:
    stack = traceback.extract_stack(sys._current_frames()[thread.ident or 0])
    return function in [frame.name for frame in stack]


def _is_longer(promises: list[Any], than: int) -> bool:
    return len(promises) > than


def test_threads_go_on_sending_while_another_closes(topic: str) -> None:
    """Each promise is kept or fails; what is kept is there, with its headers from an iterator."""
    promises: list[tuple[int, Any]] = []
    closed = threading.Event()

    def talk(name: int) -> None:
        number = 1000 * name
        while not closed.is_set():
            number += 1
            promises.append(
                (number, send_msg(topic, number, headers=iter([('n', b'%d' % number)])))
            )

    threads = [threading.Thread(target=talk, args=[name]) for name in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(1, 6):
        eventually(functools.partial(_is_longer, promises, 20 * turn))
        producer.close()
    closed.set()
    for thread in threads:
        thread.join(20)
    producer.close()
    assert all(promise.is_done for _, promise in promises)
    kept = {number for number, promise in promises if promise.succeeded()}
    found = {decode(record.value): record.headers for record in records(topic)}
    assert kept <= found.keys()
    assert all(headers == [('n', b'%d' % number)] for number, headers in found.items())


def test_flush_and_close_need_no_producer() -> None:
    """Without a message sent, flush and close connect nowhere and return."""
    producer.flush()
    producer.close()
