"""The commands that can be typed while a broker runs in the foreground."""

import sys
from pathlib import Path

import pytest

from broker import console
from tests.broker.fake_cluster import FakeCluster


@pytest.mark.parametrize(
    ('line', 'told', 'answer'),
    [
        ('kill 1', [('kill', 1)], 'Broker 1 was killed.'),
        ('  pause   3\n', [('pause', 3)], 'Broker 3 is paused.'),
        ('resume 3', [('resume', 3)], 'Broker 3 was resumed.'),
        ('restart 1', [('restart', 1)], 'Broker 1 was restarted.'),
        ('kill 2', [], 'Broker 2 does not run.'),
        ('kill', [], 'Say which broker: kill 3'),
        ('kill one', [], 'Say which broker: kill 3'),
        ('kill 1 2', [], 'Say which broker: kill 3'),
        ('help', [], console.HELP),
        ('jump', [], "'jump' is not a command."),
        (
            'env plain visitor',
            [],
            "    export KAFKA_LISTENER='plain'\n    export KAFKA_USER='visitor'",
        ),
        ('\n', [], ''),
    ],
)
def test_commands_are_executed_or_answered(
    line: str, told: list[tuple[str, int]], answer: str
) -> None:
    """Each command does one thing to one broker; the answer to any other lists the commands."""
    cluster = FakeCluster()
    printed = console.execute(cluster, line)
    assert cluster.told == told
    assert printed.startswith(answer)
    assert bool(printed) == bool(answer)


@pytest.mark.parametrize(
    ('brokers', 'quorum', 'answer'),
    [
        (3, 2, 'Broker 1 waits for another: two of three are needed.'),
        (5, 3, 'Broker 1 waits for others: three of five are needed.'),
    ],
)
def test_a_broker_that_lacks_its_quorum_waits(brokers: int, quorum: int, answer: str) -> None:
    """It says how many are needed, and is not called restarted."""
    cluster = FakeCluster()
    cluster.nodes, cluster.lacking, cluster.quorum = range(1, brokers + 1), True, quorum
    cluster.alive = {1}
    assert console.execute(cluster, 'restart 1') == answer


def test_the_only_broker_need_not_be_named() -> None:
    """Where there is one broker, a command without a number means that one."""
    cluster = FakeCluster()
    cluster.nodes = range(1, 2)
    assert console.execute(cluster, 'kill') == 'Broker 1 was killed.'


def test_the_next_terminal_is_told_to_activate_the_virtual_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before Python is started there; without a virtual environment there is nothing to do."""
    settings = {'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:9092'}
    monkeypatch.setattr(sys, 'prefix', str(Path.cwd() / '.venv'))
    monkeypatch.setattr(sys, 'base_prefix', '/usr')
    lines = console.welcome(settings, '.kafka', 1.0).splitlines()
    assert lines[lines.index('    python') - 1] == '    source .venv/bin/activate'
    monkeypatch.setattr(sys, 'prefix', '/home/red/my envs/kafka')
    assert "    source '/home/red/my envs/kafka'/bin/activate\n" in console.welcome(
        settings, '.kafka', 1.0
    )
    monkeypatch.setattr(sys, 'prefix', '/usr')
    assert 'activate' not in console.welcome(settings, '.kafka', 1.0)
