"""Things that talk, so that a room is never empty (walkthrough step 5).

A chatbot of your own takes three lines::

    class EchoBot(MsgSimulator):
        def get_message(self):
            return f'it is {time.ctime()}, and all is well'

    EchoBot(topic='human-messages', key='watchman', delay=5).simulate()

The one idea to take away: whoever sends knows nothing of who reads. A bot, a crowd and a replayed
log are all the same to Kafka: records on a topic.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import os
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from chatlog import ChatLog, Cue
from client import retention
from client.delivery import Tally
from client.subclassing import Subclassable
from errors import MessageError
from producer import flush, send_msg
from schemas import HumanMessage, chat_line, show, validate

__all__ = [
    'CrowdSimulator',
    'MsgChoiceSimulator',
    'MsgSimulator',
    'NonsenseSimulator',
    'ReplaySimulator',
    'SpamSimulator',
]

FRESH = 10.0  # seconds: of a replay that is no older, no topic deletes anything before it is read

# ruff: noqa: SIM905 - words read better without commas
# Each of them takes "a", and each noun's plural ends in a mere s.
ADJECTIVES = (
    'bold brave crooked damp dizzy furry gentle hollow '
    'modest jolly lazy melted noisy purple sleepy tiny'
).split()
NOUNS = (
    'bagpipe badger candle dumpling donkey fiddle gander hammock '
    'lobster kettle lantern mitten noodle pelican parsnip walnut'
).split()
VERBS = (
    'admires borrows chases dissolves embroiders forgets greets '
    'hides inflates juggles mistrusts outwits paints tickles'
).split()


class MsgSimulator(Subclassable):
    """Says something again and again.

    Override ``get_message``, ``get_sender``, ``get_delay`` or ``get_value``.

    Args:
        topic: where to, such as ``'human-messages'``.
        key: the key of each record; None keys by sender, so that a sender's messages stay in order.
        delay: seconds between two messages; 0 is as fast as possible.
        sender: who speaks; the key if not given, and a made-up name without a key.
        seed: the same seed gives the same run; None a new one each time.
        sleep: waits for so many seconds; another one makes a run quick in a test.

    Attributes:
        topic: as given, and so are ``key`` and ``delay``.
        sender: who speaks, unless ``get_sender`` says otherwise.
        random: chance that follows from the seed; it is yours to use.
        tally: counts this run's messages: ``sent``, ``acknowledged`` and ``failed``.

    All other attributes begin with an underscore: the names without one are yours.

    >>> MsgSimulator('human-messages', key='blue', delay=0).simulate(count=2)
    blue said: hello number 1
    blue said: hello number 2
    2
    """

    def __init__(
        self,
        topic: str,
        key: str | None = None,
        delay: float = 1.0,
        sender: str | None = None,
        *,
        seed: int | str | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.topic = topic
        self.key = key
        self.delay = delay
        self.random = Random(seed)
        self.sender = sender or key or self._make_up_a_name()
        self.tally = Tally(topic)
        self._sleep = sleep

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
        """The whole message: ``{'sender': 'red', 'contents': 'hello'}``.

        None means that there is no more to say, which ends ``simulate``.
        """
        value = {'sender': self.get_sender(), 'contents': self.get_message()}
        validate(value, HumanMessage)
        return value

    def send(self, value: Any) -> Any:
        """Send one message; returns the client's future."""
        return send_msg(self.topic, value, key=self.key)

    def simulate(self, count: int | None = None, print_msg: bool = True) -> int:
        """Send messages until Ctrl-C, or until there is no more to say.

        Args:
            count: how many at most; None has no such end.
            print_msg: show each one.

        Returns:
            How many Kafka has acknowledged. ``tally`` tells it during the run, too.

        Raises:
            MessageError: ``get_value`` returned something that cannot be sent.
            UnreachableError: no Kafka answers.
        """
        self.tally = Tally(self.topic)
        with self.tally as tally:
            while count is None or tally.sent < count:
                if tally.sent:
                    self._wait()
                tally.wait_for_room()
                value = self.get_value()
                if value is None:
                    break
                with tally.held():
                    tally.add(self.send(value))
                    if print_msg:
                        show(chat_line(value))
        return tally.settle(flush)

    def _wait(self) -> None:
        delay = self.get_delay()
        if delay > 0:
            self._sleep(delay)

    def _make_up_a_name(self) -> str:
        return f'{self.random.choice(ADJECTIVES)}-{self.random.choice(NOUNS)}'


class MsgChoiceSimulator(MsgSimulator):
    """Picks what to say from a list.

    Args:
        msg_choices: the texts.
        topic: where to.
        options: the other arguments of ``MsgSimulator``.

    >>> oracle = MsgChoiceSimulator(msg_choices=['yes', 'no'], key='oracle', delay=0, seed=1)
    >>> oracle.simulate(count=1)
    oracle said: yes
    1
    """

    def __init__(
        self, msg_choices: Iterable[str], topic: str = 'human-messages', **options: Any
    ) -> None:
        super().__init__(topic, **options)
        self._choices = () if isinstance(msg_choices, str) else tuple(msg_choices)
        if not self._choices:
            raise MessageError(
                f'msg_choices must be a list of texts, not {msg_choices!r}. '
                "Give some to pick from: msg_choices=['yes', 'no']."
            )

    def get_message(self) -> str:
        """One of the choices."""
        return self.random.choice(self._choices)


class NonsenseSimulator(MsgSimulator):
    """Talks nonsense.

    >>> NonsenseSimulator(topic='human-messages', key='green', delay=0, seed=7).simulate(count=1)
    green said: the lazy donkey greets a brave candle
    1
    """

    def get_message(self) -> str:
        """A sentence that is well formed and means nothing."""
        kinds = (ADJECTIVES, NOUNS, VERBS, ADJECTIVES, NOUNS)
        quick, fox, jumps, lazy, dog = (self.random.choice(words) for words in kinds)
        return f'the {quick} {fox} {jumps} a {lazy} {dog}'


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
        amount = self.random.randint(2, 99)
        goods = self.random.choice(NOUNS)
        return f'BUY {amount} {goods}s, PAY FOR ONE!!! offer no. {self.tally.sent + 1}'


class CrowdSimulator(MsgSimulator):
    """Many people, made up by Faker, each with a key of their own: they spread over the partitions.

    Args:
        topic: where to.
        senders: how many people.
        delay: seconds between two messages of the whole crowd.
        options: the other arguments of ``MsgSimulator``.

    Attributes:
        senders: their names.

    >>> crowd = CrowdSimulator(topic='human-messages', senders=20, delay=0, seed=1)
    >>> crowd.simulate(count=3, print_msg=False)
    3
    """

    def __init__(self, topic: str, senders: int = 20, delay: float = 0.2, **options: Any) -> None:
        super().__init__(topic, delay=delay, **options)
        if senders < 1:
            raise MessageError(f'senders is {senders}: a crowd needs somebody. Give 1 or more.')
        from faker import Faker  # slow to import, and only a crowd needs it

        self._fake = Faker()
        self._fake.seed_instance(self.random.getrandbits(64))
        self.senders = [str(self._fake.unique.user_name()) for _ in range(senders)]

    def get_sender(self) -> str:
        """Somebody of the crowd."""
        return self.random.choice(self.senders)

    def get_message(self) -> str:
        """A sentence of Faker's."""
        return str(self._fake.sentence())


class ReplaySimulator(MsgSimulator):
    """Replays a chat log with its own timing. The formats stand in ``chatlog.py``.

    Args:
        path: the log: IRC text, JSON lines or CSV.
        speed: 1.0 is the log's own pace, 60 plays an hour in a minute, ``float('inf')`` is as
            fast as possible.
        format: ``'irc'``, ``'jsonl'`` or ``'csv'``; None goes by the file's ending.
        keep_time: stamp the records as far apart as they are in the log, whatever the speed, so
            that a service that counts in record time alerts as it would have done then. The last
            one gets the moment it is sent, none a future one. Use a topic of its own: beside
            newer records these look late. False stamps with the time of sending.
        clock: tells seconds since 1970.
        options: the other arguments of ``MsgSimulator``; ``delay`` counts where the log has no
            time.

    Attributes:
        skipped: how many lines were no message.

    >>> ReplaySimulator('chat.txt', speed=float('inf')).simulate(count=1)
    alice said: hello
    1
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        speed: float = 1.0,
        topic: str = 'human-messages',
        *,
        format: str | None = None,  # noqa: A002 - as in ChatLog
        keep_time: bool = True,
        clock: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        super().__init__(topic, **options)
        if not speed > 0:
            raise MessageError(
                f"speed is {speed!r}. Give a number above 0: 1.0 is the log's own pace, "
                "float('inf') as fast as possible."
            )
        self._log = ChatLog(path, format, pause=self.delay)
        self._speed = speed
        self._keep_time = keep_time
        self._clock = clock
        self._now: Cue | None = None
        self._coming: Cue | None = None
        self._rewind()

    def simulate(self, count: int | None = None, print_msg: bool = True) -> int:
        """Replay the log from its first message until its last, ``count`` or Ctrl-C.

        See ``MsgSimulator.simulate``. If the topic would delete messages of the log's age, that is
        said before the first one; a topic that is new keeps them.
        """
        self._rewind()
        if self._keep_time and self._coming:
            self._prepare_topic(self._coming.timestamp)
        return super().simulate(count, print_msg)

    def get_value(self) -> Any:
        """The next message of the log; None after the last."""
        self._now = self._coming
        self._coming = next(self._cues, None)
        self.skipped = self._log.skipped
        if self._now is None:
            return None
        return super().get_value()

    def get_sender(self) -> str:
        """Who said it."""
        return self._now.sender if self._now else self.sender

    def get_message(self) -> str:
        """What was said."""
        return self._now.contents if self._now else ''

    def get_delay(self) -> float:
        """Seconds until the next message is due; below 0 if it is late."""
        return self._coming.due - self._clock() if self._coming else 0.0

    def send(self, value: Any) -> Any:
        """Send one message, stamped with the log's timing if ``keep_time``."""
        timestamp = self._now.timestamp if self._now and self._keep_time else None
        return send_msg(self.topic, value, key=self.key, timestamp=timestamp)

    def _prepare_topic(self, oldest: float) -> None:
        if time.time() - oldest > FRESH:
            cure = 'replay it with keep_time=False'
            retention.keep(self.topic, oldest, 'Messages of this log', cure)

    def _rewind(self) -> None:
        self._cues = self._log.play(self._clock(), self._speed)
        self._now = None
        self._coming = next(self._cues, None)
        self.skipped = self._log.skipped
