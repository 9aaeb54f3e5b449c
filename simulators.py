"""Things that talk, so that a room is never empty (walkthrough step 5).

A chatbot of your own takes three lines::

    class EchoBot(MsgSimulator):
        def get_message(self):
            return f'it is {time.ctime()}, and all is well'

    EchoBot(topic='human-messages', key='watchman', delay=5).simulate()

The one idea to take away: whoever sends knows nothing of who reads. A bot, a crowd and a replayed log are all the same
to Kafka: records on a topic.
"""

import os
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from chatlog import ChatLog, Cue
from client.delivery import Tally
from errors import MessageError
from producer import flush, send_msg
from schemas import HumanMessage, printable, validate

__all__ = [
    'CrowdSimulator',
    'MsgChoiceSimulator',
    'MsgSimulator',
    'NonsenseSimulator',
    'ReplaySimulator',
    'SpamSimulator',
]

# ruff: noqa: SIM905 - words read better without commas. Each of them takes "a", and each noun's plural ends in a mere s.
ADJECTIVES = 'bold brave crooked damp dizzy furry gentle hollow modest jolly lazy melted noisy purple sleepy tiny'.split()
NOUNS = 'bagpipe badger candle dumpling donkey fiddle gander hammock lobster kettle lantern mitten noodle pelican parsnip walnut'.split()
VERBS = 'admires borrows chases dissolves embroiders forgets greets hides inflates juggles mistrusts outwits paints tickles'.split()


class MsgSimulator:
    """Says something again and again. Override ``get_message``, ``get_sender``, ``get_delay`` or ``get_value``.

    Args:
        topic: where to, such as ``'human-messages'``.
        key: the key of each record; None keys by sender, so that a sender's messages stay in order.
        delay: seconds between two messages; 0 is as fast as possible.
        sender: who speaks; the key if not given, and a made-up name without a key.
        seed: the same seed gives the same run; None a new one each time. ``self.random`` is yours to use.
        sleep: waits for so many seconds; another one makes a run quick in a test.

    >>> MsgSimulator('human-messages', key='blue', delay=0).simulate(count=2)
    blue said: hello number 1
    blue said: hello number 2
    2
    """

    def __init__(
        self, topic: str, key: str | None = None, delay: float = 1.0, sender: str | None = None, *,
        seed: int | str | None = None, sleep: Callable[[float], object] = time.sleep
    ) -> None:  # fmt: skip
        self.topic, self.key, self.delay, self.sleep = topic, key, delay, sleep
        self.random = Random(seed)
        self.sender = (
            sender or key or f'{self.random.choice(ADJECTIVES)}-{self.random.choice(NOUNS)}'
        )
        self.tally = Tally(topic)

    def get_message(self) -> str:
        """What to say next."""
        return f'hello number {self.tally.sent + 1}'

    def get_sender(self) -> str:
        """Who says it."""
        return self.sender

    def get_delay(self) -> float:
        """Seconds to wait before the next message."""
        return self.delay

    def get_value(self) -> Any:
        """The whole message, ``{'sender': ..., 'contents': ...}``; None when there is no more to say, which ends ``simulate``."""
        value = {'sender': self.get_sender(), 'contents': self.get_message()}
        validate(value, HumanMessage)
        return value

    def send(self, value: Any) -> Any:
        """Send one message; returns the client's future."""
        return send_msg(self.topic, value, key=self.key)

    def simulate(self, count: int | None = None, print_msg: bool = True) -> int:
        """Send ``count`` messages; with None go on for ever, until Ctrl-C. ``print_msg`` shows each one.

        Returns:
            How many Kafka has acknowledged. ``tally`` has ``sent``, ``acknowledged`` and ``failed``, during a run too.

        Raises:
            MessageError: ``get_value`` returned something that cannot be sent.
            UnreachableError: no Kafka answers.
        """
        self.tally = Tally(self.topic)
        with self.tally as tally:
            while count is None or tally.sent < count:
                delay = self.get_delay() if tally.sent else 0
                if delay > 0:
                    self.sleep(delay)
                tally.wait_for_room()
                value = self.get_value()
                if value is None:
                    break
                with tally.held():
                    tally.add(self.send(value))
                    if print_msg:
                        spoken = isinstance(value, dict) and {'sender', 'contents'} <= value.keys()
                        print(
                            printable(
                                f'{value["sender"]} said: {value["contents"]}' if spoken else value
                            ),
                            flush=True,
                        )
        return tally.settle(flush)


class MsgChoiceSimulator(MsgSimulator):
    """Picks from ``msg_choices``, a list of texts. ``options`` are the other arguments of ``MsgSimulator``.

    >>> MsgChoiceSimulator(msg_choices=['yes', 'no'], key='oracle', delay=0, seed=1).simulate(count=1)
    oracle said: yes
    1
    """

    def __init__(
        self, msg_choices: Iterable[str], topic: str = 'human-messages', **options: Any
    ) -> None:
        super().__init__(topic, **options)
        self.msg_choices = () if isinstance(msg_choices, str) else tuple(msg_choices)
        if not self.msg_choices:
            raise MessageError(
                f"msg_choices is {msg_choices!r}: nothing to pick from. Give a list of texts: msg_choices=['yes', 'no']."
            )

    def get_message(self) -> str:
        """One of the choices."""
        return self.random.choice(self.msg_choices)


class NonsenseSimulator(MsgSimulator):
    """Talks nonsense.

    >>> NonsenseSimulator(topic='human-messages', key='green', delay=0, seed=7).simulate(count=1)
    green said: the lazy donkey greets a brave candle
    1
    """

    def get_message(self) -> str:
        """A sentence that is well formed and means nothing."""
        pick = self.random.choice
        return (
            f'the {pick(ADJECTIVES)} {pick(NOUNS)} {pick(VERBS)} a {pick(ADJECTIVES)} {pick(NOUNS)}'
        )


class SpamSimulator(MsgSimulator):
    """One sender who never takes a breath: trips the throttle (step 6) in about a second.

    >>> SpamSimulator(topic='human-messages').simulate(count=101, print_msg=False)
    101
    """

    def __init__(
        self, topic: str, key: str | None = 'spammer', delay: float = 0.01, **options: Any
    ) -> None:
        super().__init__(topic, key, delay, **options)

    def get_message(self) -> str:
        """An offer nobody asked for."""
        return f'BUY {self.random.randint(2, 99)} {self.random.choice(NOUNS)}s, PAY FOR ONE!!! offer no. {self.tally.sent + 1}'


class CrowdSimulator(MsgSimulator):
    """So many ``senders``, by Faker, each with a key of its own: they spread over the partitions. ``delay`` is the whole crowd's.

    >>> CrowdSimulator(topic='human-messages', senders=20, delay=0, seed=1).simulate(count=3, print_msg=False)
    3
    """

    def __init__(self, topic: str, senders: int = 20, delay: float = 0.2, **options: Any) -> None:
        super().__init__(topic, delay=delay, **options)
        if senders < 1:
            raise MessageError(f'senders is {senders}: a crowd needs somebody. Give 1 or more.')
        from faker import Faker  # slow to import, and only a crowd needs it

        self.fake = Faker()
        self.fake.seed_instance(self.random.getrandbits(64))
        self.senders = [str(self.fake.unique.user_name()) for _ in range(senders)]

    def get_sender(self) -> str:
        """Somebody of the crowd."""
        return self.random.choice(self.senders)

    def get_message(self) -> str:
        """A sentence of Faker's."""
        return str(self.fake.sentence())


class ReplaySimulator(MsgSimulator):
    """Replays a chat log with its own timing. The formats stand in ``chatlog.py``; ``skipped`` counts the lines that are no message.

    Args:
        path: the log: IRC text, JSON lines or CSV.
        speed: 1.0 is the log's own pace, 60 plays an hour in a minute, ``float('inf')`` is as fast as possible.
        format: ``'irc'``, ``'jsonl'`` or ``'csv'``; None goes by the file's ending.
        keep_time: stamp the records as far apart as they are in the log, whatever the speed, so that a service that counts in
            record time alerts as it would have done then. The last one gets the moment it is sent, none a future one. Use a
            topic of its own: beside newer records these look late. False stamps with the time of sending.
        clock: tells seconds since 1970.
        options: the other arguments of ``MsgSimulator``; ``delay`` counts where the log has no time.

    >>> ReplaySimulator('chat.txt', speed=float('inf')).simulate(count=1)
    alice said: hello
    1
    """

    def __init__(
        self, path: str | os.PathLike[str], speed: float = 1.0, topic: str = 'human-messages', *,
        format: str | None = None,  # noqa: A002 - as in ChatLog
        keep_time: bool = True, clock: Callable[[], float] = time.time, **options: Any
    ) -> None:  # fmt: skip
        super().__init__(topic, **options)
        if not speed > 0:
            raise MessageError(
                f"speed is {speed!r}. Give a number above 0: 1.0 is the log's own pace, float('inf') as fast as possible."
            )
        self.log = ChatLog(path, format, pause=self.delay)
        self.speed, self.keep_time, self.clock = speed, keep_time, clock
        self._now: Cue | None = None
        self._coming: Cue | None = None
        self._rewind()

    def simulate(self, count: int | None = None, print_msg: bool = True) -> int:
        """Replay the log from its first message until its last, ``count`` or Ctrl-C; see ``MsgSimulator.simulate``."""
        self._rewind()
        return super().simulate(count, print_msg)

    def get_value(self) -> Any:
        """The next message of the log; None after the last."""
        self._now, self._coming = self._coming, next(self._cues, None)
        self.skipped = self.log.skipped
        return super().get_value() if self._now else None

    def get_sender(self) -> str:
        """Who said it."""
        return self._now.sender if self._now else self.sender

    def get_message(self) -> str:
        """What was said."""
        return self._now.contents if self._now else ''

    def get_delay(self) -> float:
        """Seconds until the next message is due; below 0 if it is late."""
        return self._coming.due - self.clock() if self._coming else 0.0

    def send(self, value: Any) -> Any:
        """Send one message, stamped with the log's timing if ``keep_time``."""
        return send_msg(
            self.topic,
            value,
            key=self.key,
            timestamp=self._now.timestamp if self._now and self.keep_time else None,
        )

    def _rewind(self) -> None:
        self._cues = self.log.play(self.clock(), self.speed)
        self._now = None
        self._coming = next(self._cues, None)
        self.skipped = self.log.skipped
