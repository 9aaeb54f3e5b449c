"""A new topic whose name is nearly that of another one."""

from collections.abc import Callable
from typing import Any

import pytest

from connection.handshake import Handshake
from connection.topic_names import nearest_topic
from consumer import get_consumer
from errors import AccessError
from processing.at_least_once import Service
from producer import send_msg

THERE = ['alerts', 'human-messages', 'by-sender', 'room-1', '__consumer_offsets']


@pytest.mark.parametrize(
    ('topic', 'meant'),
    [
        ('human-mesages', 'human-messages'),
        ('human_messages', 'human-messages'),
        ('Human-Messages', 'human-messages'),
        ('human-messgaes', 'human-messages'),
        ('alert', 'alerts'),
        ('alrets', 'alerts'),
        ('human-messages', None),
        ('human-messages-dead', None),
        ('messages', None),
        ('room-2', None),
        ('human-messages2', None),
        ('consumer_offsets', None),
        ('presence', None),
    ],
)
def test_a_slip_is_told_from_another_name(topic: str, meant: str | None) -> None:
    """A letter left out, doubled or swapped is a slip; another word or number is another name."""
    assert nearest_topic(topic, THERE) == meant


def test_a_new_topic_like_another_is_told_once(
    topic: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sending, reading and services say so in one line; a name that is known costs no question."""
    asked: list[Any] = []
    request = Handshake.request_metadata

    def noting(self: Handshake, topics: Any = (), create: bool = False) -> Any:
        asked.append(topics)
        return request(self, topics, create)

    monkeypatch.setattr(Handshake, 'request_metadata', noting)
    uses: list[tuple[str, Callable[[str], Any]]] = [
        (f'{topic}x', lambda name: send_msg(name, 1)),
        (f'{topic}yy', lambda name: get_consumer(topic=name).close()),
        (f'z{topic}', lambda name: Service(name).run(timeout=0)),
    ]
    for name, do in uses:
        asked.clear()
        caplog.clear()
        do(name)
        line = f'{name} is new (did you mean {topic}'
        assert [each.getMessage()[: len(line)] for each in caplog.records] == [line]
        assert None in asked
        asked.clear()
        get_consumer(name).close()
        send_msg(topic, 1)
        assert [topics for topics in asked if topics is None] == []
        assert len(caplog.records) == 1
    with pytest.raises(AccessError, match=f'does not exist.*Did you mean {f"{topic}x"!r}'):
        get_consumer(f'{topic}xw', allow_auto_create_topics=False)
