"""Exit, fork and threads: one producer a process, and nothing lost without a word."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import consumer
import producer
from broker import Broker

ROOT = Path(__file__).parents[2]

LEAVE = """
import sys
from producer import send_msg
topic = sys.argv[1]
send_msg(topic, {'sender': 'red', 'contents': 'before'}, block=True)
print('ready', flush=True)
sys.stdin.readline()
for number in range(7):
    send_msg(topic, {'sender': 'red', 'contents': str(number)})
"""

FORK = """
import os, sys
from producer import send_msg
topic = sys.argv[1]
send_msg(topic, {'sender': 'parent', 'contents': 'before'}, block=True)
late = send_msg(topic, {'sender': 'parent', 'contents': 'under way'})
if (child := os.fork()) == 0:
    send_msg(topic, {'sender': 'child', 'contents': 'mine'}, block=True)
    send_msg(topic, {'sender': 'child', 'contents': 'at exit'})
    sys.exit()
send_msg(topic, {'sender': 'parent', 'contents': 'after'})
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert late.get(timeout=10)
"""


def python(script: str, topic: str) -> subprocess.Popen[str]:
    """A Python of its own that runs a script."""
    pipe: Any = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, '-c', script, topic],
        text=True,
        cwd=ROOT,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )


def said(topic: str, count: int) -> list[tuple[str, str]]:
    """The first `count` messages of a topic."""
    reader = consumer.get_consumer(topic, offset='earliest', timeout=2)
    try:
        return [
            (record.value['sender'], record.value['contents'])
            for _, record in zip(range(count), reader, strict=False)
        ]
    finally:
        reader.close()


def test_at_exit_everything_is_delivered(kafka: Any, topic: str) -> None:
    """A script that ends right after its last send loses nothing, and says nothing."""
    done = python(LEAVE, topic)
    assert done.communicate('go\n', timeout=30) == ('ready\n', '')
    assert [contents for _, contents in said(topic, 8)] == ['before', *map(str, range(7))]


@pytest.mark.broker
@pytest.mark.parametrize(
    'delivery_timeout', ['2000', pytest.param('60000', marks=pytest.mark.torture)]
)
def test_at_exit_what_was_not_delivered_is_counted(
    delivery_timeout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script whose broker is gone ends in time, and says how many messages were not delivered."""
    monkeypatch.setenv('KAFKA_DELIVERY_TIMEOUT_MS', delivery_timeout)
    monkeypatch.setenv('KAFKA_REQUEST_TIMEOUT_MS', '1500')
    with Broker() as broker:
        monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', broker.bootstrap_servers)
        done = python(LEAVE, 'human-messages')
        assert done.stdout is not None
        assert done.stdout.readline() == 'ready\n'
        broker.kill()
        _, errors = done.communicate('go\n', timeout=20)
    assert '7 message(s) could not be delivered' in errors


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system has no fork')
def test_a_forked_process_has_a_producer_of_its_own(kafka: Any, topic: str) -> None:
    """Parent and child of a fork both go on sending.

    What was under way is delivered once, by the parent.
    """
    done = python(FORK, topic)
    assert done.communicate(timeout=30) == ('', '')
    assert done.returncode == 0
    messages = said(topic, 6)
    assert sorted(messages) == [
        ('child', 'at exit'),
        ('child', 'mine'),
        ('parent', 'after'),
        ('parent', 'before'),
        ('parent', 'under way'),
    ]


def test_many_threads_share_one_producer(kafka: Any, topic: str) -> None:
    """Threads that send at the same time, from the first message on, use one producer.

    Each one's order is kept.
    """
    start = threading.Barrier(8)
    producers = set()

    def talk(name: int) -> None:
        start.wait()
        for number in range(50):
            producer.send_msg(topic, {'sender': f'red-{name}', 'contents': str(number)})
        producers.add(id(producer.get_producer()))

    threads = [threading.Thread(target=talk, args=[name]) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    producer.flush()
    assert len(producers) == 1
    messages = said(topic, 400)
    for name in range(8):
        assert [contents for sender, contents in messages if sender == f'red-{name}'] == [
            str(number) for number in range(50)
        ]
    assert len(messages) == 400
