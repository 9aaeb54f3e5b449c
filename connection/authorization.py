"""Whether the topics and the group are there, and whether we are authorized to use them.

`diagnosis` asks once the connection stands, before a client does.

The one idea to take away: who you are (the login) and what you are authorized to do (the ACLs) are
two questions, and the second is asked for each topic and each group.
"""

import time
from collections.abc import Sequence
from typing import Any, NoReturn

from connection.handshake import Handshake
from connection.topic_names import nearest_topic, tell_of_new_topic
from connection.wire import BrokenConnectionError
from errors import AccessError

__all__ = ['require_group', 'require_topic']

OPERATIONS = {'read': 3, 'write': 4}  # the numbers of an ACL's operations in Kafka's protocol

# Error codes of Kafka's protocol.
UNKNOWN_TOPIC_OR_PARTITION = 3
LEADER_NOT_AVAILABLE = 5
INVALID_TOPIC_EXCEPTION = 17
TOPIC_AUTHORIZATION_FAILED = 29
GROUP_AUTHORIZATION_FAILED = 30
BEING_CREATED = (UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE)

POLL = 0.02  # seconds between two looks at a topic that is being created


def require_topic(handshake: Handshake, topic: str, operations: Sequence[str]) -> None:
    """Be sure that a topic is there, created if that is allowed, and may be read or written.

    Args:
        handshake: a complete one.
        topic: a name on the cluster.
        operations: ``'read'``, ``'write'``.

    Raises:
        AccessError: the topic does not exist, cannot exist, or we are not authorized.
    """
    found = _find_topic(handshake, topic)
    if found.error_code in BEING_CREATED and (other := _colliding_topic(handshake, topic)):
        raise AccessError(
            f'Topic {topic!r} cannot be created at {handshake.address}: {other!r} is there, and '
            'Kafka takes no two names that differ only in "." and "_" (INVALID_TOPIC_EXCEPTION). '
            f'Use {other!r}, or another name.'
        )
    if found.error_code == INVALID_TOPIC_EXCEPTION:
        raise AccessError(
            f'{topic!r} is not a valid topic name (INVALID_TOPIC_EXCEPTION). Use letters, digits, '
            'dots, dashes and underscores only, at most 249 of them.'
        )
    if found.error_code == UNKNOWN_TOPIC_OR_PARTITION:
        near = nearest_topic(topic, _all_topics(handshake))
        meant = f'Did you mean {near!r}? ' if near else ''
        raise AccessError(
            f'Topic {topic!r} does not exist at {handshake.address} (UNKNOWN_TOPIC_OR_PARTITION), '
            f'and is not created automatically (auto.create.topics.enable). {meant}'
            f'Create it: kafka-topics.sh --bootstrap-server {handshake.address} --create '
            f'--topic {topic}, or on the page of your managed Kafka.'
        )
    for operation in operations:
        denied = found.error_code == TOPIC_AUTHORIZATION_FAILED
        if denied or not _is_authorized(found, operation):
            what = f'write to topic {topic!r}' if operation == 'write' else f'read topic {topic!r}'
            _fail(handshake, what, 'TOPIC_AUTHORIZATION_FAILED', operation)
    count = len(found.partitions)
    handshake.report(
        'topic',
        f'{topic}: {count} partition{"" if count == 1 else "s"}, may {" and ".join(operations)}',
    )


def require_group(handshake: Handshake, group: str) -> None:
    """Be sure that a consumer group may be used.

    Args:
        handshake: a complete one.
        group: a name on the cluster.

    Raises:
        AccessError: we are not authorized.
    """
    from kafka.protocol.admin import DescribeGroupsRequest

    request = DescribeGroupsRequest(
        groups=[group], include_authorized_operations=True, max_version=5
    )
    try:
        found = handshake.connection.request(request).groups[0]
    except BrokenConnectionError:
        return  # the client will ask again, and says what it hears
    if found.error_code == GROUP_AUTHORIZATION_FAILED or not _is_authorized(found, 'read'):
        _fail(handshake, f'read group {group!r}', 'GROUP_AUTHORIZATION_FAILED', 'read')
    handshake.report('group', f'{group}: may read')


def _find_topic(handshake: Handshake, topic: str) -> Any:
    """What the broker knows of a topic, once it is created: that takes a moment."""
    create = handshake.options.get('allow_auto_create_topics', True)
    found = handshake.request_metadata([topic], create).topics[0]
    half = handshake.seconds_left() / 2
    is_new = found.error_code in BEING_CREATED
    if is_new and _colliding_topic(handshake, topic):
        return found
    while create and found.error_code in BEING_CREATED and handshake.seconds_left() > half:
        time.sleep(POLL)
        found = handshake.request_metadata([topic], create).topics[0]
    if is_new and not found.error_code:
        tell_of_new_topic(topic, _all_topics(handshake))
    return found


def _colliding_topic(handshake: Handshake, topic: str) -> str | None:
    """A topic whose name Kafka's metrics could not tell from this one: 'a.b' for 'a_b'."""
    if '.' not in topic and '_' not in topic:
        return None
    names = _all_topics(handshake)
    alike = [name for name in names if name.replace('.', '_') == topic.replace('.', '_')]
    return alike[0] if alike and topic not in alike else None


def _all_topics(handshake: Handshake) -> list[str]:
    return [each.name for each in handshake.request_metadata(None).topics]


def _is_authorized(found: Any, operation: str) -> bool:
    # None: the broker is too old to tell, or has no authorizer.
    operations = found.authorized_operations
    return operations is None or OPERATIONS[operation] in operations


def _fail(handshake: Handshake, what: str, error_name: str, operation: str) -> NoReturn:
    user = handshake.options.get('sasl_plain_username')
    who = f'User {user!r}' if user else 'This client'
    raise AccessError(
        f'{who} is not authorized to {what} ({error_name}) at {handshake.address}. '
        f'Ask for an ACL that allows {operation.upper()}, or use a name that you are authorized '
        'for; on a shared cluster it begins with KAFKA_PREFIX.'
    )
