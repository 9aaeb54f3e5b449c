"""A real Apache Kafka on this machine, without Docker and without an installed Java.

Step 0 of the walkthrough: ``python -m broker`` runs it in the foreground on port 9092, its data kept under ``.kafka/``. In a program or a
test, ``with Broker() as kafka:`` runs one on a free port, with a temporary folder, gone afterwards.

The one idea to take away: a broker is a process with a port and a folder. The folder is the commit log; whoever has it has everything.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import jvm
import kafkalog
import listeners
import storage
from errors import BrokerError

__all__ = ['Broker']

GUARD = Path(__file__).with_name('guard.py')
PORT_ATTEMPTS = 4


class Broker:
    """One Kafka, of one broker or more, as child processes that never outlive this one.

    Args:
        brokers: how many; 3 make a cluster with topics replicated three times.
        port: the first broker's port, the others' follow; by default free ones are found.
        data: the folder that keeps the data; by default a temporary one that is removed at the end.
        properties: broker properties that win over ours, ``{'num.partitions': '3'}``.
        timeout: seconds that a start may take, apart from the first download.

    Example:
        >>> from broker import Broker
        >>> with Broker() as kafka:
        ...     kafka.bootstrap_servers
        '127.0.0.1:23456'
    """

    def __init__(
        self,
        brokers: int = 1,
        *,
        port: int | None = None,
        data: str | Path | None = None,
        properties: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> None:
        if not 1 <= brokers <= 9:
            raise BrokerError(f'A cluster of {brokers} brokers? Say brokers=1 to 9; 3 are enough to see one fail.')
        self.nodes = range(1, brokers + 1)
        self.port = port
        self.data = None if data is None else Path(data).absolute()
        self.properties = dict(properties or {})
        self.timeout = timeout
        self.grace = 0.0 if data is None else 3.5
        self._aot: tuple[str, ...] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._ports: dict[int, int] = {}
        self._owner = 0

    @property
    def bootstrap_servers(self) -> str:
        """The addresses for ``KAFKA_BOOTSTRAP_SERVERS``: ``'127.0.0.1:23456'``, comma-separated if there are several brokers."""
        return ','.join(f'{listeners.HOST}:{self._ports[node]}' for node in self.nodes)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start, and return when clients are served.

        Raises:
            BrokerError: Kafka could not be installed, a port or the folder is taken, or a broker ended; the message says what to do.
        """
        if self._guard:
            raise BrokerError('This broker runs already. Make another Broker() for a second one.')
        installation = jvm.install(storage.make_template)
        if self._aot is None:
            _train(installation)
        for attempt in range(PORT_ATTEMPTS):
            try:
                self._start(installation)
            except _PortTakenError:
                self.stop()
                if self.port or attempt == PORT_ATTEMPTS - 1:
                    raise
                time.sleep(0.2 * 2**attempt)
            except BaseException:
                self.stop()
                raise
            else:
                break
        return self

    def _start(self, installation: jvm.Installation) -> None:
        self._choose_ports()
        self._run = Path(tempfile.mkdtemp(prefix='kafka-workshop-'))
        (self._run / 'log4j2.xml').write_text(kafkalog.LOG4J, encoding='utf-8')
        self._owner = os.getpid()
        self._guard = subprocess.Popen(
            [sys.executable, '-I', '-S', str(GUARD), str(self._run), str(self._owner), str(self.grace), 'remove'],
            stdin=subprocess.PIPE,
            env=jvm.environment(),
            start_new_session=True,
        )
        self._installation = installation
        cluster = storage.new_id()
        for node in self.nodes:
            folder = (self.data or self._run) / f'node-{node}'
            storage.prepare(folder, installation.template, node, cluster)
            text = listeners.properties(node, self._ports, self._controllers, str(folder), self.properties)
            (self._run / f'{node}.properties').write_text(text, encoding='utf-8')
            self._launch(node)
        deadline = time.monotonic() + self.timeout
        for node in self.nodes:
            self._wait_until_ready(node, deadline)

    def _choose_ports(self) -> None:
        if self.port:
            self._ports = {node: self.port + node - 1 for node in self.nodes}
            for port in self._ports.values():
                if not listeners.port_is_free(port):
                    raise _PortTakenError(_port_taken(port))
        else:
            self._ports = {}
            for node in self.nodes:
                self._ports[node] = listeners.free_port(self._ports.values())
        self._controllers: dict[int, int] = {}
        for node in self.nodes:
            self._controllers[node] = listeners.free_port([*self._ports.values(), *self._controllers.values()])

    def log(self, node: int = 1) -> Path:
        """The file with the log of one broker."""
        return (self.data or self._run) / f'node-{node}.log'

    def _launch(self, node: int) -> None:
        assert self._guard and self._guard.stdin
        (self._run / f'{node}.exit').unlink(missing_ok=True)
        self.log(node).unlink(missing_ok=True)
        options = (f'-Dlog4j2.configurationFile={self._run / "log4j2.xml"}', f'-Djava.io.tmpdir={self._run}')
        command = self._installation.command(*options, 'kafka.Kafka', self._run / f'{node}.properties', aot=self._aot)
        order = {'node': node, 'command': command, 'log': str(self.log(node))}
        self._guard.stdin.write(json.dumps(order).encode() + b'\n')
        self._guard.stdin.flush()

    def _wait_until_ready(self, node: int, deadline: float) -> None:
        assert self._guard
        log, exited = self.log(node), self._run / f'{node}.exit'
        while True:
            over = exited.exists() or self._guard.poll() is not None or time.monotonic() > deadline
            text = log.read_text(encoding='utf-8', errors='replace') if log.exists() else ''
            if kafkalog.is_ready(text):
                return
            if over:
                raise self._failure(node, text)
            time.sleep(0.02)

    def _failure(self, node: int, text: str) -> BrokerError:
        cause = kafkalog.ended_because(text)
        if cause == 'port':
            return _PortTakenError(_port_taken(self._ports[node]))
        folder = (self.data or self._run) / f'node-{node}'
        if cause == 'folder':
            return BrokerError(storage.in_use(folder))
        if (self._run / f'{node}.exit').exists():
            what = f'Kafka ended while it was starting (broker {node}, port {self._ports[node]}).'
        else:
            what = f'Kafka was not ready after {self.timeout:g} s (broker {node}, port {self._ports[node]}).'
        cure = f'If it happens again, move the folder {folder} away or delete it.' if self.data else 'Try again.'
        return BrokerError(f'{what} {cure} The end of its log:{kafkalog.last_lines(text)}')

    def stop(self) -> None:
        """End the brokers, and remove the temporary folder. A second call does nothing."""
        guard, self._guard = self._guard, None
        if guard is None or self._owner != os.getpid():
            return
        assert guard.stdin
        with contextlib.suppress(OSError):
            guard.stdin.close()
        try:
            guard.wait(self.grace + 5.0)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
        shutil.rmtree(self._run, ignore_errors=True)


class _PortTakenError(BrokerError):
    """Another process listens on that port."""


def _port_taken(port: int) -> str:
    return (
        f'Port {port} is taken by another process: perhaps a broker runs already, then just use it. '
        f'If not, end that process, or start on another port: python -m broker --port {port + 10}'
    )


def _train(installation: jvm.Installation) -> None:
    """Make the ahead-of-time cache, once: record what a broker loads while it works, then have the JVM write it down."""
    never = installation.aot.with_suffix('.failed')
    if installation.aot.exists() or never.exists():
        return
    with jvm.held(installation.folder / 'aot.lock'):
        if installation.aot.exists() or never.exists():
            return
        jvm.say('Preparing Kafka for quick starts, once (about 15 s) ...', end='')
        began = time.monotonic()
        draft = installation.aot.with_suffix('.draft')
        record = installation.aot.with_suffix('.record')
        try:
            trainee = Broker()
            trainee.grace = 60.0
            trainee._aot = ('-XX:AOTMode=record', f'-XX:AOTConfiguration={record}')
            with trainee:
                _exercise(trainee.bootstrap_servers)
            create = ('-XX:AOTMode=create', f'-XX:AOTConfiguration={record}', f'-XX:AOTCache={draft}')
            command = installation.command('kafka.Kafka', aot=create)
            subprocess.run(command, env=jvm.environment(), check=True, capture_output=True, timeout=120)
            draft.replace(installation.aot)
        except (BrokerError, OSError, subprocess.SubprocessError) as error:
            never.write_text(f'{error}\nDelete this file to try again.\n', encoding='utf-8')
            jvm.say('Kafka runs without its quick starts.')
        else:
            jvm.say(f'Kafka is prepared for quick starts ({time.monotonic() - began:.0f} s).')
        finally:
            for path in (draft, record):
                path.unlink(missing_ok=True)


def _exercise(servers: str) -> None:
    import kafka

    producer = kafka.KafkaProducer(bootstrap_servers=servers, transactional_id='train')
    producer.init_transactions()
    producer.begin_transaction()
    producer.send('train', b'value', b'key').get(10)
    producer.commit_transaction()
    producer.close()
    consumer = kafka.KafkaConsumer('train', bootstrap_servers=servers, group_id='train', auto_offset_reset='earliest', consumer_timeout_ms=5000)
    next(consumer)
    consumer.commit()
    consumer.close()
