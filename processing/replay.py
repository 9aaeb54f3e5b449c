"""What a topic holds until now: the past, as far as a service needs it (walkthrough step 8).

The one idea to take away: there is no other memory. Who was here, what was answered, what was
copied: all of it is read back from the log, at the moment it is needed.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import kafka
import kafka.errors

import settings
from client.read_to_end import read_to_end
from connection import diagnosis
from consumer import get_consumer

__all__ = ['BECAUSE', 'causes', 'ensure_topic', 'origin', 'read_back']

BECAUSE = 'because'  # the header that names the record a message was sent for


def read_back(
    *topics: str, offset: Any = 'earliest', schema: Any = None, quiet: bool = False
) -> Iterator[Any]:
    """All records up to the present end, then it is over: how a service learns what was before it.

    Args:
        *topics: what to read.
        offset: where to start, as in ``get_consumer``; -100 is the last hundred of each partition.
        schema: records that do not fit are reported and left out.
        quiet: they are left out, and whoever reads the topic otherwise reports them.

    Raises:
        UnreachableError: Kafka stopped answering.

    >>> senders = {record.key for record in read_back('human-messages')}
    """
    with contextlib.closing(get_consumer(*topics, offset=offset, schema=schema)) as consumer:
        consumer.skipped.is_quiet = quiet
        for records in read_to_end(consumer):
            yield from records


def ensure_topic(topic: str, config: Mapping[str, str], partitions: int = 1) -> None:
    """Make a topic with settings of its own, if it is not there.

    Args:
        topic: its name.
        config: Kafka's own topic settings, ``{'cleanup.policy': 'compact'}``.
        partitions: how many.

    Raises:
        UnreachableError: no Kafka there.

    >>> ensure_topic('presence', {'cleanup.policy': 'compact'})
    """
    options = settings.client_options('admin')
    diagnosis.require_listener(options)
    with (
        contextlib.closing(kafka.KafkaAdminClient(**options)) as admin,
        contextlib.suppress(kafka.errors.TopicAlreadyExistsError),
    ):
        wanted = {
            settings.topic_name(topic): {'num_partitions': partitions, 'configs': dict(config)}
        }
        admin.create_topics(wanted, wait_for_metadata=True)


def origin(record: Any) -> str:
    """The name of a record, ``'human-messages/0/17'``: no other record ever has it."""
    return f'{record.topic}/{record.partition}/{record.offset}'


def causes(topic: str, last: int = 20_000) -> set[str]:
    """For which records something was sent to a topic: a crash may have hidden that it was done.

    Args:
        topic: where it was sent to.
        last: how many messages to look at, the last ones of each partition.

    Returns:
        The `origin` of each: ``{'human-messages/0/17'}``.
    """
    found = set()
    for record in read_back(topic, offset=-last):
        for name, data in record.headers:
            if name == BECAUSE:
                found.add((data or b'').decode(errors='replace'))
    return found
