"""However politely a process ends, what it has sent is delivered, or counted and said, in time."""

import atexit
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker import Broker
from consumer import get_consumer
from producer import send_msg
from tests.support.logread import values

pytestmark = pytest.mark.skipif(
    os.name == 'nt', reason='Windows sends no signals: run this on Linux or macOS'
)
ROOT = Path(__file__).parents[2]
COUNT = 500
DOCKERS_PATIENCE = 10.0  # seconds between SIGTERM and SIGKILL
# What all programs begin with; the shell that started the tests may have had SIGINT ignored.
BEGIN = """
import atexit, multiprocessing, os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import producer
from producer import send_msg
TOPIC = sys.argv[1]
def send(count=500):
    for number in range(count):
        send_msg(TOPIC, {'sender': 'red', 'contents': str(number)})
"""
# Each ends in its own way: (program, exit status, how many messages).
ENDS: dict[str, tuple[str, int, int]] = {
    'SIGTERM twice': (
        'send(); [os.kill(os.getpid(), signal.SIGTERM) for _ in range(2)]; time.sleep(9)',
        -15,
        COUNT,
    ),
    'SIGTERM at the last line': ('send(); signal.raise_signal(signal.SIGTERM)', -15, COUNT),
    'SIGHUP': ('send(); signal.raise_signal(signal.SIGHUP); time.sleep(9)', -1, COUNT),
    'SIGTERM in an exit handler': (
        'atexit.register(signal.raise_signal, signal.SIGTERM); send()',
        -15,
        COUNT,
    ),
    'first sent by another thread': (
        """
thread = threading.Thread(target=send, args=[1]); thread.start(); thread.join()
send_msg(TOPIC[::-1], 1); send(); signal.raise_signal(signal.SIGTERM); time.sleep(9)
""",
        -15,
        COUNT + 1,
    ),
    'sys.exit in a handler of SIGTERM': (
        """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
send(); signal.raise_signal(signal.SIGTERM); time.sleep(9)
""",
        3,
        COUNT,
    ),
    'exit handlers around the first message': (
        """
def late():
    send(3)
    assert producer.get_producer() is first, 'after 3.11 Python could not make another'
atexit.register(late); send(); atexit.register(send, 4); first = producer.get_producer()
""",
        0,
        COUNT + 7,
    ),
    'a first message in an exit handler': ('atexit.register(send, 3)', 0, 3),
    'a logging handler that is flushed last': (
        """
import logging.handlers
class ToKafka(logging.Handler):
    def emit(self, record): send(1)
memory = logging.handlers.MemoryHandler(9, target=ToKafka())
logging.getLogger('mine').addHandler(memory)
send(); logging.getLogger('mine').warning('last words')
""",
        0,
        COUNT + 1,
    ),
    'a child of multiprocessing': (
        """
child = multiprocessing.get_context('fork').Process(target=send)
send(1); child.start(); child.join()
""",
        0,
        COUNT + 1,
    ),
    'Ctrl-C twice': (
        """
def press(): os.kill(os.getpid(), signal.SIGINT)
send(); atexit.register(press); press(); time.sleep(9)
""",
        -2,
        COUNT,
    ),
}


def start(source: str, topic: str, **options: Any) -> 'subprocess.Popen[str]':
    """Begin a program."""
    return subprocess.Popen(
        [sys.executable, '-c', BEGIN + source, topic],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_every_polite_end_delivers(make_topic: Callable[..., str]) -> None:
    """All of it is there, nothing is said, and the exit status is what it would be without us."""
    running: dict[str, tuple[Any, str]] = {}
    found: dict[str, tuple[int, int]] = {}
    for name, (source, _, _) in ENDS.items():
        topic = make_topic()
        running[name] = start(source, topic), topic
    for name, (process, topic) in running.items():
        said = process.communicate(timeout=60)[1]
        if 'KeyboardInterrupt' not in said:
            assert (name, said) == (name, '')
        found[name] = process.returncode, len(values(topic))
    assert found == {name: (status, count) for name, (_, status, count) in ENDS.items()}


@pytest.mark.client
def test_a_signal_in_the_middle_of_sending_loses_nothing_that_was_taken(topic: str) -> None:
    """Whatever ``send_msg`` has returned from is there, although it was interrupted anywhere."""
    process = start(
        'while True:\n'
        '    send_msg(TOPIC, {"sender": "red", "contents": "x" * 100})\n'
        '    os.write(1, b".")\n',
        topic,
    )
    assert process.stdout is not None
    returned = 0
    while chunk := os.read(process.stdout.fileno(), 1000):
        if returned < 2000 <= returned + len(chunk):
            process.terminate()
        returned += len(chunk)
    assert process.communicate(timeout=30)[1] == ''
    assert process.returncode == -signal.SIGTERM
    assert returned <= len(values(topic)) <= returned + 1


@pytest.mark.broker
def test_what_cannot_be_delivered_is_counted_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka is frozen: each end comes long before a kill, and tells the number of messages."""
    ends = {
        'exit': ('', 0),
        'SIGTERM': ('os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)', -signal.SIGTERM),
        'Ctrl-C twice': (
            """
again = threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)); again.daemon = True
again.start(); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)
""",
            -signal.SIGINT,
        ),
    }
    ready = 'send(1); print("ready", flush=True); sys.stdin.readline(); send(50)\n'
    with Broker() as kafka:
        monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', kafka.bootstrap_servers)
        running = {}
        for name, (how, _) in ends.items():
            source = f'{ready}print("sent", flush=True)\n{how}'
            running[name] = start(source, 'human-messages', stdin=subprocess.PIPE)
        for process in running.values():
            assert process.stdout is not None
            assert process.stdout.readline() == 'ready\n'
        kafka.pause()
        began = {}
        for name, process in running.items():
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write('\n')
            process.stdin.flush()
            assert process.stdout.readline() == 'sent\n'
            began[name] = time.monotonic()
        for name, process in running.items():
            said = process.communicate(timeout=30)[1]
            assert time.monotonic() - began[name] < DOCKERS_PATIENCE - 2, name
            assert process.returncode == ends[name][1], (name, said)
            assert re.search(r'(50|51) message\(s\) could not be delivered', said), (name, said)
        kafka.resume()


def test_signals_are_left_to_whoever_has_a_handler(topic: str) -> None:
    """Ours is there from the first message on; a handler that was there before stays."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        send_msg(topic, 1, block=True)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_all_consumers_share_one_exit_handler(topic: str) -> None:
    """A program that makes consumers again and again does not grow by exit handlers."""
    get_consumer(topic).close()
    before = atexit._ncallbacks()
    for _ in range(3):
        get_consumer(topic).close()
    assert atexit._ncallbacks() == before
