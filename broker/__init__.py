"""A real Apache Kafka on this machine, without Docker and without an installed Java.

Step 0 of the walkthrough: ``python -m broker`` runs it in the foreground on port 9092 and keeps its
data under ``.kafka/``. In a program or a test, ``with Broker() as kafka:`` runs one on a free port,
with a temporary folder, and nothing is left of it afterwards.

The one idea to take away: a broker is a process with a port and a folder. The folder is the commit
log; whoever has the folder has everything.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from broker import aot_cache, jvm, leaders, listeners, log_messages, ports, storage, users
from broker.installation import Installation, ensure_installed
from broker.listeners import client_settings, listener_properties
from broker.ports import PortTakenError
from broker.processes import Supervisor
from broker.server_properties import server_properties, write_properties
from broker.users import Credentials
from errors import BrokerError

if TYPE_CHECKING:
    from broker.enrolment import Enrolment

__all__ = ['Broker']

MOST_BROKERS = 9
PORT_ATTEMPTS = 4
KILL_TIMEOUT = 10.0  # seconds until a killed process is gone
STOP_GRACE = 3.5  # seconds that a broker has to put its data in order, before it is killed
ELECTION_TIMEOUT = 10.0  # seconds until partitions have leaders, after a cluster was down
ENROLMENT = 'enrolment'  # the port where learners get their settings, among those of listeners
READY_POLL_INTERVAL = 0.02  # seconds between two looks at the log of a broker that is starting


class Broker:
    """One Kafka, of one or more brokers, as child processes that never outlive this one.

    Args:
        brokers: how many; 3 make a cluster whose topics are kept three times.
        secure: whether clients need passwords or certificates, and are authorized by user;
            ``env()`` gives the settings for each listener.
        classroom: lets a class in over TLS, each learner with a password of their own: the address
            of this machine in its network, ``'192.168.1.7'``. ``enrolment`` hands them out.
        port: the first broker's port, the others' follow; by default free ones are found.
        data: the folder that keeps the data; by default a temporary one, removed at the end.
        properties: broker properties that win over ours, ``{'num.partitions': '3'}``.
        timeout: seconds that a start may take, apart from the first download.
        open_tls: whether all may do everything at the listener ``'tls'``, which asks for no login.

    Raises:
        BrokerError: that many brokers are not possible.

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
        classroom: str = '',
        port: int | None = None,
        data: str | Path | None = None,
        properties: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        open_tls: bool = False,
    ) -> None:
        if not 1 <= brokers <= MOST_BROKERS:
            raise BrokerError(
                f'brokers={brokers} does not work: use a number from 1 to {MOST_BROKERS}. '
                '3 are enough to see one fail.'
            )
        self.nodes = range(1, brokers + 1)
        self.quorum = brokers // 2 + 1  # so many must run, so that they can agree
        self.secure = secure or bool(classroom)
        self.classroom = classroom
        self.enrolment: Enrolment | None = None
        self.listeners = listeners.chosen(secure, classroom)
        self.credentials: Credentials | None = None
        self.data = None if data is None else Path(data).absolute() / self._shape()
        self.properties = dict(properties or {})
        self.timeout = timeout
        self.open_tls = open_tls
        self._port = port
        self._stop_grace = STOP_GRACE if data else 0.0
        self._aot_options: Sequence[str] | None = None
        self._installation: Installation
        self._supervisor: Supervisor | None = None
        self._locks = contextlib.ExitStack()
        self._ports: ports.PortTable = {}
        self._frozen: set[int] = set()

    def _shape(self) -> str:
        """The folder of this kind of Kafka: clusters of another shape have other data."""
        count = len(self.nodes)
        name = '1-broker' if count == 1 else f'{count}-brokers'
        if self.classroom:
            return f'{name}-classroom'
        return f'{name}-secure' if self.secure else name

    @property
    def bootstrap_servers(self) -> str:
        """The addresses for ``KAFKA_BOOTSTRAP_SERVERS``, comma-separated: ``'127.0.0.1:23456'``."""
        return self.env()['KAFKA_BOOTSTRAP_SERVERS']

    def env(self, listener: str = '', user: str = 'teacher') -> dict[str, str]:
        """The environment or `.env` of a client, ``{'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:9092'}``.

        Args:
            listener: of a secure broker: ``'scram512'`` (the default), ``'scram256'``, ``'plain'``,
                ``'tls'``, ``'mtls'``, ``'sasl-plaintext'``, ``'wrong-name'`` (mutual TLS, and the
                broker's certificate lacks its name) or ``'heroku'`` (the same, in Heroku's
                variables).
            user: ``'teacher'``, who may do everything, or ``'visitor'``, who may do nothing.

        Raises:
            BrokerError: there is no such listener or user, or the broker does not run.
        """
        self._require_running()
        name = listener or next(iter(self.listeners))
        return client_settings(name, user, self.listeners, self._ports, self.credentials)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start, and return when clients are served.

        Raises:
            BrokerError: Kafka could not be installed, a port or the folder is taken, or a broker
                ended; the message says what to do.
        """
        if self._supervisor:
            raise BrokerError('This Kafka is already running. Make another Broker() for a second.')
        self._check_ports()
        self._installation = ensure_installed(storage.format_template)
        if self._aot_options is None:
            aot_cache.train(self._installation, _TrainingBroker)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                self._start()
                self._open_enrolment()
                break
            except PortTakenError:  # since it was chosen
                self.stop()
                if attempt == PORT_ATTEMPTS:
                    raise
                time.sleep(0.1 * 2**attempt)
                self._check_ports()
            except BaseException:
                self.stop()
                raise
        return self

    def stop(self) -> None:
        """End the brokers, and remove the temporary folder. A second call does nothing."""
        enrolment, self.enrolment = self.enrolment, None
        if enrolment:
            enrolment.close()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor:
            supervisor.close()
        self._locks.close()

    def kill(self, node: int = 1) -> None:
        """End a broker at once, as a power cut would (SIGKILL).

        ``restart(node)`` starts it again.
        """
        supervisor = self._require_running(node)
        self._frozen.discard(node)
        supervisor.send_signal(node, 'SIGKILL')
        supervisor.wait_until_ended(node, KILL_TIMEOUT)

    def pause(self, node: int = 1) -> None:
        """Freeze a broker: its connections stay open and nothing answers (SIGSTOP).

        ``resume(node)`` lets it go on.
        """
        self._require_running(node).send_signal(node, 'SIGSTOP')
        self._frozen.add(node)

    def resume(self, node: int = 1) -> None:
        """Let a frozen broker go on (SIGCONT)."""
        self._require_running(node).send_signal(node, 'SIGCONT')
        self._frozen.discard(node)

    def restart(self, node: int = 1) -> None:
        """Stop a broker in good order, if it runs, and start it again on the same port and data.

        Returns when it serves clients. Where too few others run (``lacks_quorum()``), it cannot do
        that yet: then it is left running, and serves when enough of them are back.

        Raises:
            BrokerError: it did not start; the message says why.
        """
        supervisor = self._require_running(node)
        self._frozen.discard(node)
        if self.running(node):
            with contextlib.suppress(BrokerError):  # no SIGCONT on Windows, nor a frozen broker
                supervisor.send_signal(node, 'SIGCONT')
            supervisor.send_signal(node, 'SIGTERM')
            if not supervisor.wait_until_ended(node, STOP_GRACE):
                self.kill(node)
        lacked_quorum = self.lacks_quorum()
        others = [each for each in self.nodes if each != node and self._works(each)]
        self._launch(supervisor, node)
        if len(others) + 1 < self.quorum:
            self._wait_until_waiting(supervisor, node)
            return
        deadline = time.monotonic() + self.timeout
        for each in [node, *others]:  # those that waited for this one serve clients now, too
            self._wait_until_ready(supervisor, each, deadline)
        if lacked_quorum:
            self._elect_leaders([node, *others])

    def lacks_quorum(self) -> bool:
        """Whether fewer brokers run than must agree; those that do wait for the others."""
        return sum(self._works(node) for node in self.nodes) < self.quorum

    def _elect_leaders(self, alive: Sequence[int]) -> None:
        settings = self.env('sasl-plaintext' if self.listeners is listeners.SECURE else '')
        leaders.elect_leaders(
            {name.removeprefix('KAFKA_').lower(): value for name, value in settings.items()},
            lambda node: storage.node_folder(self._folder, node),
            alive,
            ELECTION_TIMEOUT,
        )

    def _works(self, node: int) -> bool:
        return self.running(node) and node not in self._frozen

    def running(self, node: int = 1) -> bool:
        """Whether the process of a broker is there, frozen or not."""
        return self.pid(node) is not None

    def pid(self, node: int = 1) -> int | None:
        """The process id of a broker; None if it does not run."""
        return self._require_running(node).pid(node)

    def log(self, node: int = 1) -> Path:
        """The file with the log of a broker."""
        return self._folder / f'node-{node}.log'

    @property
    def _folder(self) -> Path:
        """The folder with the data of all nodes."""
        return self.data or self._require_running().folder / 'data'

    def _require_running(self, node: int = 1) -> Supervisor:
        if node not in self.nodes:
            known = ', '.join(map(str, self.nodes))
            raise BrokerError(f'There is no broker {node} here. Say one of: {known}.')
        if not self._supervisor:
            raise BrokerError(
                'This Kafka does not run. Start it first: with Broker() as kafka: ...'
            )
        return self._supervisor

    def _check_ports(self) -> None:
        if self._port is not None:
            ports.check_ports(self._port_names(), self.nodes, self._port, self._options())

    def _port_names(self) -> list[str]:
        """What needs a port that others know: the listeners, and where a class gets in."""
        return [*self.listeners, *[ENROLMENT] * bool(self.classroom)]

    def _options(self) -> str:
        """The options of ``python -m broker`` for this kind of Kafka."""
        brokers = f' --brokers {len(self.nodes)}' if len(self.nodes) > 1 else ''
        if self.classroom:
            return f'{brokers} --classroom'
        return f'{brokers} --secure' if self.secure else brokers

    def _start(self) -> None:
        if self.data:
            self._locks.enter_context(storage.locked(self.data))
        self._supervisor = supervisor = Supervisor(jvm.java_environment(), self._stop_grace)
        self.credentials = storage.prepare(
            self._folder, self._installation, self.nodes, self.secure
        )
        if self.classroom and self.credentials:
            users.certify(self.credentials, self.classroom)
        self._ports = ports.choose_ports(self._port_names(), self.nodes, self._port)
        (supervisor.folder / 'log4j2.xml').write_text(log_messages.LOG4J, encoding='utf-8')
        for node in self.nodes:
            write_properties(supervisor.folder / f'{node}.properties', self._properties(node))
            self._launch(supervisor, node)
        deadline = time.monotonic() + self.timeout
        for node in self.nodes:
            self._wait_until_ready(supervisor, node, deadline)

    def _open_enrolment(self) -> None:
        if not self.classroom or not self.credentials:
            return
        from broker.classroom import Classroom
        from broker.enrolment import Enrolment

        classroom = Classroom(self.env())
        classroom.prepare()
        self.enrolment = Enrolment(
            classroom,
            self.classroom,
            self._ports[ENROLMENT][self.nodes[0]],
            self.credentials.server(),
            self.credentials.ca,
        )

    def _properties(self, node: int) -> dict[str, str]:
        """The contents of a node's ``server.properties``."""
        data = storage.node_folder(self._folder, node)
        common = (self.listeners, self._ports, self.credentials, self.open_tls)
        return {
            **listener_properties(node, *common),
            **server_properties(node, data, len(self.nodes), self.properties),
        }

    def _launch(self, supervisor: Supervisor, node: int) -> None:
        command = self._installation.command(
            f'-Dlog4j2.configurationFile={supervisor.folder / "log4j2.xml"}',
            f'-Djava.io.tmpdir={supervisor.folder}',
            'kafka.Kafka',
            supervisor.folder / f'{node}.properties',
            aot_options=self._aot_options,
        )
        supervisor.launch(node, command, self.log(node))

    def _wait_until_ready(self, supervisor: Supervisor, node: int, deadline: float) -> None:
        while True:
            # Looked at before the log is read, so that the last words of a broker are not missed.
            ended = supervisor.ended(node)
            text = self._read_log(node)
            if log_messages.is_ready(text):
                return
            if ended or time.monotonic() > deadline:
                raise self._start_error(node, text, ended=ended)
            time.sleep(READY_POLL_INTERVAL)

    def _wait_until_waiting(self, supervisor: Supervisor, node: int) -> None:
        """Wait until a broker looks for the others in vain. It is left running."""
        deadline = time.monotonic() + self.timeout
        while not log_messages.is_waiting(self._read_log(node)):
            ended = supervisor.ended(node)
            if ended or time.monotonic() > deadline:
                raise self._start_error(node, self._read_log(node), ended=ended)
            time.sleep(READY_POLL_INTERVAL)

    def _read_log(self, node: int) -> str:
        log = self.log(node)
        return log.read_text(encoding='utf-8', errors='replace') if log.exists() else ''

    def _start_error(self, node: int, log: str, *, ended: bool) -> BrokerError:
        """Why a broker does not serve clients, and what to do about it."""
        port = next(iter(self._ports.values()))[node]
        cause = log_messages.exit_cause(log)
        if cause == 'port':
            return PortTakenError(port, self._options())
        if cause == 'folder':
            return storage.in_use(self._folder)
        if cause == 'crash':
            self._installation.aot_cache.unlink(missing_ok=True)
            return BrokerError(
                'Java crashed, perhaps over its ahead-of-time cache. '
                'The cache was removed: start again, and it is made anew.'
            )
        if not ended:
            what = f'Kafka was not ready after {self.timeout:g} s'
            advice = 'Is this machine busy? Try again, or give it more time: timeout=120.'
        else:
            what = 'Kafka ended while it was starting'
            advice = 'Try again, with fewer properties= if there are any.'
            if self.data:
                advice = str(storage.damaged(self._folder, 'perhaps; its log says more'))
        return BrokerError(
            f'{what} (broker {node}, port {port}). {advice} '
            f'The end of its log:{log_messages.last_lines(log)}'
        )


class _TrainingBroker(Broker):
    """A broker that runs to have an ahead-of-time cache made, with these options of the JVM."""

    def __init__(self, options: tuple[str, ...]) -> None:
        super().__init__()
        self._aot_options = options
        self._stop_grace = 60.0  # seconds; Java writes the record when it ends
