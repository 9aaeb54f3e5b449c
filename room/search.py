"""Which records are looked for, decided without any Kafka (used by `replay`).

The one idea to take away: a log has no index of what was said. Whoever searches it reads it.
"""

from dataclasses import dataclass, field
from typing import Any

from room.messages import Message

__all__ = ['Wanted']


@dataclass(slots=True)
class Wanted:
    """What a message must be like; what is empty does not matter. Case does not matter either.

    Args:
        sender: a part of its sender's name; of an alert, of its type.
        text: a part of what it says.
        key: its key.
        partition: its partition.
        alerted: whether an alert must be about it.
        alerts: of which messages there are alerts, by location or by words; see `Message`.
    """

    sender: str = ''
    text: str = ''
    key: str = ''
    partition: int | None = None
    alerted: bool = False
    alerts: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def __contains__(self, message: Message) -> bool:
        """Whether it is looked for."""
        return (
            self.sender.lower() in message.sender.lower()
            and self.text.lower() in message.contents.lower()
            and (not self.key or self.key == message.key)
            and (self.partition is None or self.partition == message.partition)
            and (not self.alerted or bool(self.alert_about(message)))
        )

    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.sender or self.text or self.key or self.alerted) and (
            self.partition is None
        )

    def alert_about(self, message: Message) -> str:
        """The type of the alert about a message; '' if there is none."""
        return self.alerts.get(message.location) or self.alerts.get(message.words) or ''
