"""Which of the new messages a page draws, decided without a browser and without Kafka.

Used by `chat_view`.

The one idea to take away: counting is cheap and drawing is dear, so count everything and draw a
sample.
"""

import time
from collections.abc import Callable

from room.messages import Message

__all__ = ['Backlog']

MOST_AT_FIRST = 200  # messages drawn at once when a page is opened
MOST_AT_ONCE = 12  # and later
OVERLOAD = 60  # messages waiting above which a sample of them is drawn
SAMPLE = 4  # messages of an overload that are drawn
SAMPLING_SHOWN = 2.0  # seconds for which a page says that it draws a sample


class Backlog:
    """The messages that wait to be drawn.

    Args:
        clock: what tells the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.left_out = 0  # messages that were not drawn, and will not be
        self._waiting: list[Message] = []
        self._sampled_at = float('-inf')

    @property
    def is_sampling(self) -> bool:
        """Whether messages have been left out in the last two seconds."""
        return self.clock() - self._sampled_at < SAMPLING_SHOWN

    def add(self, messages: list[Message], count: int) -> None:
        """Let new messages wait.

        Args:
            messages: the new ones, oldest first, as far as they are kept.
            count: how many new ones there are altogether.
        """
        self._waiting += messages
        self.left_out += count - len(messages)

    def sentence(self, rate: int) -> str:
        """Whether all messages are drawn, in one sentence that is true.

        Args:
            rate: how many came in the last second.
        """
        if self.is_sampling:
            return (
                f'{rate:,} a second are too many to read: a sample is drawn, and your own always; '
                f'{self.left_out:,} were counted and not drawn.'
            )
        if self.left_out:
            return (
                'Every new message is drawn. '
                f'{self.left_out:,} earlier ones came too fast: counted and not drawn.'
            )
        return 'Every message is drawn.'

    def next_batch(self, first: bool) -> list[Message]:
        """What is to be drawn now.

        Args:
            first: whether the page is still empty.

        Returns:
            The oldest messages that wait. If too many wait: a few, evenly picked, and the newest of
            each partition among them; the others are left out.
        """
        if len(self._waiting) > (MOST_AT_FIRST if first else OVERLOAD):
            return self._sample()
        most = MOST_AT_FIRST if first else MOST_AT_ONCE
        batch = self._waiting[:most]
        del self._waiting[:most]
        return batch

    def _sample(self) -> list[Message]:
        # What is read last need not be the newest: a reader gets one partition after the other. So
        # the newest record of a burst is the last of its partition, and must not be left out.
        count = len(self._waiting)
        picked = {count * part // SAMPLE - 1 for part in range(1, SAMPLE + 1)}
        picked |= set({each.partition: at for at, each in enumerate(self._waiting)}.values())
        batch = [self._waiting[at] for at in sorted(picked)]
        self.left_out += count - len(batch)
        self._sampled_at = self.clock()
        self._waiting.clear()
        return batch
