"""Chatbots that listen as well as talk (walkthrough step 5): one answers, one talks like the room.

A bot of your own decides in ``answer``, without Kafka::

    class Dice(AnswerBot):
        def answer(self, message):
            return 'you rolled a 4' if message['contents'] == '!dice' else None

    Dice(topic='human-messages', sender='dice').run()

The one idea to take away: a program that reads the topic it writes to hears itself. Each bot
signs with a header ``bot``, and no bot listens to what is signed, so two of them in one room stay
quiet towards each other.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

from random import Random
from typing import Any

import markovify
from kafka import TopicPartition
from markovify.chain import BEGIN, END

import settings
from errors import MessageError
from processing.at_least_once import Service
from processing.replay import Causes, origin, read_back
from schemas import HumanMessage, chat_line, show

__all__ = ['AnswerBot', 'RoomTalker', 'is_from_bot']

SIGNATURE = 'bot'


def is_from_bot(record: Any) -> bool:
    """Whether a record is signed by a bot: it has a header ``bot``."""
    return any(name == SIGNATURE for name, _ in record.headers)


class AnswerBot(Service):
    """Answers people. Override ``answer``, or give ``answers``.

    Teaches: consume and produce, without an endless echo.

    With ``group_id`` it is durable, at least once and idempotent: each answer names the message
    that it answers in a header, so that after a crash the bot sees in the log itself which
    answers were given, however long ago. At its start it reads a topic of one partition from its
    last commit on, any other one from its beginning (about 5 s for a million messages). What the
    log cannot tell is what another instance says at the same moment: one that Kafka takes for dead,
    and that answers all the same, doubles an answer.

    Args:
        topic: the room.
        answers: what to say to what: ``{'!ping': 'pong'}``.
        sender: the bot's name in the room.
        group_id: see ``Service``.
        offset: see ``Service``.

    Attributes:
        sender: as given; and all of ``Service``.

    >>> bot = AnswerBot(topic='human-messages', answers={'!ping': 'pong'})
    >>> bot.answer({'sender': 'red', 'contents': '!ping'})
    'pong'
    """

    def __init__(
        self,
        topic: str,
        answers: dict[str, str] | None = None,
        sender: str = 'bot',
        group_id: str | None = None,
        offset: Any = 'latest',
    ) -> None:
        super().__init__(topic, group_id, offset)
        self.sender = sender
        self._answers = answers or {}
        self._answered = Causes(topic, self._is_mine)

    def answer(self, message: HumanMessage) -> str | None:
        """What to say to a message; None keeps quiet. No Kafka here, so it is easily tested.

        Args:
            message: ``{'sender': 'red', 'contents': '!ping'}``.
        """
        return self._answers.get(message['contents'].strip().lower())

    def start_at(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Before the first message: which answers were given already?"""
        if self.group_id is not None:
            self._answered.catch_up(self._since())
        return {}

    def _since(self) -> int:
        """An offset before which no answer can be that still matters.

        On a topic of one partition an answer is behind its question, and the question behind what
        the group has committed. Of several partitions nothing like that can be said.
        """
        partitions = self.open().assignment()
        numbers = self.open().partitions_for_topic(settings.topic_name(self.topic))
        if len(partitions) != 1 or len(numbers or ()) != 1:
            return 0
        return self.open().committed(*partitions) or 0

    def _is_mine(self, record: Any) -> bool:
        return (SIGNATURE, self.sender.encode()) in record.headers

    def on_message(self, record: Any) -> None:
        """Answer a person's message once, and print what was said."""
        if is_from_bot(record) or record.value['sender'] == self.sender:
            return
        if origin(record) in self._answered:
            return
        contents = self.answer(record.value)
        if contents is None:
            return
        message = {'sender': self.sender, 'contents': contents}
        self.send(
            self.topic,
            message,
            because=record,
            schema=HumanMessage,
            headers=[(SIGNATURE, self.sender.encode())],
        )
        show(chat_line(message))


class RoomTalker(AnswerBot):
    """Talks like the room: says a made-up sentence after ``every`` messages of people.

    Teaches: the log is the training data.

    It learns by replaying the topic from its beginning at each start (a Markov chain: which word
    follows which two) and goes on learning as people talk. With ``group_id`` the group remembers
    what it reacted to; what it knows needs no memory but the log.

    Args:
        topic: the room.
        every: it speaks after so many messages of people.
        sender: the bot's name in the room.
        seed: the same seed and the same log give the same words.
        options: the other arguments of ``AnswerBot``.

    Attributes:
        random: its own source of chance.
        learned: from how many messages it has learned; and all of ``AnswerBot``.

    >>> talker = RoomTalker(topic='human-messages', seed=1)
    >>> talker.learn('the cat sat')
    >>> talker.sentence()
    'the cat sat'
    """

    def __init__(
        self,
        topic: str,
        every: int = 10,
        sender: str = 'parrot',
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(topic, sender=sender, **options)
        if every < 1:
            raise MessageError(f'every={every!r}: it speaks after so many messages, 1 or more.')
        self.random = Random(seed)
        self.learned = 0
        self._every = every
        self._heard = 0  # messages of people since the start
        self._known: dict[int, int] = {}  # by partition: the offset up to which it has learned
        self._follows: dict[tuple[str, ...], dict[str, int]] = {}  # how often what follows what

    def learn(self, text: str) -> None:
        """Learn from one message."""
        words = [BEGIN, BEGIN, *text.split(), END]
        for *state, follow in zip(words, words[1:], words[2:], strict=False):
            choices = self._follows.setdefault(tuple(state), {})
            choices[follow] = choices.get(follow, 0) + 1
        self.learned += 1

    def sentence(self) -> str:
        """Something that the room might say; empty if nothing was learned yet."""
        if not self._follows:
            return ''
        return ' '.join(_Chain(self._follows, self.random).gen())

    def start_at(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Before the first message: learn all that was said so far, on all partitions."""
        for record in read_back(self.topic, schema=self.schema, quiet=True):
            self._learn_once(record)
        return super().start_at(partitions)

    def _learn_once(self, record: Any) -> None:
        if record.offset < self._known.get(record.partition, 0):
            return
        self._known[record.partition] = record.offset + 1
        if not is_from_bot(record):
            self.learn(record.value['contents'])

    def forget(self) -> None:
        """It counts anew until it speaks; what it has learned it knows once."""
        self._heard = 0

    def on_message(self, record: Any) -> None:
        """Learn; and speak, if it is time."""
        self._learn_once(record)
        super().on_message(record)

    def answer(self, message: HumanMessage) -> str | None:
        """A sentence after each ``every`` messages."""
        self._heard += 1
        if self._heard % self._every != 0:
            return None
        return self.sentence() or None


class _Chain(markovify.Chain):  # type: ignore[misc]
    """markovify's chain, with a model that grows and chance of its own."""

    def __init__(self, model: dict[tuple[str, ...], dict[str, int]], random: Random) -> None:
        self.state_size = 2
        self.model = model
        self.random = random
        self.compiled = False

    def move(self, state: tuple[str, ...]) -> str:
        choices = self.model[state]
        return self.random.choices(list(choices), list(choices.values()))[0]
