"""What all pages of the room share: what is read from Kafka, the processes, and the limits.

`server` makes one and hands it to each page.

The one idea to take away: a hundred browsers cost one reader, because they share what it has read.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import kafka.errors

from errors import ChatError
from producer import send_msg
from room.cluster import ClusterMonitor
from room.feed import Feed
from room.messages import Message, sent_message
from room.programs import Programs
from room.rate_limits import RateLimit
from room.replay import Replay
from room.visitors import Visitor, Visitors, visitor_of
from schemas import HumanMessage, printable
from simulators import ADJECTIVES, NOUNS

__all__ = ['RoomState']

MOST_REPLAYS = 3  # at a time
SILENCE = 3.0  # seconds without an answer after which Kafka counts as gone
SEND_TIMEOUT = 8.0  # seconds


class RoomState:
    """What all pages share.

    Args:
        topic: where people talk.
        alert_topic: where services report.
        link: the address for others; '' if only this machine may come in.
    """

    def __init__(
        self, topic: str = 'human-messages', alert_topic: str = 'alerts', link: str = ''
    ) -> None:
        self.topic = topic
        self.link = link
        self.feed = Feed(topic, alert_topic)
        self.cluster = ClusterMonitor(topic, alert_topic)
        self.programs = Programs(topic, alert_topic)
        self.visitors = Visitors()
        self.replays: list[Replay] = []
        self.clients: set[Any] = set()  # NiceGUI's: one for each open page
        self.inspect_limit = RateLimit(10, 10.0)
        self._page_limit = RateLimit(5, 5.0)
        self._address_limit = RateLimit(30, 10.0)

    @property
    def error(self) -> str:
        """Why nothing comes from Kafka at the moment; '' if all is well."""
        if time.monotonic() - self.cluster.seen > SILENCE:
            return self.cluster.error or f'No answer for {SILENCE:g} s.'
        return printable(self.feed.error)

    @property
    def last_answer(self) -> float:
        """When Kafka answered last, in seconds since 1970; 0 if it has not yet."""
        seen = self.cluster.seen
        return time.time() - (time.monotonic() - seen) if seen else 0.0

    @property
    def browsers(self) -> int:
        """How many browsers are connected."""
        return sum(client.has_socket_connection for client in self.clients)

    def visitors_here(self) -> list[Visitor]:
        """Whose pages are open, apart from the teacher's; in the order of their addresses."""
        here = {visitor_of(client) for client in self.clients if client.has_socket_connection}
        ordered = sorted(here, key=lambda each: (each.address, each.id))
        return [each for each in ordered if not each.is_teacher and not self.visitors.is_out(each)]

    def pages_of_those_put_out(self) -> list[Any]:
        """Pages that are still open, of visitors who were put out: NiceGUI's clients."""
        return [each for each in self.clients if self.visitors.is_out(visitor_of(each))]

    def new_name(self) -> str:
        """A name for somebody who has none yet."""
        return f'{random.choice(ADJECTIVES)}-{random.choice(NOUNS)}'

    def may_send(self, client: Any) -> bool:
        """Whether a page may send one more message now: its own limit, and that of its address."""
        return self._page_limit.allow(client.id) and self._address_limit.allow(client.ip)

    def send(
        self, sender: str, contents: str, explain: Callable[[Exception], str] = printable
    ) -> tuple[Message | None, str]:
        """Send a message and wait until it is acknowledged.

        Args:
            sender: who speaks.
            contents: what is said.
            explain: what is to be said of an error.

        Returns:
            The message with its place in the log, and ''; or None, and why it was not sent.
        """
        if self.error:
            return (
                None,
                'Not sent: Kafka does not answer at the moment. Send it again when it does.',
            )
        value: HumanMessage = {'sender': sender, 'contents': contents}
        try:
            sent = send_msg(
                self.topic, value, block=True, timeout=SEND_TIMEOUT, schema=HumanMessage
            ).get(timeout=SEND_TIMEOUT)
        except (ChatError, kafka.errors.KafkaError) as error:
            return None, f'Not sent: {explain(error)}'
        return sent_message(value, sent), ''

    def start_replay(self, replay: Replay) -> bool:
        """Start to read a topic again; False while too many do.

        One that was told to stop counts until it has ended.
        """
        self.replays = [each for each in self.replays if not each.ended]
        if len(self.replays) >= MOST_REPLAYS:
            return False
        replay.start()
        self.replays.append(replay)
        return True

    def start(self) -> None:
        """Begin to read from Kafka."""
        self.feed.start()
        self.cluster.start()

    def stop(self) -> None:
        """End the threads and the processes."""
        self.programs.stop_all()
        self.feed.stop()
        self.cluster.stop()
