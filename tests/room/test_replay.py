"""A topic read once more, from a real Kafka."""

import threading

from producer import send_msg
from room.replay import Replay
from room.state import MOST_REPLAYS, RoomState
from tests.support.brokers import eventually


def test_a_replay_reads_from_the_beginning_to_what_was_the_end(topic: str) -> None:
    """A replay gives the messages in order, waits for whoever draws them, and ends."""
    for number in range(300):
        send_msg(topic, {'sender': 'red', 'contents': str(number)})
    send_msg(topic, {'sender': 'red', 'contents': 'last'}, block=True)
    replay = Replay(topic)
    replay.start()
    drawn: list[str] = []
    while not replay.ended or replay.waiting:
        message = eventually(lambda: replay.waiting.popleft() if replay.waiting else replay.ended)
        drawn += [message.contents] if message is not True else []
    assert drawn == [*map(str, range(300)), 'last']
    assert (replay.done, replay.total, replay.error) == (301, 301, '')


def test_who_asks_for_replay_after_replay_waits(topic: str) -> None:
    """A replay that was stopped counts until it has ended: there are never more than three."""
    send_msg(topic, {'sender': 'red', 'contents': 'hello'}, block=True)
    state = RoomState(topic)
    for _ in range(20):
        if replay := state.start_replay():
            replay.request_stop()
    assert len(state.replays) <= MOST_REPLAYS
    assert sum(thread.name == 'room-replay' for thread in threading.enumerate()) <= MOST_REPLAYS
    eventually(lambda: all(replay.ended for replay in state.replays))
    assert state.start_replay()
    state.replays[-1].request_stop()
    eventually(lambda: state.replays[-1].ended)
