"""The chat on the page: one bubble a message, as they come.

`backlog` decides which messages are drawn, `chat_messages.js` draws them in the browser. It waits
while one reads: with the mouse over it, scrolled up, or with a bubble in focus.

The one idea to take away: a bubble is drawn from a record, so a click on it can show the record.
"""

from typing import Any

from room.backlog import Backlog
from room.components import component
from room.drawn_message import drawn, place_of
from room.messages import Message
from room.records import Inspect
from room.state import RoomState

__all__ = ['ChatView']

MOST_BUBBLES = 200  # when the page is opened; `chat_messages.js` keeps as many
INVITATION = (
    'Nobody has said anything yet. Say something below, or at a Python prompt:\n\n'
    'from producer import send_msg\n'
    "send_msg({topic!r}, {{'sender': 'me', 'contents': 'hello'}})"
)


class ChatView:
    """The bubbles, and the sentence that says whether all are drawn.

    Create them inside the element that is to contain them.

    Args:
        state: what all pages share.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(self, state: RoomState, inspect: Inspect) -> None:
        from nicegui import ui

        self.inspect = inspect
        self.history = state.feed.history
        self.backlog = Backlog()
        recent, self._last_number = self.history.latest(MOST_BUBBLES)
        self.backlog.add(recent, len(recent))
        self._marked = self.history.marked_since(0)[1]
        self._first = True
        self.sampling = ui.label().classes('muted sampling')
        self.element = component('chat_messages').classes('grow live-chat')
        self.element.props['live'] = True
        self.element.props['invitation'] = INVITATION.format(topic=state.topic)
        self.element.on('inspect', self._inspect)
        self.in_sight = True  # whether anybody can see the page
        self.element.on('sight', self._sight)

    async def _inspect(self, event: Any) -> None:
        topic, partition, offset = event.args
        await self.inspect(str(topic), int(partition), int(offset))

    def _sight(self, event: Any) -> None:
        self.in_sight = bool(event.args)

    def draw_new(self) -> list[Message]:
        """Draw what is new.

        Returns:
            The messages that were drawn.
        """
        messages, total = self.history.messages_since(self._last_number)
        self._last_number += total
        self.backlog.add(messages, total)
        batch = self.backlog.next_batch(first=self._first)
        self._first = False
        if batch:
            self.element.run_method('add', [drawn(message) for message in batch])
        marked, self._marked = self.history.marked_since(self._marked)
        if marked:
            marks = [[place_of(message), message.alert_type] for message in marked]
            self.element.run_method('mark', marks)
        return batch

    def refresh(self) -> None:
        """Say in one sentence whether all messages are drawn."""
        rate = self.history.last_seconds(1)[0].senders.total()
        self.sampling.text = self.backlog.sentence(rate)
