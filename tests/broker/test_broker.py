"""The embedded broker: it starts quickly, keeps what it should, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from broker import Broker, ports, storage
from broker.installation import ensure_installed
from errors import BrokerError
from tests.support.brokers import ROOT, eventually, gone, read, send, temporary_folders

__all__ = ['temporary_folders']

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(os.name != 'posix', reason='looks at processes as POSIX has them'),
]


def _pid(kafka: Broker, node: int = 1) -> int:
    pid = kafka.pid(node)
    assert pid
    return pid


def test_a_later_start_uses_the_ahead_of_time_cache() -> None:
    """Once Kafka was started, the cache is there, and a first message is acknowledged by it.

    How quick that is, the bench says: about 1 s on an idle machine.
    """
    with Broker():
        pass
    assert ensure_installed(storage.format_template).aot_cache.exists()
    with Broker() as kafka:
        command = Path(f'/proc/{_pid(kafka)}/cmdline')
        if command.exists():
            assert b'-XX:AOTCache=' in command.read_bytes()
        send(kafka.env(), 'first', b'x')


def test_nothing_is_left_behind_when_the_block_ends(temporary_folders: Path) -> None:
    """After the block, no process, no port and no folder."""
    with Broker() as kafka:
        send(kafka.env(), 'some', b'x')
        pid, address = _pid(kafka), kafka.bootstrap_servers
        assert list(temporary_folders.iterdir())
    assert gone(pid)
    assert list(temporary_folders.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.split(':')[0], int(address.split(':')[1])), 1)
    kafka.stop()
    with pytest.raises(BrokerError, match='does not run'):
        _ = kafka.bootstrap_servers


def test_an_exception_in_the_block_ends_the_broker_too() -> None:
    """Whatever ends the block ends the broker."""
    kafka = Broker()
    pids = []

    def block() -> None:
        with kafka:
            pids.append(_pid(kafka))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert gone(pids[0])


CHILD = """
import os, sys, time
from broker import Broker
kafka = Broker(data=sys.argv[1] or None).start()
forked = os.fork()  # it holds the pipe open after its parent is gone
if forked:
    print(f'{kafka.pid()} {forked}', flush=True)
time.sleep(60)
os._exit(0)
"""


@pytest.mark.parametrize('kept', [False, True], ids=['temporary', 'kept'])
def test_when_python_is_killed_the_broker_goes_within_seconds(
    tmp_path: Path, temporary_folders: Path, kept: bool
) -> None:
    """After kill -9 the JVM and its temporary folder go, though a forked child still lives.

    Data that is kept stays good.
    """
    data = str(tmp_path / 'data') if kept else ''
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONWARNINGS': 'ignore'}
    with subprocess.Popen(
        [sys.executable, '-c', CHILD, data], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        assert child.stdout
        pid, forked = map(int, child.stdout.readline().split())
        child.kill()
    try:
        eventually(lambda: gone(pid), 8)
        eventually(lambda: not list(temporary_folders.iterdir()), 2)
        assert not gone(forked)
    finally:
        os.kill(forked, signal.SIGKILL)
    if kept:
        with Broker(data=data) as kafka:
            send(kafka.env(), 'some', b'x')


def test_a_forked_child_does_not_end_its_parents_broker() -> None:
    """A child that leaves the block by itself leaves the broker alone."""
    with Broker() as kafka:
        child = os.fork()
        if child == 0:
            kafka.stop()
            os._exit(0)
        os.waitpid(child, 0)
        send(kafka.env(), 'some', b'x')


def test_ctrl_c_at_the_prompt_does_not_reach_the_broker() -> None:
    """The JVM is in another session than the prompt: the terminal's Ctrl-C is for Python alone."""
    with Broker() as kafka:
        assert os.getsid(_pid(kafka)) != os.getsid(0)


def test_a_port_that_was_taken_in_between_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """If somebody takes the chosen port before Kafka does, another one is chosen."""
    choose = ports.choose_ports
    tried = []
    with socket.create_server(('127.0.0.1', 0)) as taken:

        def choose_badly(*arguments: object) -> dict[str, dict[int, int]]:
            table = choose(*arguments)  # type: ignore[arg-type]
            tried.append(1)
            if len(tried) == 1:
                table['plaintext'][1] = taken.getsockname()[1]
            return table

        monkeypatch.setattr(ports, 'choose_ports', choose_badly)
        with Broker() as kafka:
            send(kafka.env(), 'some', b'x')
    assert len(tried) == 2


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """kill(), restart(), pause(), resume() and a whole new Broker: the messages are still there."""
    with Broker(data=tmp_path / 'data') as kafka:
        send(kafka.env(), 'kept', b'1')
        first = _pid(kafka)
        kafka.kill()
        assert gone(first)
        assert not kafka.running()
        with pytest.raises(BrokerError, match='does not run'):
            kafka.pause()
        kafka.restart()
        kafka.pause()
        kafka.resume()
        send(kafka.env(), 'kept', b'2')
    with Broker(data=tmp_path / 'data') as kafka:
        assert read(kafka.env(), 'kept', 2) == [b'1', b'2']


def test_properties_reach_kafka() -> None:
    """properties= wins over ours: here the partitions of a topic made by its first message."""
    with Broker(properties={'num.partitions': '3'}) as kafka:
        send(kafka.env(), 'three', b'x')
        eventually(
            lambda: (
                'partitions=3' in (text := kafka.log().read_text())
                or "name='three', numPartitions=3" in text
            )
        )


def test_a_property_that_kafka_refuses_shows_its_words() -> None:
    """A start that fails ends with what Kafka said."""
    with pytest.raises(BrokerError, match=r'(?s)fewer properties.*num\.io\.threads'):
        Broker(properties={'num.io.threads': 'many'}).start()


@pytest.mark.parametrize(
    'arguments', [{'brokers': 0}, {'brokers': 10}, {'port': 70_000}, {'port': 0}]
)
def test_an_impossible_broker_is_refused(arguments: dict[str, int]) -> None:
    """Numbers that cannot be are told with the value, before anything starts."""
    with pytest.raises(BrokerError, match=str(next(iter(arguments.values())))):
        Broker(**arguments).start()  # type: ignore[arg-type]
