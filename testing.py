"""A learner's kit: test a bot or a service of your own in ten lines (walkthrough steps 5 and 8).

In a test, ``say`` and ``hear`` are pytest fixtures on a topic that nobody else uses::

    def test_it_answers(topic, say, hear):
        with Dice(topic) as bot:
            say('red', '!dice')
            bot.run(count=1)
        assert hear()[-1]['sender'] == 'dice'

Without Kafka, ``record('red', '!dice')`` is what a service is given for each message, and
``overhear(service)`` is what it sends.

The one idea to take away: when ``run`` returns, what it sent is in the log. So a test needs no
waiting, and cannot flicker.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import itertools
import time
from typing import Any

from kafka.consumer.fetcher import ConsumerRecord

from client.read_to_end import read_to_end
from consumer import get_consumer
from errors import OpenTransactionError, UnreachableError
from producer import send_msg

__all__ = ['Conversation', 'overhear', 'record']

POLL_MS = 100

_offsets = itertools.count()  # of the records that record() makes


class Conversation:
    """A topic to say and hear something in.

    Args:
        topic: its name.

    >>> room = Conversation('a-room-of-ones-own')
    >>> room.say('red', 'hello')
    >>> room.hear(1)
    [{'sender': 'red', 'contents': 'hello'}]
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._consumers: dict[str, Any] = {}

    def say(self, sender: str, contents: str, **options: Any) -> None:
        """Send a message, and return once Kafka has it.

        Args:
            sender: who says it.
            contents: what is said.
            **options: as for ``send_msg``: ``key``, ``headers``, ``timestamp``.
        """
        send_msg(self.topic, {'sender': sender, 'contents': contents}, block=True, **options)

    def hear(
        self, n: int | None = None, timeout: float = 10.0, topic: str | None = None
    ) -> list[Any]:
        """The next messages of the topic, from its beginning on, whoever sent them.

        The next call goes on behind them.

        Args:
            n: wait for exactly so many; None takes all that is there at this moment, and waits
                for nothing.
            timeout: seconds to wait for them.
            topic: another topic than the room's, such as the one that alerts go to.

        Returns:
            Their values: ``[{'sender': 'red', 'contents': 'hello'}]``.

        Raises:
            AssertionError: fewer came; it says which.
        """
        name = topic or self.topic
        if name not in self._consumers:
            self._consumers[name] = get_consumer(name, offset='earliest')
        consumer = self._consumers[name]
        if n is None:
            return _hear_all(consumer, name, timeout)
        return _hear_next(consumer, name, n, timeout)

    def close(self) -> None:
        """Close what hears."""
        for consumer in self._consumers.values():
            consumer.close()
        self._consumers.clear()


def _hear_all(consumer: Any, name: str, timeout: float) -> list[Any]:
    heard: list[Any] = []
    try:
        for messages in read_to_end(consumer, timeout, open_transaction=timeout):
            heard += [message.value for message in messages]
    except (UnreachableError, OpenTransactionError) as error:
        raise AssertionError(_too_few('all', heard, name, timeout)) from error
    return heard


def _hear_next(consumer: Any, name: str, n: int, timeout: float) -> list[Any]:
    heard: list[Any] = []
    deadline = time.monotonic() + timeout
    while len(heard) < n:
        batch = consumer.poll(timeout_ms=POLL_MS, max_records=n - len(heard))
        for messages in batch.values():
            heard += [message.value for message in messages]
        if len(heard) < n and time.monotonic() > deadline:
            raise AssertionError(_too_few(n, heard, name, timeout))
    return heard


def _too_few(wanted: int | str, heard: list[Any], name: str, timeout: float) -> str:
    return f'{len(heard)} of {wanted} messages came to {name!r} within {timeout:g} s: {heard}'


def record(
    sender: str,
    contents: str,
    timestamp: float | None = None,
    headers: list[tuple[str, bytes]] | None = None,
) -> Any:
    """A message as a service is given it, without any Kafka.

    It is the next one of the only partition of ``human-messages``.

    Args:
        sender: who says it.
        contents: what is said.
        timestamp: seconds since 1970; None is now.
        headers: pairs of name and bytes.

    >>> record('red', 'hello').value
    {'sender': 'red', 'contents': 'hello'}
    """
    value = {'sender': sender, 'contents': contents}
    stamp = int((time.time() if timestamp is None else timestamp) * 1000)
    return ConsumerRecord(
        topic='human-messages',
        partition=0,
        leader_epoch=0,
        offset=next(_offsets),
        timestamp=stamp,
        timestamp_type=0,
        key=sender,
        value=value,
        headers=headers or [],
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        serialized_header_size=0,
    )


def overhear(service: Any) -> list[tuple[str, Any]]:
    """Let a service send into a list instead of to Kafka.

    An alert service finds in ``self.state`` what its ``new_state()`` made, and in ``self.now`` the
    record's time, as if ``monitor()`` ran.

    Args:
        service: any ``Service``, bot or ``AlertService``.

    Returns:
        The list, which grows with what it sends: ``[(topic, value), ...]``.

    >>> from bots import AnswerBot
    >>> bot = AnswerBot('human-messages', answers={'!ping': 'pong'})
    >>> sent = overhear(bot)
    >>> bot.on_message(record('red', '!ping'))
    bot said: pong
    >>> sent
    [('human-messages', {'sender': 'bot', 'contents': 'pong'})]
    """
    sent: list[tuple[str, Any]] = []
    rehearse = getattr(service, '_rehearse', None)
    if rehearse is not None:
        rehearse(sent)
        return sent
    service.send = lambda topic, value, because=None, **options: sent.append((topic, value))
    return sent
