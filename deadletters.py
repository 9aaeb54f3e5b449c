"""Messages that could not be read: kept, with what is known of them, and sent again later.

A consumer or service with ``dead_letter_topic=`` forwards such a record as it is and goes on. Its
headers say where it came from and why it is here::

    dead-letter-topic, dead-letter-partition, dead-letter-offset
    dead-letter-original-timestamp    its time in milliseconds since 1970, and
    dead-letter-original-time         the same as ISO 8601, UTC
    dead-letter-time                  when it was found: ISO 8601, UTC
    dead-letter-why                   what is wrong with it
    dead-letter-cut                   how long its value was, if it was too large to be kept whole
    dead-letter-cut-key               how long its key was, if that was too large
    dead-letter-cut-headers           how many of its headers are kept, if they were too large

The letter's own time is when it was written, so it is kept as long as the dead-letter topic keeps
anything, however old the original is.

``python -m deadletters human-messages.dead`` sends them back to ``human-messages``, each exactly
once: a letter, and that it was sent, are written in one transaction.

The one idea to take away: a bad message must stop nobody, and must not be thrown away either.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any

import settings
from client.dead_letters import Forwarder
from client.redrive import PassedBy, Redrive
from client.send_errors import check_topic
from errors import ChatError, MessageError
from producer import send_raw

__all__ = ['Redriven', 'forward', 'forward_all', 'letter', 'redrive']

# The topic that a dead-letter topic is named after, as people name them.
NAMED_AFTER = re.compile(r'(.+?)[._-](?:dead|dead[._-]?letters?|dlq|dlt)', re.IGNORECASE)
ACKNOWLEDGEMENT_TIMEOUT = 10.0  # seconds


def letter(topic: str, record: Any) -> dict[str, Any]:
    """A dead letter, as the arguments of ``KafkaProducer.send``.

    Bytes, key and headers are the original's unless they are too large, and there are our headers.

    Args:
        topic: the dead-letter topic, without the prefix.
        record: a consumer record whose value is a ``Malformed``.
    """
    return Forwarder(topic).letter(record)


def forward(topic: str, record: Any, timeout: float = ACKNOWLEDGEMENT_TIMEOUT) -> None:
    """Put a record on the dead-letter topic, and wait until it is there.

    Only then may the reader pass it by.

    Raises:
        DeliveryError: Kafka did not acknowledge it.
    """
    forward_all(topic, [record], timeout)


def forward_all(topic: str, records: list[Any], timeout: float = ACKNOWLEDGEMENT_TIMEOUT) -> None:
    """Put records on the dead-letter topic: send all, then wait until all are there.

    Raises:
        DeliveryError: Kafka did not acknowledge one.
    """
    Forwarder(topic, timeout, send_raw).forward_all(records)


class Redriven(int):
    """How many letters were sent again; ``passed_by`` is how many could not be, which were told."""

    passed_by: int = 0


def redrive(
    dead_letter_topic: str,
    *,
    to: str | Iterable[str] | None = None,
    group_id: str = 'redrive',
    timeout: float = 3.0,
) -> Redriven:
    """Send dead letters again to the topic they came from, each exactly once.

    It sends those that are there when it begins: what a reader forwards again meanwhile is left for
    the next time, so that no letter goes round in circles.

    What is no dead letter, was cut, came from another topic, or is refused by Kafka is passed by
    and told; it stops no other letter.

    Args:
        dead_letter_topic: where they are.
        to: the topics that letters may go back to. None is the one that the dead-letter topic is
            named after: ``human-messages`` for ``human-messages.dead``. One that is named here and
            is gone is created for its first letter, if Kafka may.
        group_id: the group that remembers which were sent again; for a topic that only ``to``
            names, the name of that topic is added to it.
        timeout: seconds without an answer after which Kafka counts as gone.

    Returns:
        How many were sent again: an int, whose ``passed_by`` is how many were passed by.

    Raises:
        MessageError: it is not clear where letters may go.
        DeliveryError: Kafka did not acknowledge them.
        RefusedError: another redrive of the same group has begun since.
        UnreachableError: no Kafka there, or it stopped answering.
        AccessError: there is no such topic, or we are not authorized for one.
    """
    check_topic(dead_letter_topic)
    found = NAMED_AFTER.fullmatch(dead_letter_topic)
    home = found[1] if found else None
    targets = _targets(dead_letter_topic, to, home)
    passed_by = PassedBy()
    sent = 0
    for target in targets:
        group = group_id if target == home else f'{group_id}-{target}'
        redriving = Redrive(
            settings.topic_name(dead_letter_topic),
            settings.topic_name(target),
            settings.group_name(group),
            passed_by,
            may_create=to is not None,
            timeout=timeout,
        )
        sent += redriving.run({settings.topic_name(each) for each in targets})
    redriven = Redriven(sent)
    redriven.passed_by = passed_by.finish()
    return redriven


def _targets(dead_letter_topic: str, to: str | Iterable[str] | None, home: str | None) -> list[str]:
    if to is None and home is None:
        raise MessageError(
            f'{dead_letter_topic!r} is not named after a topic, as human-messages.dead is. Name '
            "where its letters may go: to='human-messages', or --to human-messages."
        )
    named = [str(home)] if to is None else [to] if isinstance(to, str) else list(to)
    for topic in named:
        check_topic(topic)
        if topic == dead_letter_topic:
            raise MessageError(
                f'Letters of {topic!r} cannot go back to {topic!r} itself. Name the topic that '
                'they came from.'
            )
    return list(dict.fromkeys(named))


def _main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        usage='python -m deadletters TOPIC [--to TOPIC]...',
        description='Sends what is on TOPIC again to where it came from, each letter once.',
    )
    parser.add_argument('topic', metavar='TOPIC', help='the dead-letter topic')
    parser.add_argument(
        '--to',
        action='append',
        metavar='TOPIC',
        help='a topic that letters may go back to; without it, human-messages for '
        'human-messages.dead',
    )
    chosen = parser.parse_args(arguments)
    try:
        redriven = redrive(chosen.topic, to=chosen.to)
    except ChatError as error:
        sys.exit(str(error))
    passed_by = f', {redriven.passed_by} passed by' if redriven.passed_by else ''
    print(f'{redriven} sent again{passed_by}')


if __name__ == '__main__':
    _main(sys.argv[1:])
