"""Times of the past against what a topic keeps: told before anything is written."""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.retention import Retention, keep, retention
from simulators import ReplaySimulator
from tests.support.logread import records

MakeTopic = Callable[..., str]
DAY = 86_400.0
NEVER = float('inf')


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine kafka-python logs that it is slow; that is not what is read here."""
    monkeypatch.setattr(logging.getLogger('kafka'), 'propagate', False)


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        ({'retention.ms': '1000', 'cleanup.policy': 'delete'}, Retention(1.0)),
        ({'retention.ms': '1000', 'cleanup.policy': 'compact,delete'}, Retention(1.0)),
        ({'retention.ms': '1000', 'cleanup.policy': 'compact'}, Retention()),
        ({'retention.ms': '-1', 'cleanup.policy': 'delete'}, Retention()),
        ({'message.timestamp.before.max.ms': str(2**63 - 1)}, Retention()),
        ({'message.timestamp.before.max.ms': '0'}, Retention(takes=0.0)),
        ({'retention.ms': '1', 'message.timestamp.type': 'LogAppendTime'}, Retention()),
        ({}, Retention()),
    ],
    ids=str,
)
def test_what_a_topics_settings_mean(config: dict[str, str], expected: Retention) -> None:
    """Only what is deleted by its time, or refused for it, has a limit."""
    described = {name: {'value': value} for name, value in config.items()}
    assert Retention.of(described) == expected


def forty_days(folder: Path) -> Path:
    """A chat log of forty days, one message a day."""
    path = folder / 'log.jsonl'
    lines = [{'timestamp': day * DAY, 'sender': 'red', 'contents': str(day)} for day in range(41)]
    path.write_text('\n'.join(map(json.dumps, lines)), encoding='utf-8')
    return path


@pytest.mark.parametrize(
    ('config', 'does'),
    [
        ({}, r'deletes what is older than 7 days \(retention\.ms=604800000\)'),
        ({'retention.ms': '3600000'}, r'deletes what .* 60 minutes \(retention\.ms=3600000\)'),
        ({'message.timestamp.before.max.ms': '864000000'}, 'refuses what .* 10 days'),
    ],
    ids=str,
)
def test_a_replay_older_than_the_topic_keeps_says_so_first(
    make_topic: MakeTopic, tmp_path: Path, caplog: Any, config: dict[str, str], does: str
) -> None:
    """Before its first message: how old it is, what the topic does, and the ways out."""
    topic = make_topic(**config)
    said: list[str] = []

    class Replay(ReplaySimulator):
        def send(self, value: Any) -> Any:
            said.append(caplog.text)
            return super().send(value)

    Replay(forty_days(tmp_path), NEVER, topic).simulate(count=1, print_msg=False)
    (found,) = said
    assert 'Messages of this log are up to 40 days old' in found
    assert re.search(does, found)
    assert 'keep_time=False' in found
    assert found.count('WARNING') == 1


def test_a_replay_that_the_topic_keeps_says_nothing(
    make_topic: MakeTopic, tmp_path: Path, caplog: Any
) -> None:
    """It keeps everything, or the messages are stamped with the time of sending."""
    path = forty_days(tmp_path)
    ReplaySimulator(path, NEVER, make_topic(**{'retention.ms': '-1'})).simulate(print_msg=False)
    topic = make_topic(**{'retention.ms': '3600000'})
    ReplaySimulator(path, NEVER, topic, keep_time=False).simulate(print_msg=False)
    assert caplog.text == ''


def test_a_new_topic_keeps_what_is_replayed_to_it(kafka: Any, tmp_path: Path, caplog: Any) -> None:
    """Each message as long as the topic would keep one of now; whatever is there stays as it is."""
    topic = f'replayed-{secrets.token_hex(4)}'
    replay = ReplaySimulator(forty_days(tmp_path), NEVER, topic)
    assert replay.simulate(print_msg=False) == 41
    assert caplog.text == ''
    assert len(records(topic)) == 41
    found = retention(topic).keeps
    assert found == pytest.approx(47 * DAY, abs=60)
    assert not keep(topic, time.time() - 60 * DAY, 'Copies', 'copy less')
    assert (
        'Copies are up to 60 days old: the topic deletes what is older than 47 days' in caplog.text
    )
    assert retention(topic).keeps == found
