"""A topic read once more, from its beginning to its present end (a page's *From the beginning*).

The one idea to take away: reading takes nothing away. Whoever comes late can have all of it again.
"""

from collections import deque
from contextlib import closing
from typing import Any

import kafka.errors
from kafka import TopicPartition

import settings
from errors import ChatError
from room.messages import Message, message_from
from room.records import open_consumer
from room.worker import WorkerThread
from schemas import HumanMessage

__all__ = ['Replay']

MOST_MESSAGES = 1500  # given to the page, however long the topic is
MOST_WAITING = 100  # messages that are read before the page has drawn them


class Replay(WorkerThread):
    """Reads a topic from its beginning to where it ended when it was started; can be started once.

    ``waiting`` has the messages that are to be drawn next: whoever draws takes them from its left.
    ``done`` of ``total`` offsets have been read. Of a long topic only a sample is given. ``error``
    says why it ended early; `ended`, that it did, or is at the end.

    Args:
        topic: such as ``'human-messages'``.
    """

    def __init__(self, topic: str) -> None:
        super().__init__(name='room-replay')
        self.topic = topic
        self.total = 0
        self.done = 0
        self.error = ''
        self.waiting: deque[Message] = deque()

    def run(self) -> None:  # noqa: D102 - as WorkerThread's
        try:
            with closing(open_consumer()) as consumer:
                self._read(consumer)
        except (ChatError, kafka.errors.KafkaError, OSError) as error:
            self.error = str(error)

    def _read(self, consumer: Any) -> None:
        """Read the topic, as `read_to_end` would, but stop when told to, and wait out an outage.

        And a chat is shown in the order of time, so the partitions of a poll are merged.
        """
        name = settings.topic_name(self.topic)
        numbers = consumer.partitions_for_topic(name) or ()
        partitions = [TopicPartition(name, number) for number in numbers]
        begin = sum(consumer.beginning_offsets(partitions).values())
        end = sum(consumer.end_offsets(partitions).values())
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        self.total = end - begin
        step = self.total // MOST_MESSAGES + 1
        while not self.stopping.is_set() and self.done < self.total:
            records = []
            for batch in consumer.poll(timeout_ms=500).values():
                records += batch
            for record in sorted(records, key=lambda each: each.timestamp):
                if record.offset % step == 0:
                    self.waiting.append(message_from(record, HumanMessage))
            position = sum(consumer.position(tp) for tp in partitions)
            self.done = min(position - begin, self.total)
            self._wait_for_page()

    def _wait_for_page(self) -> None:
        while len(self.waiting) > MOST_WAITING and not self.stopping.wait(0.05):
            pass
