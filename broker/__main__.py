"""A broker in the foreground: what ``python -m broker`` prints, and the commands that can be typed while it runs.

Used by ``broker.py``. The one idea to take away: most of what there is to learn about a cluster, one learns by breaking it.
"""

import argparse
import contextlib
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from broker import Broker, log_messages
from errors import BrokerError

__all__ = ['HELP', 'Cluster', 'exports', 'main', 'obey', 'run', 'welcome']

PORT = 9092
AGAIN = 30.0  # seconds of silence before the same sentence is printed again
HELP = """\
    kill 1       end broker 1 as a power cut would (kill -9); what was acknowledged is not lost
    pause 1      freeze broker 1: its connections stay open and nothing answers
    resume 1     go on
    restart 1    end and start broker 1 again, on the same port and data
    env plain visitor    what a client has to say at a listener of a secure broker, and as whom
    help         this list
    quit         end all (Ctrl-C does the same)"""


class Cluster(Protocol):
    """What the commands need of a broker."""

    nodes: range

    def env(self, listener: str = '', user: str = 'teacher') -> dict[str, str]:
        """What a client has to say."""

    def kill(self, node: int) -> None:
        """End a node at once."""

    def pause(self, node: int) -> None:
        """Freeze a node."""

    def resume(self, node: int) -> None:
        """Let a frozen node go on."""

    def restart(self, node: int) -> None:
        """End a node and start it again."""

    def running(self, node: int) -> bool:
        """Whether its process is there."""

    def log(self, node: int) -> Path:
        """Its log."""


def exports(settings: Mapping[str, str]) -> str:
    """Settings as lines for `.env` or a shell: ``    export KAFKA_BOOTSTRAP_SERVERS='127.0.0.1:9192'``."""
    return ''.join(f"    export {name}='{value}'\n" for name, value in settings.items())


def welcome(settings: Mapping[str, str], data: str, seconds: float) -> str:
    """What to print when the broker is ready: where it is, and what to type next."""
    servers = settings['KAFKA_BOOTSTRAP_SERVERS']
    elsewhere = (
        '' if settings == {'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{PORT}'} else exports(settings)
    )
    return (
        f'Kafka is ready on {servers.replace("127.0.0.1", "localhost")} after {seconds:.1f} s. Its messages are kept in {data}. '
        'Ctrl-C ends it, help lists what else can be typed here.\n'
        f'Now in another terminal{" (or the export lines into .env)" if elsewhere else ""}:\n\n{elsewhere}'
        '    python\n'
        '    >>> from producer import send_msg\n'
        "    >>> promise = send_msg(topic='human-messages', key='red', value={'some': 'dict'})\n"
    )


def obey(cluster: Cluster, line: str) -> str:
    """Do what was typed and return what to print about it: ``obey(kafka, 'kill 2')`` is ``'Broker 2 is killed.'``."""
    word, *rest = line.split() or ['']
    doings: dict[str, tuple[Callable[[int], None], str]] = {
        'kill': (cluster.kill, 'is killed'),
        'pause': (cluster.pause, 'is frozen'),
        'resume': (cluster.resume, 'goes on'),
        'restart': (cluster.restart, 'runs again'),
    }
    if word == 'help':
        return HELP
    if word == 'env':
        try:
            return exports(cluster.env(*rest[:2])).rstrip()
        except BrokerError as error:
            return str(error)
    if word not in doings:
        return f'{line.strip()!r} is no command here. These are:\n{HELP}' if word else ''
    only_one = len(cluster.nodes) == 1
    if len(rest) > 1 or not (rest or only_one) or not all(each.isdecimal() for each in rest):
        return f'Say which broker: {word} {cluster.nodes[-1]}'
    node = int(rest[0]) if rest else 1
    do, done = doings[word]
    try:
        do(node)
    except BrokerError as error:
        return str(error)
    return f'Broker {node} {done}.'


def run(cluster: Cluster, show: Callable[[str], None] = print) -> None:
    """Print what the brokers say and do what is typed, until ``quit``, Ctrl-C or the end of all brokers.

    Raises:
        BrokerError: all brokers ended by themselves.
    """
    typed: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(typed,), name='console', daemon=True).start()
    news = _News(cluster)
    while True:
        with contextlib.suppress(queue.Empty):
            line = typed.get(timeout=0.2)
            if line.strip() in {'quit', 'exit'}:
                return
            if answer := obey(cluster, line):
                show(answer)
            news.expect()
        for text in news.look():
            show(text)


class _News:
    """What the logs say since the last look, each sentence once in a while; and who ended by himself."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._tails = {node: log_messages.Tail(cluster.log(node)) for node in cluster.nodes}
        self._told: dict[str, float] = {}
        for tail in self._tails.values():
            tail.lines()
        self.expect()

    def expect(self) -> None:
        """Note who runs now: what changed until now was ordered."""
        self._up = {node for node in self._cluster.nodes if self._cluster.running(node)}

    def look(self) -> Iterator[str]:
        now = time.monotonic()
        for node, tail in self._tails.items():
            for text in filter(None, map(log_messages.translate, tail.lines())):
                if now - self._told.get(text, -AGAIN) >= AGAIN:
                    yield text
                self._told[text] = now
            if node in self._up and not self._cluster.running(node):
                self._up.discard(node)
                text = self._cluster.log(node).read_text(encoding='utf-8', errors='replace')
                ended = f'Broker {node} ended by itself. The end of its log:{log_messages.last_lines(text)}'
                if len(self._tails) == 1:
                    raise BrokerError(ended)
                yield ended


def _read_lines(typed: 'queue.SimpleQueue[str]') -> None:
    with contextlib.suppress(
        OSError, ValueError
    ):  # in the background of a shell, or without a standard input
        for line in sys.stdin:
            typed.put(line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Kafka in the foreground until Ctrl-C: ``python -m broker --help`` lists the options.

    Args:
        arguments: by default those of the command line.
    """
    parser = argparse.ArgumentParser(
        'python -m broker', description='A real Apache Kafka on this machine, until Ctrl-C.'
    )
    parser.add_argument(
        '--port', type=int, default=PORT, help="the (first) broker's port (%(default)s)"
    )
    parser.add_argument(
        '--data',
        default='.kafka',
        metavar='FOLDER',
        help='where the messages are kept (%(default)s)',
    )
    parser.add_argument(
        '--brokers',
        type=int,
        default=1,
        metavar='N',
        help='how many brokers; 3 make a cluster (%(default)s)',
    )
    parser.add_argument(
        '--secure',
        action='store_true',
        help='ask clients for passwords and certificates, all made up',
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, 'SIGTTIN'):
        signal.signal(
            signal.SIGTTIN, signal.SIG_IGN
        )  # `python -m broker &` is not stopped for reading the terminal
    began = time.monotonic()
    try:
        with Broker(options.brokers, options.secure, port=options.port, data=options.data) as kafka:
            print(welcome(kafka.env(), options.data, time.monotonic() - began), flush=True)
            run(kafka)
    except BrokerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    print('Kafka has ended. Its messages are kept.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
