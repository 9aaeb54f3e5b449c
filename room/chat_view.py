"""The chat on the page: one bubble a message, live or once more from the beginning.

`backlog` decides which messages are drawn; this module draws them.

The one idea to take away: a bubble is drawn from a record, so a click on it can show the record.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from room.backlog import MOST_AT_ONCE, Backlog
from room.formatting import time_of_day
from room.messages import Message
from room.replay import Replay
from room.state import RoomState

__all__ = ['ChatView']

MOST_BUBBLES = 200  # on the page; older ones are removed
MOST_IN_REPLAY = 1600


class ChatView:
    """The bubbles, and the button *From the beginning*.

    Create them inside the element that is to contain them.

    Args:
        state: what all pages share.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(
        self, state: RoomState, inspect: Callable[[str, int, int], Awaitable[None]]
    ) -> None:
        self.state = state
        self.inspect = inspect
        self.history = state.feed.history
        self.backlog = Backlog()
        self.replay: Replay | None = None
        self.bubbles: dict[int, Any] = {}  # by the message's number, as they stand on the page
        self.most_bubbles = MOST_BUBBLES
        recent, self._last_number = self.history.latest(MOST_BUBBLES)
        self.backlog.add(recent, len(recent))
        self._times: list[float] = []  # of the bubbles
        self._marked = self.history.marked_since(0)[1]
        self._replay_numbers = count(-1, -1)  # messages of a replay have no number of their own
        self._build()

    def _build(self) -> None:
        from nicegui import ui

        with ui.row().classes('items-center full-width no-wrap'):
            self.sampling = ui.label().classes('muted sampling')
            ui.space()
            self.button = ui.button('From the beginning', on_click=self._toggle_replay)
            self.button.props('flat dense no-caps size=sm').classes('replay')
        self.progress = ui.linear_progress(0, show_value=False)
        self.progress.props('instant-feedback').classes('progress')
        self.progress.set_visibility(False)
        with ui.element('div').classes('grow scroll newest-in-sight'):
            self.list = ui.element('div').classes('q-px-sm chat')

    def draw_new(self, own_name: str) -> list[Message]:
        """Draw what is new.

        Args:
            own_name: the visitor's: own messages look different.

        Returns:
            The messages that were drawn.
        """
        messages, total = self.history.messages_since(self._last_number)
        self._last_number += total
        self.backlog.add(messages, total)
        if self.replay:
            batch = self._next_of_replay(self.replay)
            self.backlog.keep_newest(MOST_BUBBLES)
        else:
            batch = self.backlog.next_batch(first=not self.bubbles)
        for message in batch:
            self._draw(message, own_name)
        self._remove_oldest()
        self._mark_alerted()
        return batch

    def refresh(self) -> None:
        """Say whether all messages are drawn, or how far a replay is."""
        if self.replay:
            self.sampling.text = (
                f'from the beginning: {self.replay.done:,} of {self.replay.total:,}'
            )
            return
        text = 'drawing a sample' if self.backlog.is_sampling else 'every message is drawn'
        if self.backlog.left_out:
            text += f'; {self.backlog.left_out:,} not drawn, all counted'
        self.sampling.text = text

    def close(self) -> None:
        """End a replay that this page has started."""
        if self.replay:
            self.replay.request_stop()

    def _draw(self, message: Message, own_name: str) -> None:
        from nicegui import ui

        at = len(self._times)
        if not self.replay:
            at = bisect_right(self._times, message.time)  # another partition's may be older
        with self.list:
            bubble = ui.element('q-chat-message').classes('bubble')
            with bubble:
                ui.label(message.contents or ' ')
        bubble.props['sent'] = message.sender == own_name
        bubble.on('click', lambda: self.inspect(*message.location))
        _paint(bubble, message)
        number = message.number or next(self._replay_numbers)
        if at == len(self._times):
            self.bubbles[number] = bubble
        else:
            bubble.move(target_index=at)
            order = list(self.bubbles.items())
            order.insert(at, (number, bubble))
            self.bubbles = dict(order)
        self._times.insert(at, message.time)

    def _remove_oldest(self) -> None:
        excess = max(len(self.bubbles) - self.most_bubbles, 0)
        for number in list(self.bubbles)[:excess]:
            self.bubbles.pop(number).delete()
        del self._times[:excess]

    def _mark_alerted(self) -> None:
        """Paint the messages again about which an alert has come meanwhile."""
        messages, self._marked = self.history.marked_since(self._marked)
        for message in messages:
            if message.number in self.bubbles:
                _paint(self.bubbles[message.number], message)

    def _next_of_replay(self, replay: Replay) -> list[Message]:
        ready = min(MOST_AT_ONCE, len(replay.waiting))
        batch = [replay.waiting.popleft() for _ in range(ready)]
        self.progress.set_value(replay.done / max(replay.total, 1))
        if replay.ended and not replay.waiting and not batch:
            self._end_replay()
        return batch

    def _toggle_replay(self) -> None:
        if self.most_bubbles == MOST_IN_REPLAY:
            self._end_replay()
            self.most_bubbles = MOST_BUBBLES
            self.button.text = 'From the beginning'
        else:
            self._start_replay()

    def _start_replay(self) -> None:
        from nicegui import ui

        replay = self.state.start_replay()
        if replay is None:
            ui.notify('Too many are reading from the beginning right now. Try again in a moment.')
            return
        self.replay = replay
        self.most_bubbles = MOST_IN_REPLAY
        self.list.clear()
        self.bubbles.clear()
        self._times.clear()
        self.backlog.clear()
        self.progress.set_visibility(True)
        self.button.text = f'Only the last {MOST_BUBBLES}'

    def _end_replay(self) -> None:
        from nicegui import ui

        replay, self.replay = self.replay, None
        if replay is None:
            return
        replay.request_stop()
        self.progress.set_visibility(False)
        text = f'Read {replay.done:,} of {replay.total:,} again from the beginning. {replay.error}'
        ui.notify(text, timeout=6000, close_button='OK')


def _paint(bubble: Any, message: Message) -> None:
    """Name, time and colour of a bubble."""
    note = message.error or message.alert_type
    bubble.props['name'] = message.sender
    bubble.props['stamp'] = ' · '.join(filter(None, [time_of_day(message.time), note]))
    if message.error:
        colours, kind = ('warning', 'black'), 'malformed'
    elif message.alert_type:
        colours, kind = ('negative', 'white'), 'marked'
    elif bubble.props['sent']:
        colours, kind = ('primary', 'white'), 'own'
    else:
        bubble.update()
        return
    bubble.props['bg-color'], bubble.props['text-color'] = colours
    bubble.classes(kind)
    bubble.update()
