"""What the room remembers of the chat: counts of everything, and the last messages and alerts.

`feed` adds what it reads from Kafka, in its thread; the pages ask what is new, in theirs.

The one idea to take away: the log is the memory. A page needs little of its own, so it can be
closed and opened again.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from room.alert_folds import AlertFolds, Fold
from room.measurements import MessageCounts, Second
from room.messages import Message

__all__ = ['ChatHistory']

KEPT = 1000  # messages in memory


class ChatHistory:
    """The last messages and alerts, and which alert is about which message. Thread-safe.

    ``total`` and ``alert_total`` count all messages and alerts, ``live_total`` the messages that
    came after the room had opened. ``last_keys`` has the last key of each ``(topic, partition)``.

    Args:
        clock: what tells the time of day, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.total = 0
        self.live_total = 0
        self.alert_total = 0
        self.last_keys: dict[tuple[str, int], str] = {}
        self._counts = MessageCounts(clock)
        self._messages: deque[Message] = deque(maxlen=KEPT)
        self._folds = AlertFolds()
        self._marked: deque[Message] = deque(maxlen=KEPT)
        self._marked_total = 0
        self._lasts: dict[int, Message] = {}  # by partition
        # The kept messages by location and by words, and the alerts that came before theirs did.
        self._index: dict[tuple[Any, ...], Message] = {}
        self._early_alerts: dict[tuple[Any, ...], Message] = {}
        self._lock = threading.Lock()

    def add(self, messages: Iterable[Message]) -> None:
        """Remember messages and alerts, in this order."""
        with self._lock:
            for message in messages:
                if message.key is not None:
                    self.last_keys[message.topic, message.partition] = message.key
                if message.is_alert:
                    self._add_alert(message)
                else:
                    self._add_message(message)

    def messages_since(self, number: int) -> tuple[list[Message], int]:
        """What came after a message.

        Args:
            number: that message's; 0 for everything.

        Returns:
            The messages, oldest first, as far as they are kept, and in any case the last of each
            partition; and how many came altogether.
        """
        with self._lock:
            count = self.total - number
            kept = _newest(self._messages, count)
            oldest = kept[0].number if kept else self.total + 1
            lasts = [each for each in self._lasts.values() if number < each.number < oldest]
            return sorted(lasts, key=lambda each: each.number) + kept, count

    def latest(self, count: int) -> tuple[list[Message], int]:
        """The latest messages by their timestamps, oldest first; and the number of the last one.

        Which of them was read last says little: partitions are read one after the other.
        """
        with self._lock:
            messages = sorted(self._messages, key=lambda each: each.time)
            return messages[-count:], self.total

    def marked_since(self, number: int) -> tuple[list[Message], int]:
        """Messages that have triggered an alert.

        Args:
            number: how many of them are known already.

        Returns:
            Those that came after, oldest first; and how many there are altogether.
        """
        with self._lock:
            return _newest(self._marked, self._marked_total - number), self._marked_total

    def folded_alerts(self, most: int) -> tuple[list[Fold], int]:
        """The alerts by type and sender, that with the latest first; and a number that changes."""
        with self._lock:
            return self._folds.latest(most), self._folds.version

    def last_seconds(self, count: int) -> list[Second]:
        """What came in each of the last full seconds, oldest first."""
        with self._lock:
            return self._counts.last(count)

    def _add_message(self, message: Message) -> None:
        self.total += 1
        message.number = self.total
        if message.live:
            self.live_total += 1
            self._counts.add_message(message.sender)
        self._keep(message)
        for name in (message.location, message.words):
            alert = self._early_alerts.pop(name, None)
            if alert:
                self._mark(message, alert)

    def _keep(self, message: Message) -> None:
        if len(self._messages) == KEPT:
            oldest = self._messages[0]
            for name in (oldest.location, oldest.words):
                if self._index.get(name) is oldest:
                    del self._index[name]
        self._messages.append(message)
        self._lasts[message.partition] = message
        self._index[message.location] = message
        self._index[message.words] = message

    def _add_alert(self, alert: Message) -> None:
        self.alert_total += 1
        alert.number = self.alert_total
        self._folds.add(alert)
        if alert.live:
            self._counts.add_alert()
        message = self._index.get(alert.triggered_by)
        if message:
            self._mark(message, alert)
        elif alert.live and alert.triggered_by:
            # There is no order between two topics: an alert may be read before its message is.
            self._early_alerts[alert.triggered_by] = alert
            if len(self._early_alerts) > KEPT:
                self._early_alerts.clear()

    def _mark(self, message: Message, alert: Message) -> None:
        message.alert_type = alert.sender
        self._marked.append(message)
        self._marked_total += 1


def _newest(messages: deque[Message], count: int) -> list[Message]:
    newest = list(islice(reversed(messages), max(count, 0)))
    newest.reverse()
    return newest
