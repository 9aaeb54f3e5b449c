"""Read messages (walkthrough step 2).

``get_consumer`` returns a KafkaConsumer to loop over; its records carry decoded values:
``msg.value['sender']``. What cannot be read is reported with its place and skipped; it never ends
the loop.

The one idea to take away: reading takes nothing away. Each consumer has its own position in the
log, and can move it.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import datetime
from typing import Any

import kafka.errors

import settings
from client import send_errors
from client.chat_producer import REFUSALS
from client.consumer_loop import ChatConsumer
from client.dead_letters import Forwarder
from connection import diagnosis
from errors import MessageError

__all__ = ['get_consumer']


def get_consumer(
    *topics: str,
    topic: str | None = None,
    offset: str | int | datetime.datetime = 'latest',
    group_id: str | None = None,
    timeout: float | None = None,
    schema: Any = None,
    dead_letter_topic: str | None = None,
    **options: Any,
) -> ChatConsumer:
    """A consumer to loop over.

    Args:
        *topics: what to read. A topic that does not exist is created if Kafka may; if one with
            nearly the same name is there, a line says so.
        topic: the same by its name, as for ``send_msg``.
        offset: where to start: ``'latest'`` (all that is sent after this call returns),
            ``'earliest'``, a datetime (the first record of that time or later; without a time zone
            it is local time), or a number (negative: the last so many records of each partition).
            With a group that has committed offsets, those win.
        group_id: members of a group share the partitions, and the group remembers how far it has
            come (kafka-python's own rules).
        timeout: seconds without a record after which a loop ends; None waits for ever. The time
            that the loop's body takes does not count.
        schema: a TypedDict that each value must fit, such as ``schemas.HumanMessage``.
        dead_letter_topic: where records that cannot be read are forwarded to, unchanged unless
            they are too large.
        **options: kafka-python's own options, for the rare case.

    Returns:
        A KafkaConsumer. Records have ``topic, partition, offset, timestamp`` (ms), ``key, value,
        headers``.

    Raises:
        UnreachableError: no Kafka there, within 5 s.
        AccessError: not authorized to read a topic, or it does not exist.
        MessageError: an argument makes no sense.

    >>> c = get_consumer('human-messages', offset='earliest', timeout=1.0)
    >>> for msg in c:
    ...     print("{} said: {}".format(msg.value['sender'], msg.value['contents']))
    """
    if topic is not None:
        topics = (*topics, topic)
    _check(topics, offset, timeout, group_id, dead_letter_topic)
    names = [settings.topic_name(each) for each in topics]
    if timeout is not None:
        options['consumer_timeout_ms'] = timeout * 1000
    if group_id is not None:
        options['group_id'] = settings.group_name(group_id)
    else:
        options['enable_auto_commit'] = False  # there is nobody to commit for
    # A partition that appears later is read from its beginning: all of it was sent after this call.
    known = settings.client_options('consumer', **{'auto_offset_reset': 'earliest', **options})
    diagnosis.require_access(known, names, 'read', known.get('group_id'))
    letters = None if dead_letter_topic is None else Forwarder(dead_letter_topic)
    try:
        made = ChatConsumer(schema=schema, dead_letters=letters, **known)
    except kafka.errors.KafkaTimeoutError as error:
        raise diagnosis.explain(known, error) from error
    except MessageError:
        raise
    except REFUSALS as error:
        raise diagnosis.invalid_options(error) from error
    try:
        made.start_at(names, offset)
    except BaseException:
        made.close(autocommit=False)
        raise
    return made


def _check(
    topics: tuple[str, ...], offset: Any, timeout: Any, group_id: Any, dead_letter_topic: Any
) -> None:
    if not topics:
        raise MessageError("get_consumer() needs a topic: get_consumer('human-messages').")
    for topic in topics:
        send_errors.check_topic(topic)
    if dead_letter_topic is not None:
        send_errors.check_topic(dead_letter_topic)
    if dead_letter_topic in topics:
        raise MessageError(
            f'{dead_letter_topic!r} is read and takes the dead letters: each would be read again '
            'for ever. Name another topic for them.'
        )
    if group_id is not None and not _is_name(group_id):
        raise MessageError(
            f'group_id={group_id!r} is not the name of a group (INVALID_GROUP_ID). Use text, such '
            "as 'throttle', or None."
        )
    _check_offset(offset)
    if timeout is not None and not (isinstance(timeout, int | float) and timeout >= 0):
        raise MessageError(
            f'timeout={timeout!r} is not a time to wait. Give seconds, such as 5.0, or None to '
            'wait for ever.'
        )


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and text != '' and text.isprintable()


def _check_offset(offset: Any) -> None:
    if isinstance(offset, datetime.datetime):
        try:
            offset.timestamp()
        except (ValueError, OverflowError, OSError) as error:
            raise MessageError(
                f'offset={offset!r} is a time that this system does not know ({error}). Use one '
                'after 1970.'
            ) from error
        return
    is_number = isinstance(offset, int) and not isinstance(offset, bool)
    if not is_number and offset not in ('latest', 'earliest'):
        raise MessageError(
            f"offset={offset!r} is not a place in a log. Use 'latest', 'earliest', a datetime, or "
            'a number (-10: the last ten).'
        )
