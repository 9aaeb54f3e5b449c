"""What happens to the brokers while they run: told from their logs, and from which processes run.

Used in step 0 by the foreground (``python -m broker``). The one idea to take away: a cluster goes
on when one of its brokers ends, so somebody has to notice that it ended.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from broker import log_messages
from errors import BrokerError

__all__ = ['ClusterMonitor', 'LogTail', 'ObservedCluster']

REPEAT_AFTER = 30.0  # seconds of silence before the same sentence is told again


class ObservedCluster(Protocol):
    """What the monitor needs of a broker."""

    nodes: range

    def running(self, node: int) -> bool:
        """Whether the process of a node is there."""

    def log(self, node: int) -> Path:
        """The file with the log of a node."""


class LogTail:
    """Reads a growing log: each call of ``lines()`` goes on where the last one stopped.

    Args:
        path: the log; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0  # in bytes

    def lines(self) -> list[str]:
        """The lines that were completed since the last call; [] while there is no such file."""
        try:
            with self.path.open('rb') as file:
                size = file.seek(0, 2)
                if size < self._position:  # a restarted broker begins its log anew
                    self._position = 0
                file.seek(self._position)
                complete, newline, _ = file.read().rpartition(b'\n')
        except FileNotFoundError:
            return []
        self._position += len(complete) + len(newline)
        return complete.decode('utf-8', 'replace').splitlines()


class ClusterMonitor:
    """Tells what is new: what the logs say, each sentence once in a while, and which brokers ended.

    Args:
        cluster: the brokers. What their logs say already counts as known.
    """

    def __init__(self, cluster: ObservedCluster) -> None:
        self._cluster = cluster
        self._tails = {node: LogTail(cluster.log(node)) for node in cluster.nodes}
        self._last_told: dict[str, float] = {}
        for tail in self._tails.values():
            tail.lines()
        self.note_running()

    def note_running(self) -> None:
        """Take the brokers that run now as those that should: what changed was by command."""
        self._expected = {node for node in self._cluster.nodes if self._cluster.running(node)}

    def news(self) -> Iterator[str]:
        """What is new since the last call, in sentences.

        Raises:
            BrokerError: the only broker ended by itself.
        """
        for node, tail in self._tails.items():
            for line in tail.lines():
                sentence = log_messages.translate(line)
                if sentence and self._is_new(sentence):
                    yield sentence
            if node in self._expected and not self._cluster.running(node):
                self._expected.discard(node)
                ended = self._describe_end(node)
                if len(self._tails) == 1:
                    raise BrokerError(ended)
                yield ended

    def _is_new(self, sentence: str) -> bool:
        now = time.monotonic()
        last_told = self._last_told.get(sentence)
        self._last_told[sentence] = now
        return last_told is None or now - last_told >= REPEAT_AFTER

    def _describe_end(self, node: int) -> str:
        text = self._cluster.log(node).read_text(encoding='utf-8', errors='replace')
        return f'Broker {node} ended by itself. The end of its log:{log_messages.last_lines(text)}'
