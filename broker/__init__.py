"""A real Apache Kafka on this machine, without Docker and without an installed Java.

Step 0 of the walkthrough: ``python -m broker`` runs it in the foreground on port 9092, its data kept under ``.kafka/``. In a program or a
test, ``with Broker() as kafka:`` runs one on a free port, with a temporary folder, gone afterwards.

The one idea to take away: a broker is a process with a port and a folder. The folder is the commit log; whoever has it has everything.
"""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from broker import aot_cache, jvm, listeners, log_messages, storage
from broker.listeners import PortTakenError
from broker.processes import Guard
from broker.users import Passes
from errors import BrokerError

__all__ = ['Broker']

PORT_ATTEMPTS = 4
STOP = 3.5  # seconds that a broker has to put its data in order, before it is ended


class Broker:
    """One Kafka, of one broker or more, as child processes that never outlive this one.

    Args:
        brokers: how many; 3 make a cluster with topics replicated three times.
        secure: whether clients need passwords or certificates, and rights; ``env()`` says what to say at each door.
        port: the first broker's port, the others' follow; by default free ones are found.
        data: the folder that keeps the data; by default a temporary one that is removed at the end.
        properties: broker properties that win over ours, ``{'num.partitions': '3'}``.
        timeout: seconds that a start may take, apart from the first download.

    Example:
        >>> from broker import Broker
        >>> with Broker() as kafka:
        ...     kafka.bootstrap_servers
        '127.0.0.1:...'
    """

    def __init__(
        self,
        brokers: int = 1,
        secure: bool = False,
        *,
        port: int | None = None,
        data: str | Path | None = None,
        properties: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> None:
        if not 1 <= brokers <= 9:
            raise BrokerError(
                f'brokers={brokers} does not work: say a number from 1 to 9. 3 are enough to see one fail.'
            )
        self.nodes = range(1, brokers + 1)
        self.doors = listeners.SECURE if secure else listeners.OPEN
        self.passes: Passes | None = None
        shape = ('1-broker' if brokers == 1 else f'{brokers}-brokers') + (
            '-secure' if secure else ''
        )
        self.data = None if data is None else Path(data).absolute() / shape
        self.properties = dict(properties or {})
        self.timeout = timeout
        self._port = port
        self._grace = STOP if data else 0.0
        self._aot: tuple[str, ...] | None = None
        self._guard: Guard | None = None
        self._holding = contextlib.ExitStack()
        self._ports: dict[str, dict[int, int]] = {}

    @property
    def bootstrap_servers(self) -> str:
        """The addresses for ``KAFKA_BOOTSTRAP_SERVERS``: ``'127.0.0.1:23456'``, comma-separated if there are several brokers."""
        return self.env()['KAFKA_BOOTSTRAP_SERVERS']

    def env(self, listener: str = '', user: str = 'teacher') -> dict[str, str]:
        """What belongs into the environment or `.env` of a client: ``{'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:23456', ...}``.

        Args:
            listener: of a secure broker: ``'scram512'`` (the default), ``'scram256'``, ``'plain'``, ``'tls'``, ``'mtls'``,
                ``'sasl-plaintext'``, ``'wrong-name'`` (mutual TLS, the broker's certificate lacks its name) or ``'heroku'`` (the same,
                said in Heroku's variables).
            user: ``'teacher'``, who may do everything, or ``'visitor'``, who may do nothing.

        Raises:
            BrokerError: there is no such listener or user, or the broker does not run.
        """
        self._guarding(1)
        return listeners.client_settings(
            listener or next(iter(self.doors)), user, self.doors, self._ports, self.passes
        )

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
        self._refuse_taken_ports()
        self._installation = jvm.install(storage.make_template)
        if self._aot is None:
            aot_cache.train(self._installation, _Trainee)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                self._start()
                break
            except BaseException as error:
                self.stop()
                if not isinstance(error, PortTakenError) or attempt == PORT_ATTEMPTS:
                    raise
                time.sleep(0.1 * 2**attempt)
                self._refuse_taken_ports()
        return self

    def stop(self) -> None:
        """End the brokers, and remove the temporary folder. A second call does nothing."""
        guard, self._guard = self._guard, None
        if guard:
            guard.close()
        self._holding.close()

    def kill(self, node: int = 1) -> None:
        """End a broker at once, as a power cut would (SIGKILL). ``restart(node)`` starts it again."""
        guard = self._guarding(node)
        guard.signal(node, 'SIGKILL')
        guard.wait_until_ended(node, 10.0)

    def pause(self, node: int = 1) -> None:
        """Freeze a broker: its connections stay open and nothing answers. ``resume(node)`` lets it go on."""
        self._guarding(node).signal(node, 'SIGSTOP')

    def resume(self, node: int = 1) -> None:
        """Let a frozen broker go on."""
        self._guarding(node).signal(node, 'SIGCONT')

    def restart(self, node: int = 1) -> None:
        """End a broker in good order, if it still runs, and start it again on the same port and data; return when it serves."""
        guard = self._guarding(node)
        if self.running(node):
            with contextlib.suppress(BrokerError):
                guard.signal(node, 'SIGCONT')
            guard.signal(node, 'SIGTERM')
            if not guard.wait_until_ended(node, STOP):
                self.kill(node)
        self._launch(guard, node)
        self._wait_until_ready(guard, node, time.monotonic() + self.timeout)

    def running(self, node: int = 1) -> bool:
        """Whether the process of a broker is there, frozen or not."""
        return self.pid(node) is not None

    def pid(self, node: int = 1) -> int | None:
        """The process id of a broker; None if it does not run."""
        return self._guarding(node).pid(node)

    def log(self, node: int = 1) -> Path:
        """The file with the log of a broker."""
        return self._folder / f'node-{node}.log'

    @property
    def _folder(self) -> Path:
        return self.data or self._guarding(1).folder / 'data'

    def _guarding(self, node: int) -> Guard:
        if node not in self.nodes:
            raise BrokerError(
                f'There is no broker {node} here. Say one of: {", ".join(map(str, self.nodes))}.'
            )
        if not self._guard:
            raise BrokerError(
                'This Kafka does not run. Start it first: with Broker() as kafka: ...'
            )
        return self._guard

    def _refuse_taken_ports(self) -> None:
        if self._port is not None:
            listeners.refuse_taken_ports(list(self.doors), self.nodes, self._port)

    def _start(self) -> None:
        if self.data:
            self._holding.enter_context(storage.taken(self.data))
        self._guard = guard = Guard(jvm.environment(), self._grace)
        self.passes = storage.prepare(
            self._folder, self._installation, self.nodes, self.doors is listeners.SECURE
        )
        self._ports = listeners.choose_ports(list(self.doors), self.nodes, self._port)
        (guard.folder / 'log4j2.xml').write_text(log_messages.LOG4J, encoding='utf-8')
        for node in self.nodes:
            values = listeners.door_properties(node, self.doors, self._ports, self.passes)
            values |= storage.properties(node, self._folder, len(self.nodes), self.properties)
            storage.write_properties(guard.folder / f'{node}.properties', values)
            self._launch(guard, node)
        deadline = time.monotonic() + self.timeout
        for node in self.nodes:
            self._wait_until_ready(guard, node, deadline)

    def _launch(self, guard: Guard, node: int) -> None:
        options = (
            f'-Dlog4j2.configurationFile={guard.folder / "log4j2.xml"}',
            f'-Djava.io.tmpdir={guard.folder}',
        )
        command = self._installation.command(
            *options, 'kafka.Kafka', guard.folder / f'{node}.properties', aot=self._aot
        )
        guard.launch(node, command, self.log(node))

    def _wait_until_ready(self, guard: Guard, node: int, deadline: float) -> None:
        log = self.log(node)
        while True:
            over = guard.ended(node) or time.monotonic() > deadline
            text = log.read_text(encoding='utf-8', errors='replace') if log.exists() else ''
            if log_messages.is_ready(text):
                return
            if over:
                raise self._failure(guard, node, text)
            time.sleep(0.02)

    def _port_of(self, node: int) -> int:
        return next(iter(self._ports.values()))[node]

    def _failure(self, guard: Guard, node: int, text: str) -> BrokerError:
        cause = log_messages.ended_because(text)
        if cause == 'port':
            return PortTakenError(self._port_of(node), list(self.doors), self.nodes)
        if cause == 'folder':
            return BrokerError(storage.in_use(self._folder))
        if cause == 'crash':
            self._installation.aot.unlink(missing_ok=True)
            return BrokerError(
                'Java crashed, perhaps over its ahead-of-time cache. That was removed: start again, and it is made anew.'
            )
        where = f'broker {node}, port {self._port_of(node)}'
        if not guard.ended(node):
            what = f'Kafka was not ready after {self.timeout:g} s ({where}). Is this machine busy? Try again, or give it time: timeout=120.'
        elif self.data:
            what = f'Kafka ended while it was starting ({where}). {storage.damaged(self._folder, "perhaps; its log tells")}'
        else:
            what = f'Kafka ended while it was starting ({where}). Try again, with fewer properties= if there are any.'
        return BrokerError(f'{what} The end of its log:{log_messages.last_lines(text)}')


class _Trainee(Broker):
    def __init__(self, options: tuple[str, ...]) -> None:
        super().__init__()
        self._aot = options
        self._grace = 60.0  # what it loaded is written down at its end
