"""The console of a broker in the foreground: the commands that can be typed, and what is printed.

Used in step 0 by ``python -m broker``, and in ``docs/break-it.md``. The one idea to take away:
most of what there is to learn about a cluster, one learns by breaking it.
"""

import contextlib
import os
import queue
import shlex
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from broker.enrolment import Enrolment, new_phrase
from broker.monitor import ClusterMonitor, ObservedCluster
from broker.remote import Remote
from errors import BrokerError

__all__ = [
    'DEFAULT_PORT',
    'HELP',
    'Cluster',
    'execute',
    'export_lines',
    'run',
    'welcome',
    'welcome_class',
]

DEFAULT_PORT = 9092
NUMBERS = 'none one two three four five six seven eight nine'.split()  # noqa: SIM905
POLL_INTERVAL = 0.2  # seconds between two looks at the brokers, while nothing is typed
HELP = """\
    kill 1       end broker 1 as a power cut would (kill -9); what was acknowledged is not lost
    pause 1      freeze broker 1: its connections stay open and nothing answers
    resume 1     let broker 1 go on
    restart 1    end and start broker 1 again, on the same port and data
    env plain visitor    the settings for a client, by listener and user of a secure broker
    help         this list
    quit         end all (Ctrl-C does the same)"""
CLASS_HELP = """\
    learners     who is in the class
    phrase       the phrase of the class; with it, one takes a name
    phrase new   another phrase, from now on
    forget red   take the password of red away, so that the name is free; red's topics stay
"""


class Cluster(ObservedCluster, Protocol):
    """What the commands need of a broker."""

    quorum: int
    enrolment: Enrolment | None

    def env(self, listener: str = '', user: str = 'teacher') -> dict[str, str]:
        """The settings for a client."""

    def kill(self, node: int) -> None:
        """End a node at once."""

    def pause(self, node: int) -> None:
        """Freeze a node."""

    def resume(self, node: int) -> None:
        """Let a frozen node go on."""

    def restart(self, node: int) -> None:
        """End a node and start it again."""

    def lacks_quorum(self) -> bool:
        """Whether fewer nodes run than must."""


def export_lines(settings: Mapping[str, str]) -> str:
    """Settings as lines for `.env` or a shell: ``    export KAFKA_SASL_MECHANISM='PLAIN'``."""
    return ''.join(f"    export {name}='{value}'\n" for name, value in settings.items())


def welcome(settings: Mapping[str, str], data: str, seconds: float) -> str:
    """What to print when the broker is ready: where it is, and what to type next.

    Args:
        settings: what a client needs, as in ``Broker.env``.
        data: the folder that keeps the messages.
        seconds: how long the start took.
    """
    servers = settings['KAFKA_BOOTSTRAP_SERVERS'].replace('127.0.0.1', 'localhost')
    next_step = 'In another terminal:\n\n'
    if settings != {'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{DEFAULT_PORT}'}:
        next_step = (
            'In another terminal (or put the export lines into .env):\n\n'
            + export_lines(settings)
            + '\n'
        )
    return (
        f'Kafka is ready on {servers} after {seconds:.1f} s. Its messages are kept in {data}.\n'
        'Type help for the commands that work here. Ctrl-C ends Kafka.\n'
        f'{next_step}'
        f'{activation(Path(sys.prefix), Path.cwd()) if sys.prefix != sys.base_prefix else ""}'
        '    python\n'
        '    >>> from producer import send_msg\n'
        "    >>> promise = send_msg(topic='human-messages', key='red', value={'some': 'dict'})\n"
    )


def welcome_class(enrolment: Enrolment, servers: str, env_file: str, seconds: float) -> str:
    """What to print when a class's broker is ready: what learners type, and what the teacher does.

    Nothing in it is a secret: it may stand on the wall.

    Args:
        enrolment: where learners get their settings.
        servers: the address of Kafka.
        env_file: the file with the teacher's settings.
        seconds: how long the start took.
    """
    return (
        f'Kafka is ready for a class on {servers} after {seconds:.1f} s. Each learner types once:\n'
        f'\n    python -m settings --class {enrolment.address}\n\n'
        'and then a name, and the phrase of the class. Say it aloud; it need not stand on a wall.\n'
        'Type phrase to see it, and help for the other commands. Ctrl-C ends Kafka.\n'
        'The settings of the teacher, who may do everything, are in a file. In another terminal:\n'
        f"\n    export WORKSHOP_ENV_FILE='{env_file}'\n"
    )


def activation(environment: Path, folder: Path) -> str:
    """The line that activates a virtual environment in another terminal, opened in a folder."""
    if environment.is_relative_to(folder):
        environment = environment.relative_to(folder)
    if os.name == 'nt':
        return f'    {environment}\\Scripts\\Activate.ps1\n'
    return f'    source {shlex.quote(str(environment))}/bin/activate\n'


def execute(cluster: Cluster, line: str) -> str:
    """Execute a command and return what to print.

    ``execute(kafka, 'kill 2')`` is ``'Broker 2 was killed.'``.

    Args:
        cluster: the brokers.
        line: what was typed.
    """
    word, *arguments = line.split() or ['']
    actions: dict[str, tuple[Callable[[int], None], str]] = {
        'kill': (cluster.kill, 'was killed'),
        'pause': (cluster.pause, 'is paused'),
        'resume': (cluster.resume, 'was resumed'),
        'restart': (cluster.restart, 'was restarted'),
    }
    if not word:
        return ''
    if word == 'help':
        return CLASS_HELP * bool(cluster.enrolment) + HELP
    try:
        answer = _class_answer(cluster.enrolment, word, arguments) if cluster.enrolment else ''
        if answer:
            return answer
        if word == 'env':
            return export_lines(cluster.env(*arguments[:2])).rstrip()
        if word in actions:
            node = _parse_node(cluster, arguments)
            if node is None:
                return f'Say which broker: {word} {cluster.nodes[-1]}'
            action, done = actions[word]
            action(node)
            if word == 'restart' and cluster.lacks_quorum():
                return _waits(node, cluster)
            return f'Broker {node} {done}.'
    except BrokerError as error:
        return str(error)
    return f'{line.strip()!r} is not a command. The commands are:\n{HELP}'


def _class_answer(enrolment: Enrolment, word: str, arguments: Sequence[str]) -> str:
    """What is answered to a command about the class; '' if it is none."""
    if word == 'env':
        return 'Passwords are not shown in a class. Yours is in the file that is named above.'
    if word == 'phrase':
        if arguments == ['new']:
            enrolment.phrase = new_phrase()
        return f'The phrase of the class is: {enrolment.phrase}'
    if word == 'learners':
        names = enrolment.classroom.names()
        return f'{len(names)} in the class: {", ".join(names)}' if names else 'Nobody yet.'
    if word == 'forget':
        if len(arguments) != 1:
            return 'Say who: forget NAME'
        enrolment.classroom.forget(arguments[0])
        return f'{arguments[0]} is no longer in the class, and the name is free.'
    return ''


def _waits(node: int, cluster: Cluster) -> str:
    """What is said of a broker that runs, and cannot serve anybody before others do."""
    running = sum(cluster.running(each) for each in cluster.nodes)
    whom = 'another' if running + 1 == cluster.quorum else 'others'
    needed, of = NUMBERS[cluster.quorum], NUMBERS[len(cluster.nodes)]
    return f'Broker {node} waits for {whom}: {needed} of {of} are needed.'


def _parse_node(cluster: Cluster, arguments: Sequence[str]) -> int | None:
    """The broker that a command names; the only one, if there is one; None if that is not clear."""
    if not arguments and len(cluster.nodes) == 1:
        return cluster.nodes[0]
    if len(arguments) == 1 and arguments[0].isdecimal():
        return int(arguments[0])
    return None


def run(
    cluster: Cluster, show: Callable[[str], None] = print, remote: Remote | None = None
) -> None:
    """Print what happens to the brokers and execute what is typed, here or by the chat room.

    It ends with ``quit``, Ctrl-C, or the end of the only broker.

    Args:
        cluster: the brokers, already running.
        show: prints a text.
        remote: gives the commands from another program.

    Raises:
        BrokerError: the only broker ended by itself.
    """
    typed: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(typed,), name='console', daemon=True).start()
    monitor = ClusterMonitor(cluster)
    while True:
        with contextlib.suppress(queue.Empty):
            line = typed.get(timeout=POLL_INTERVAL)
            if line.strip() in {'quit', 'exit'}:
                return
            answer = execute(cluster, line)
            if answer:
                show(answer)
            monitor.note_running()
        for line in remote.lines() if remote else ():
            show(f'{line}: {execute(cluster, line)}')
            monitor.note_running()
        for sentence in monitor.news():
            show(sentence)
        if cluster.enrolment:
            for sentence in cluster.enrolment.news():
                show(sentence)


def _read_lines(typed: 'queue.SimpleQueue[str]') -> None:
    # There may be no standard input, or it may be the terminal of a program in the background.
    with contextlib.suppress(OSError, ValueError):
        for line in sys.stdin:
            typed.put(line)
