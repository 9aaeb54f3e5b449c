"""A message as the browser draws it: the little that a bubble shows.

The one idea to take away: what a reader does not see need not be sent.
"""

from typing import Any

from room.colours import colour_of
from room.messages import Message

__all__ = ['drawn', 'place_of']


def drawn(message: Message) -> dict[str, Any]:
    """What `chat_messages.js` needs for a bubble."""
    return {
        'topic': message.topic,
        'partition': message.partition,
        'offset': message.offset,
        'moment': message.time,
        'sender': message.sender,
        'text': message.contents,
        'colour': colour_of(message.sender),
        'note': message.error or message.alert_type,
        'kind': 'malformed' if message.error else 'marked' if message.alert_type else '',
    }


def place_of(message: Message) -> str:
    """The name of its bubble in the browser: topic, partition and offset."""
    return '/'.join(map(str, message.location))
