"""The end of each partition's log, as the picture shows it: cells, or counts by the second.

`feed` adds what it reads; `log_picture` asks for what is new. A place in the log that holds no
record for readers is a cell, too: the marker by which a transaction ends takes an offset.

The one idea to take away: offsets count places in the log, not messages. Not every place is one.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kafka import TopicPartition

from room.messages import Message

__all__ = ['Cell', 'LogTails', 'PartitionTail', 'Second']

KEPT = 60  # cells, and seconds
BAND_ABOVE = 12.0  # records a second above which a lane shows counts instead of cells
CELLS_BELOW = 8.0  # and below which it shows cells again
RATE_OVER = 3  # full seconds over which the rate is taken


@dataclass(slots=True)
class Cell:
    """One place in the log.

    Args:
        offset: which.
        message: what is there; None if there is no record for readers.
    """

    offset: int
    message: Message | None


@dataclass(slots=True)
class Second:
    """What was read within one second.

    Args:
        time: the second, since 1970.
        first: the offset of the first record.
        last: the offset of the last one.
        count: how many records there were.
    """

    time: int
    first: int
    last: int
    count: int = 0


@dataclass(slots=True)
class PartitionTail:
    """The end of one partition.

    Args:
        position: the offset that is read next; all places before it are known.
        cells: the last ones.
        seconds: the last ones in which there were records.
        is_band: whether records come too fast for cells.
    """

    position: int
    cells: deque[Cell] = field(default_factory=lambda: deque(maxlen=KEPT))
    seconds: deque[Second] = field(default_factory=lambda: deque(maxlen=KEPT))
    is_band: bool = False

    def add(self, message: Message, now: int) -> None:
        """Add a record, and before it the places that hold none."""
        if message.offset < self.position:
            return
        self.skip_to(message.offset)
        self.cells.append(Cell(message.offset, message))
        self.position = message.offset + 1
        if not self.seconds or self.seconds[-1].time != now:
            self.seconds.append(Second(now, message.offset, message.offset))
        second = self.seconds[-1]
        second.last = message.offset
        second.count += 1

    def skip_to(self, position: int) -> None:
        """The reader has come so far, and there was no record."""
        for offset in range(max(self.position, position - KEPT), position):
            self.cells.append(Cell(offset, None))
        self.position = max(self.position, position)

    def rate(self, now: int) -> float:
        """Records a second, over the last full seconds."""
        return sum(s.count for s in self.seconds if now - RATE_OVER <= s.time < now) / RATE_OVER

    def only_markers_since(self, offset: int) -> bool:
        """Whether no record lies between an offset and the end, as far as the cells tell."""
        if not self.cells or offset >= self.position or offset < self.cells[0].offset:
            return False
        return all(cell.message is None for cell in self.cells if cell.offset >= offset)


class LogTails:
    """The ends of all partitions that the room reads. Thread-safe.

    Args:
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._tails: dict[TopicPartition, PartitionTail] = {}
        self._lock = threading.Lock()

    def begin(self, partition: TopicPartition, position: int) -> None:
        """Reading a partition begins at an offset; what is known of it stays known."""
        with self._lock:
            tail = self._tails.get(partition)
            if tail is None or tail.position > position:
                self._tails[partition] = PartitionTail(position)

    def add(self, messages: Iterable[Message]) -> None:
        """Add records, in the order of their offsets within each partition."""
        now = int(self.clock())
        with self._lock:
            for message in messages:
                tail = self._tails.get(TopicPartition(message.topic, message.partition))
                if tail is not None:
                    tail.add(message, now)

    def reach(self, partition: TopicPartition, position: int) -> None:
        """The reader is to read on at this offset: what lies before it and did not come is none."""
        with self._lock:
            if partition in self._tails:
                self._tails[partition].skip_to(position)

    def look(self, topic: str) -> dict[int, PartitionTail]:
        """The ends of a topic's partitions, by their numbers: copies."""
        now = int(self.clock())
        with self._lock:
            found = {}
            for partition, tail in sorted(self._tails.items()):
                if partition.topic == topic:
                    limit = CELLS_BELOW if tail.is_band else BAND_ABOVE
                    tail.is_band = tail.rate(now) > limit
                    found[partition.partition] = PartitionTail(
                        tail.position, tail.cells.copy(), tail.seconds.copy(), tail.is_band
                    )
            return found
