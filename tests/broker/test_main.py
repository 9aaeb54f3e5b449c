"""The embedded broker in the foreground: python -m broker."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from broker import __main__ as command_line
from broker import listeners, log_messages
from errors import BrokerError
from tests.support.brokers import ROOT, read, send, temporary_folders

__all__ = ['temporary_folders']

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(os.name != 'posix', reason='drives it as a POSIX terminal does'),
]


def _free_port() -> int:
    return listeners.choose_ports(['any'], [1])['any'][1]


def _foreground(folder: Path, *arguments: str) -> 'pexpect.spawn[str]':
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'TERM': 'dumb'}
    command = ['-m', 'broker', *arguments]
    return pexpect.spawn(
        sys.executable,
        command,
        cwd=str(folder),
        env=environment,
        encoding='utf-8',
        timeout=30,
        echo=False,
    )


def test_the_foreground_says_what_to_type_and_what_happens(tmp_path: Path) -> None:
    """It says where it is and what to type next, tells of new topics, obeys commands, ends on Ctrl-C within 5 s and keeps the messages."""
    port = _free_port()
    for attempt in range(2):
        shell = _foreground(tmp_path, '--port', str(port))
        shell.expect_exact(f'localhost:{port}')
        shell.expect_exact(f"export KAFKA_BOOTSTRAP_SERVERS='127.0.0.1:{port}'")
        shell.expect_exact("send_msg(topic='human-messages'")
        environment = {'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{port}'}
        if attempt == 0:
            send(environment, 'human-messages', b'kept')
            shell.expect_exact('Topic human-messages was created, partitions: 1.')
            shell.sendline('kill 1')
            shell.expect_exact('Broker 1 is killed.')
            shell.sendline('restart 1')
            shell.expect_exact('Broker 1 runs again.')
        assert read(environment, 'human-messages', 1) == [b'kept']
        began = time.monotonic()
        shell.sendintr()
        shell.expect(pexpect.EOF)
        shell.close()
        assert shell.exitstatus == 0
        assert time.monotonic() - began < 5
        assert shell.before.strip().endswith('Kafka has ended. Its messages are kept.')
    assert (tmp_path / '.kafka').is_dir()


def test_the_foreground_ends_on_sigterm_within_five_seconds(tmp_path: Path) -> None:
    """SIGTERM ends it in good order, and its port is free again; without a terminal too."""
    port = _free_port()
    command = [
        sys.executable,
        '-m',
        'broker',
        '--port',
        str(port),
        '--data',
        str(tmp_path / 'data'),
    ]
    shell = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert shell.stdout
    assert 'ready' in shell.stdout.readline()
    began = time.monotonic()
    shell.terminate()
    assert shell.wait(10) == 0
    assert time.monotonic() - began < 5
    shell.stdout.close()
    assert listeners.is_free(port)


@pytest.mark.parametrize('options', ['', ' --brokers 3', ' --brokers 3 --secure'])
def test_a_taken_port_is_told_with_what_to_do(options: str, tmp_path: Path) -> None:
    """A taken port ends the foreground at once, with its number and a command with another port and folder, otherwise the same."""
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run(
            [sys.executable, '-m', 'broker', *options.split(), '--port', str(port)],
            cwd=tmp_path,
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert run.returncode == 1
    assert f'Port {port} is taken' in run.stderr
    assert run.stderr.endswith(
        f': python -m broker{options} --port {port + 100} --data .kafka/{port + 100}\n'
    )
    assert 'Traceback' not in run.stderr
    assert list(tmp_path.glob('.kafka')) == []


class Cluster:
    """Notes what it is told; broker 2 does not run."""

    nodes = range(1, 4)

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def _note(self, word: str, node: int) -> None:
        if node == 2:
            raise BrokerError('Broker 2 does not run.')
        self.told.append((word, node))

    def kill(self, node: int) -> None:
        self._note('kill', node)

    def pause(self, node: int) -> None:
        self._note('pause', node)

    def resume(self, node: int) -> None:
        self._note('resume', node)

    def restart(self, node: int) -> None:
        self._note('restart', node)

    def running(self, node: int) -> bool:
        return node != 2

    def env(self, listener: str = '', user: str = 'teacher') -> dict[str, str]:
        return {'KAFKA_LISTENER': listener, 'KAFKA_USER': user}

    def log(self, node: int = 1) -> Path:
        return Path(f'no-such-{node}.log')


@pytest.mark.parametrize(
    ('line', 'told', 'answer'),
    [
        ('kill 1', [('kill', 1)], 'Broker 1 is killed.'),
        ('  pause   3\n', [('pause', 3)], 'Broker 3 is frozen.'),
        ('resume 3', [('resume', 3)], 'Broker 3 goes on.'),
        ('restart 1', [('restart', 1)], 'Broker 1 runs again.'),
        ('kill 2', [], 'Broker 2 does not run.'),
        ('kill', [], 'Say which broker: kill 3'),
        ('kill one', [], 'Say which broker: kill 3'),
        ('kill 1 2', [], 'Say which broker: kill 3'),
        ('help', [], command_line.HELP),
        ('jump', [], "'jump' is no command here."),
        (
            'env plain visitor',
            [],
            "    export KAFKA_LISTENER='plain'\n    export KAFKA_USER='visitor'",
        ),
        ('\n', [], ''),
    ],
)
def test_commands_are_obeyed_or_answered(
    line: str, told: list[tuple[str, int]], answer: str
) -> None:
    """Each command does one thing to one broker; what is not understood is answered with what can be said."""
    cluster = Cluster()
    said = command_line.obey(cluster, line)
    assert cluster.told == told
    assert said.startswith(answer)
    assert bool(said) == bool(answer)


@pytest.mark.parametrize(
    ('line', 'sentence'),
    [
        (
            "INFO  Manager: [QuorumController id=1] CreateTopics result: CreatableTopic(name='chat', numPartitions=3): SUCCESS",
            'Topic chat was created, partitions: 3.',
        ),
        (
            'INFO  ReplicationControlManager: [QuorumController id=1] Replayed TopicRecord for topic t with topic ID W1vz.',
            '',
        ),
        (
            'WARN  QuorumController: [QuorumController id=1] Performing controller activation. The metadata log appears to be empty.',
            '',
        ),
        (
            'WARN  ReplicaManager: [ReplicaManager broker=1] the disk is slow',
            'Kafka warns: the disk is slow (ReplicaManager)',
        ),
        ('ERROR LogManager: it broke', 'Kafka reports an error: it broke (LogManager)'),
        (
            'WARN  NetworkClient: [RaftManager id=1] Connection to node 2 (localhost/127.0.0.1:21788) could not be established. Node',
            'Broker 2 cannot be reached by the others.',
        ),
        (
            'INFO  logger: Principal = User:visitor is Denied operation = WRITE from host = 127.0.0.1 on resource = Topic:LITERAL:chat for',
            'visitor was denied: no right to WRITE Topic chat.',
        ),
        (
            'INFO  Selector: [SocketServer nodeId=1] Failed authentication with /127.0.0.1 (channelId=127) (SSL handshake failed)',
            'A client at 127.0.0.1 was refused: SSL handshake failed.',
        ),
        (
            'WARN  NetworkClient: [NodeToControllerChannelManager id=1 name=heartbeat] Connection to node 1 (/127.0.0.1:25383) could not',
            '',
        ),
        (
            'org.apache.Some: The size of the current ISR : 1 is insufficient to satisfy the min.isr requirement of 2 for partition t-0',
            'Partition t-0 takes no messages now: in-sync replicas: 1, needed: 2.',
        ),
        (
            'WARN  ReplicaFetcherThread: [ReplicaFetcher replicaId=1, leaderId=2, fetcherId=0] Error in response for fetch request (type=F',
            '',
        ),
        (
            'WARN  ReplicaFetcherThread: [ReplicaFetcher replicaId=2, leaderId=3, fetcherId=0] Partition chat-0 marked as failed',
            '',
        ),
        (
            'ERROR ControllerApis: [ControllerApis nodeId=3] Unexpected error handling request RequestHeader(apiKey=BROKER_HEARTBEAT, api',
            '',
        ),
        (
            'ERROR KafkaApis: [KafkaApi-1] Unexpected error handling request RequestHeader(apiKey=PRODUCE, apiVersion=12)',
            'Kafka reports an error: Unexpected error handling request RequestHeader(apiKey=PRODUCE, apiVersion=12) (KafkaApis)',
        ),
        (
            "WARN  Manager: Auto topic creation failed for chat with error 'TOPIC_ALREADY_EXISTS': Topic 'chat' already exists..",
            '',
        ),
        (
            "WARN  Manager: Auto topic creation failed for chat with error 'INVALID_REPLICATION_FACTOR': too few brokers",
            "Kafka warns: Auto topic creation failed for chat with error 'INVALID_REPLICATION_FACTOR': too few brokers (Manager)",
        ),
        (
            'WARN  Manager: a group \x1b]0;owned\x07 came',
            r'Kafka warns: a group \x1b]0;owned\x07 came (Manager)',
        ),
        ('\tat java.base/java.lang.Thread.run(Thread.java:1474)', ''),
    ],
)
def test_the_log_is_put_into_a_learners_words(line: str, sentence: str) -> None:
    """Topics, warnings and refusals are told in a sentence each; the rest is left out."""
    assert log_messages.translate(line) == sentence


def test_a_log_is_followed_by_whole_lines(tmp_path: Path) -> None:
    """Half a line waits for its other half; a log that begins anew is read from its beginning."""
    path = tmp_path / 'log'
    tail = log_messages.Tail(path)
    assert tail.lines() == []
    path.write_text('one\ntw')
    assert tail.lines() == ['one']
    path.write_text('one\ntwo\n')
    assert tail.lines() == ['two']
    path.write_text('new\n')
    assert tail.lines() == ['new']


def test_a_broker_that_ends_by_itself_is_told(tmp_path: Path) -> None:
    """If the only broker ends without an order, the foreground ends with an error that shows the end of its log."""

    class Falling(Cluster):
        nodes = range(1, 2)
        looks = 0

        def running(self, node: int) -> bool:
            self.looks += 1
            return self.looks < 3

        def log(self, node: int = 1) -> Path:
            return tmp_path / 'log'

    (tmp_path / 'log').write_text('ERROR LogManager: no space left\n')
    with pytest.raises(BrokerError, match=r'(?s)Broker 1 ended by itself.*no space left'):
        command_line.run(Falling(), print)
