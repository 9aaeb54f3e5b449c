"""A topic read once more, from a real Kafka: page by page, all of it or what is looked for."""

import threading
import time
from collections.abc import Callable

import pytest

from producer import flush, send_msg
from room.replay import PAGE, Replay, from_time, the_last
from room.search import Wanted
from room.state import MOST_REPLAYS, RoomState
from tests.support.brokers import eventually

BEGAN = float(int(time.time()) - 7200)  # an older record may be deleted by retention at any moment


def _read(replay: Replay) -> list[str]:
    replay.start()
    eventually(lambda: replay.ended)
    assert replay.error == ''
    return [message.contents for message in replay.found]


def test_a_replay_gives_page_after_page_and_nothing_is_missing(topic: str) -> None:
    """A replay gives the messages in order, up to what was the end when it began."""
    for number in range(2 * PAGE):
        send_msg(topic, {'sender': 'red', 'contents': str(number)})
    send_msg(topic, {'sender': 'red', 'contents': 'last'}, block=True)
    first = Replay(topic)
    pages = [_read(first)]
    assert not first.is_complete
    send_msg(topic, {'sender': 'red', 'contents': 'too late'}, block=True)
    second = first.next_page()
    pages.append(_read(second))
    third = second.next_page()
    pages.append(_read(third))
    assert [len(page) for page in pages] == [PAGE, PAGE, 1]
    assert [each for page in pages for each in page] == [*map(str, range(2 * PAGE)), 'last']
    assert (third.is_complete, third.done, third.total) == (True, 401, 401)


@pytest.fixture
def talk(topic: str) -> str:
    """A topic in which two have spoken, at known times."""
    for number in range(6):
        sender = 'red' if number % 2 else 'blue'
        value = {'sender': sender, 'contents': f'Number {number}'}
        send_msg(topic, value, key=f'k{number}', timestamp=BEGAN + number)
    flush()
    return topic


def test_it_begins_at_a_time_or_before_the_end(talk: str) -> None:
    """It can begin at the first record of a time, and at the last few records."""
    assert _read(Replay(talk, from_time(BEGAN + 4))) == ['Number 4', 'Number 5']
    assert _read(Replay(talk, from_time(BEGAN + 3600))) == []
    assert _read(Replay(talk, the_last(1))) == ['Number 5']


def test_it_finds_what_is_looked_for(talk: str) -> None:
    """By sender, by text in any case, by key, by partition, or by there being an alert."""
    assert _read(Replay(talk, wanted=Wanted(sender='Re'))) == ['Number 1', 'Number 3', 'Number 5']
    assert _read(Replay(talk, wanted=Wanted(text='NUMBER 2'))) == ['Number 2']
    assert _read(Replay(talk, wanted=Wanted(key='k4'))) == ['Number 4']
    assert _read(Replay(talk, wanted=Wanted(partition=7))) == []
    assert len(_read(Replay(talk, wanted=Wanted(partition=0)))) == 6


def test_it_finds_what_there_are_alerts_about(talk: str, make_topic: Callable[..., str]) -> None:
    """The messages that an alert names, and the type of that alert."""
    alerts = make_topic()
    by = {'sender': 'red', 'contents': 'Number 3'}
    alert = {'alert_type': 'loud', 'alert_message': 'too loud', 'triggered_by': by}
    send_msg(alerts, alert, headers=[('triggered-by', f'{talk}/0/3'.encode())], block=True)
    replay = Replay(talk, wanted=Wanted(alerted=True), alert_topic=alerts)
    assert _read(replay) == ['Number 3']
    assert replay.found[0].alert_type == 'loud'
    assert _read(Replay(alerts, alert_topic=alerts)) == ['too loud']


def test_who_asks_for_replay_after_replay_waits(topic: str) -> None:
    """A replay that was stopped counts until it has ended: there are never more than a few."""
    send_msg(topic, {'sender': 'red', 'contents': 'hello'}, block=True)
    state = RoomState(topic)
    for _ in range(20):
        replay = Replay(topic)
        if state.start_replay(replay):
            replay.request_stop()
    assert len(state.replays) <= MOST_REPLAYS
    assert sum(thread.name == 'room-replay' for thread in threading.enumerate()) <= MOST_REPLAYS
    eventually(lambda: all(replay.ended for replay in state.replays))
    assert state.start_replay(Replay(topic))
    state.replays[-1].request_stop()
    eventually(lambda: state.replays[-1].ended)
