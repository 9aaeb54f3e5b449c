"""What the foreground notices of brokers that run."""

from pathlib import Path

import pytest

from broker import console
from broker.monitor import ClusterMonitor, LogTail
from errors import BrokerError
from tests.broker.fake_cluster import FakeCluster


class EndingCluster(FakeCluster):
    """One broker, or more, of which the first ends after the second look."""

    def __init__(self, log: Path, brokers: int = 1) -> None:
        super().__init__()
        self.nodes = range(1, brokers + 1)
        self.looks = 0
        self._log = log

    def running(self, node: int) -> bool:
        if node != 1:
            return True
        self.looks += 1
        return self.looks < 3

    def log(self, node: int = 1) -> Path:
        return self._log if node == 1 else self._log.with_name(f'log-{node}')


def test_a_log_is_followed_by_whole_lines(tmp_path: Path) -> None:
    """Half a line waits for its other half; a log that begins anew is read from its beginning."""
    path = tmp_path / 'log'
    tail = LogTail(path)
    assert tail.lines() == []
    path.write_text('one\ntw')
    assert tail.lines() == ['one']
    path.write_text('one\ntwo\n')
    assert tail.lines() == ['two']
    path.write_text('new\n')
    assert tail.lines() == ['new']


def test_a_broker_that_ends_by_itself_is_told(tmp_path: Path) -> None:
    """If the only broker ends without a command, the foreground ends with the end of its log."""
    log = tmp_path / 'log'
    log.write_text('ERROR LogManager: no space left\n')
    with pytest.raises(BrokerError, match=r'(?s)Broker 1 ended by itself.*no space left'):
        console.run(EndingCluster(log), print)


def test_a_cluster_goes_on_without_a_broker_that_ended(tmp_path: Path) -> None:
    """If one of several brokers ends without a command, it is told once."""
    log = tmp_path / 'log'
    log.write_text('ERROR LogManager: no space left\n')
    monitor = ClusterMonitor(EndingCluster(log, brokers=2))
    assert list(monitor.news()) == []
    (told,) = monitor.news()
    assert told.startswith('Broker 1 ended by itself.')
    assert list(monitor.news()) == []


def test_the_same_sentence_is_told_once_in_a_while(tmp_path: Path) -> None:
    """What was in the log before is not told, and a sentence that is repeated is told once."""
    log = tmp_path / 'log'
    log.write_text('WARN  Disk: it is old\n')
    monitor = ClusterMonitor(EndingCluster(log, brokers=2))
    with log.open('a') as file:
        file.write('WARN  Disk: it is slow\nWARN  Disk: it is slow\n')
    assert list(monitor.news()) == ['Kafka warns: it is slow (Disk)']
