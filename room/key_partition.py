"""Type a key, see its partition, before anything is sent.

The one idea to take away: the partition of a key is arithmetic, the same in every client: a hash of
its bytes, modulo the number of partitions.
"""

from collections.abc import Callable

from kafka.partitioner.default import murmur2

import settings
from room.state import RoomState

__all__ = ['KeyPartition', 'partition_of']

LONGEST_KEY = 80  # characters


def partition_of(key: str | bytes, partitions: int) -> tuple[int, int]:
    """Where a key goes.

    Args:
        key: as in ``send_msg(..., key=key)``.
        partitions: how many the topic has.

    Returns:
        The hash of the key, and the number of the partition.

    >>> partition_of('red', 3)
    (191632692, 0)
    """
    hashed = murmur2(key.encode() if isinstance(key, str) else key) & 0x7FFFFFFF
    return hashed, hashed % partitions


class KeyPartition:
    """A field for a key, and what becomes of it; create it where it is to be.

    Args:
        state: what all pages share.
        highlight: points at a partition's lane in the picture; at none with None.
    """

    def __init__(self, state: RoomState, highlight: Callable[[int | None], None]) -> None:
        from nicegui import ui

        self.state = state
        self.highlight = highlight
        with ui.row().classes('items-center full-width key-row'):
            self.key = ui.input('key', on_change=self.refresh)
            self.key.props(f'dense outlined maxlength={LONGEST_KEY}').classes('key')
            self.result = ui.label().classes('muted key-result')
        self.refresh()

    def refresh(self) -> None:
        """Compute it anew: the key has changed, or the number of partitions."""
        key = str(self.key.value or '')[:LONGEST_KEY]
        count = self._partitions()
        if not key:
            self.result.text = 'Type a key, such as a sender, and see which partition it goes to.'
            self.highlight(None)
            return
        if not count:
            self.result.text = f'There is no topic {self.state.topic!r} yet.'
            return
        hashed, number = partition_of(key, count)
        self.result.text = (
            f'murmur2({key!r}) = {hashed:,}; modulo {count} partitions: partition {number}'
        )
        self.highlight(number)

    def _partitions(self) -> int:
        name = settings.topic_name(self.state.topic)
        return sum(tp.topic == name for tp in self.state.cluster.snapshot.partitions)
