"""Records that cannot be read: what is said of them, and how often."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts import ThrottlingAlertService
from bots import RoomTalker
from consumer import get_consumer
from producer import flush, send_msg
from schemas import HumanMessage
from services import Archive, TrendingWords


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [line for line in caplog.messages if line.startswith('skipped')]
    caplog.clear()
    return said


def test_three_are_told_in_full_then_they_are_counted(
    topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Place and reason of three; then a line at 10, and at the end how many there were."""
    for number in range(12):
        send_msg(topic, [number])
    flush()
    consumer = get_consumer(topic, offset='earliest', schema=HumanMessage, timeout=0.3)
    assert list(consumer) == []
    said = _said(caplog)
    for number, line in enumerate(said[:3]):
        assert line.startswith(f'skipped {topic}, partition 0, offset {number}: ')
        assert f'[{number}]' in line
    assert said[2].endswith('. Further ones are only counted.')
    assert said[3:] == ['skipped 10 records so far, the last one in partition 0 at 9']
    consumer.seek_to_beginning()
    assert list(consumer) == []
    assert _said(caplog) == []  # what is read again is not told again
    consumer.close()
    assert _said(caplog) == ['skipped 12 records so far']


@pytest.mark.parametrize('kind', ['throttle', 'archive', 'talker', 'trends'])
def test_a_group_that_is_restarted_does_not_tell_again(
    kind: str, topic: str, make_topic: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a service reads back after a restart it has reported before."""
    services: dict[str, Callable[[], Any]] = {
        'throttle': lambda: ThrottlingAlertService(topic, f'{topic}.out', topic, 'earliest'),
        'archive': lambda: Archive(topic, tmp_path / 'chat.db', group_id=topic),
        'trends': lambda: TrendingWords(topic, group_id=topic, offset='earliest'),
        'talker': lambda: RoomTalker(topic, group_id=topic, offset='earliest'),
    }
    make = services[kind]
    send_msg(topic, {'sender': 'red', 'contents': 'hello'})
    send_msg(topic, {'some': 'dict'}, block=True)
    assert make().run(timeout=0.7) == 1
    assert [line.partition(':')[0] for line in _said(caplog)] == [
        f'skipped {topic}, partition 0, offset 1'
    ]
    for number in (3, 5):
        send_msg(topic, {'sender': 'red', 'contents': 'again'})
        send_msg(topic, [number], block=True)
        assert make().run(timeout=0.7) == (number // 2 + 1 if kind == 'trends' else 1)
        assert [line.partition(':')[0] for line in _said(caplog)] == [
            f'skipped {topic}, partition 0, offset {number}'
        ]
