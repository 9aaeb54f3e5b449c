"""Which of Kafka's errors waiting can mend, and what is said about those that it cannot.

Every loop over a consumer asks here. What is temporary is tried again; the rest ends the loop with
an error that names the cause, the value and the way out.

The one idea to take away: to try again is an answer to some errors only. Know which.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import kafka.errors as client

from errors import (
    AccessError,
    ChatError,
    DeliveryError,
    RefusedError,
    SettingsError,
    UnreachableError,
)

__all__ = ['ABOUT_A_RECORD', 'explain', 'is_temporary', 'is_vague']

# Not marked as retriable by kafka-python, and yet another try, with a new transaction or a new
# place in the group, succeeds.
TEMPORARY: tuple[type[BaseException], ...] = (
    client.RetriableError,
    client.CommitFailedError,
    client.IllegalGenerationError,
    client.UnknownMemberIdError,
    client.MemberIdRequiredError,
    client.RebalanceInProgressError,
    client.StaleMemberEpochError,
    client.FencedMemberEpochError,
    client.ProducerFencedError,
    client.InvalidProducerEpochError,
    client.InvalidProducerIdMappingError,
    client.InvalidTxnStateError,
    client.OutOfOrderSequenceNumberError,
    client.DuplicateSequenceNumberError,
    client.UnknownProducerIdError,
    client.TransactionCoordinatorFencedError,
    client.TransactionAbortableError,
    client.TransactionAbortedError,
    client.OperationNotAttemptedError,
    client.BrokerNotAvailableError,
    client.ReassignmentInProgressError,
    client.OffsetOutOfRangeError,
    client.LogTruncationError,
    client.CorruptRecordError,  # of a record on its way to a broker
    client.UnknownBrokerIdError,
    client.QuotaViolationError,
    client.InvalidReceiveError,
)
# kafka-python's own, which only say that something else failed before: what is inside counts.
WRAPPERS = (client.KafkaError, client.IllegalStateError, client.TransactionAbortedError)
# These are about one record, not about the transaction that it is part of.
ABOUT_A_RECORD = (
    client.MessageSizeTooLargeError,
    client.RecordListTooLargeError,
    client.InvalidTimestampError,
    client.InvalidRecordError,
    client.InvalidTopicError,
    client.TopicAuthorizationFailedError,
)
NAME_IN_TEXT = re.compile(r'\b[A-Z]\w+\b')
# Kafka's documentation has other names for these than kafka-python.
NAMES = {
    client.MessageSizeTooLargeError: 'MESSAGE_TOO_LARGE',
    client.InvalidTopicError: 'INVALID_TOPIC_EXCEPTION',
    client.UnknownError: 'UNKNOWN_SERVER_ERROR',
}


class Verdict(NamedTuple):
    """What an error that waiting cannot mend becomes: which error, and what it says."""

    kind: type[ChatError]
    text: str


TOO_LARGE = Verdict(
    DeliveryError,
    'A record is larger than the topic {topic!r} takes. '
    'Set its max.message.bytes higher, or write less.',
)
MEMBER_REPLACED = Verdict(
    RefusedError,
    'Another member of the group {group_id!r} has the same '
    'group_instance_id={group_instance_id!r}. Use one of its own for each member.',
)
LOGIN = Verdict(
    AccessError,
    'Kafka refuses the login. Set KAFKA_SASL_MECHANISM, KAFKA_SASL_PLAIN_USERNAME and '
    'KAFKA_SASL_PLAIN_PASSWORD as whoever runs this Kafka says (python -m settings tries them).',
)
TOO_OLD = Verdict(
    SettingsError,
    'This Kafka does not know a request that is needed here: {said}. Use Kafka 2.5 or later, and '
    'leave KAFKA_API_VERSION out.',
)
METADATA = Verdict(
    SettingsError,
    'Kafka does not keep the text that this service commits with its offsets in the group '
    "{group_id!r}. Set the broker's offset.metadata.max.bytes to 4096, its default.",
)
COMPRESSION = Verdict(
    SettingsError,
    'The compression is not known: {said}. Set KAFKA_COMPRESSION_TYPE to one that this Kafka has, '
    'or leave it out.',
)

VERDICTS: dict[type[BaseException], Verdict] = {
    client.InvalidSessionTimeoutError: Verdict(
        SettingsError,
        'session_timeout_ms={session_timeout_ms} is not allowed for the group {group_id!r}: the '
        'broker has limits (group.min.session.timeout.ms, group.max.session.timeout.ms). '
        'Set KAFKA_SESSION_TIMEOUT_MS to a time between them.',
    ),
    client.InconsistentGroupProtocolError: Verdict(
        SettingsError,
        'The members of the group {group_id!r} share partitions by another assignor than '
        'partition_assignment_strategy={assignors}. Use the same in all of them, or another '
        'group_id.',
    ),
    client.UnsupportedAssignorError: Verdict(
        SettingsError,
        'The group {group_id!r} does not know partition_assignment_strategy={assignors}. '
        'Use another one.',
    ),
    client.GroupMaxSizeReachedError: Verdict(
        RefusedError,
        'The group {group_id!r} has as many members as the broker allows (group.max.size). '
        'Stop one of them first. Use another group_id to read everything by yourself.',
    ),
    client.FencedInstanceIdError: MEMBER_REPLACED,
    client.UnreleasedInstanceIdError: MEMBER_REPLACED,
    client.InvalidGroupIdError: Verdict(
        SettingsError, '{group_id!r} is not the name of a group. Use another group_id.'
    ),
    client.MessageSizeTooLargeError: TOO_LARGE,
    client.RecordListTooLargeError: TOO_LARGE,
    client.InvalidTimestampError: Verdict(
        DeliveryError,
        'The time of a record is not one that the topic {topic!r} takes. Set its '
        'message.timestamp.before.max.ms and message.timestamp.after.max.ms higher, or send '
        'another timestamp.',
    ),
    client.InvalidRecordError: Verdict(
        DeliveryError,
        'The topic {topic!r} does not take a record. Use a key if the topic is compacted '
        '(cleanup.policy=compact), and a timestamp that is neither too old nor in the future.',
    ),
    client.InvalidTopicError: Verdict(
        AccessError,
        '{topic!r} is no topic that can be written to: its name is illegal, or internal to Kafka, '
        "or differs from another topic's only in dots and underscores. Use another name.",
    ),
    client.UnsupportedVersionError: TOO_OLD,
    client.UnsupportedForMessageFormatError: TOO_OLD,
    client.InvalidTransactionTimeoutError: Verdict(
        SettingsError,
        "transaction_timeout_ms={transaction_timeout_ms} is more than the broker's "
        'transaction.max.timeout.ms. Set KAFKA_TRANSACTION_TIMEOUT_MS lower.',
    ),
    client.OffsetMetadataTooLargeError: METADATA,
    client.InvalidCommitOffsetSizeError: METADATA,
    client.UnsupportedCodecError: COMPRESSION,
    client.UnsupportedCompressionTypeError: COMPRESSION,
    client.TopicAuthorizationFailedError: Verdict(
        AccessError,
        'Not authorized to use the topic {topic!r}: {said}. Ask for WRITE on a topic that is '
        'written to, and for READ on one that is read, or use another one.',
    ),
    client.GroupAuthorizationFailedError: Verdict(
        AccessError,
        'Not authorized to use the group {group_id!r}. Ask for READ on it, or use another '
        'group_id.',
    ),
    client.TransactionalIdAuthorizationFailedError: Verdict(
        AccessError,
        'Not authorized to write in a transaction as {transactional_id!r}. Ask for WRITE on '
        'transactional ids that begin with the group, or leave group_id out.',
    ),
    client.AuthorizationError: Verdict(
        AccessError, 'Not authorized: {said}. Ask whoever runs this Kafka, or use another name.'
    ),
    client.SaslAuthenticationFailedError: LOGIN,
    client.UnsupportedSaslMechanismError: LOGIN,
    client.IllegalSaslStateError: LOGIN,
    client.KafkaConfigurationError: Verdict(
        SettingsError,
        'kafka-python refuses these settings: {said}. Set the KAFKA_ option of that name to '
        'another value.',
    ),
    BaseException: Verdict(
        RefusedError,
        'Kafka refuses this, and would again: {said}. Look for the name in its documentation, and '
        'mend the cause first. Try it again then.',
    ),
}


def is_temporary(error: BaseException) -> bool:
    """Whether another try may succeed.

    Args:
        error: of kafka-python, or one of ours; what it wraps or was caused by counts.

    >>> is_temporary(client.KafkaTimeoutError('no answer'))
    True
    >>> is_temporary(client.KafkaError('Unexpected: [Error 50] InvalidTransactionTimeoutError'))
    False
    """
    if isinstance(error, UnreachableError):
        return True
    if isinstance(error, DeliveryError):  # ours only repeats what the client said
        return isinstance(error.__cause__, client.KafkaError) and is_temporary(error.__cause__)
    if not isinstance(error, client.KafkaError):
        return False
    return is_vague(error) or issubclass(_cause(error), TEMPORARY)


def is_vague(error: BaseException) -> bool:
    """Whether an error of kafka-python does not tell what failed; it should not be tried for ever.

    >>> is_vague(client.KafkaError('invalid transition'))
    True
    """
    return _cause(error) in (client.KafkaError, client.IllegalStateError)


def explain(error: BaseException, **values: Any) -> ChatError:
    """The error to end with: cause, value, cure, and Kafka's own name.

    Args:
        error: of kafka-python; it should become the cause of what is returned.
        **values: what the text may name: ``topic``, and options such as ``group_id``.
    """
    if isinstance(error, ChatError):
        return error
    cause = _cause(error)
    verdict = next(VERDICTS[kind] for kind in cause.__mro__ if kind in VERDICTS)
    name = NAMES.get(cause) or getattr(cause, 'message', None) or cause.__name__
    strategy = values.get('partition_assignment_strategy') or ()
    known = _Values(values)
    known['said'] = str(error).rstrip('.!')
    known['assignors'] = ', '.join(str(getattr(each, 'name', each)) for each in strategy)
    return verdict.kind(f'{verdict.text.format_map(known)} ({name})')


class _Values(dict[str, Any]):
    """What a text may name; what is not known here is called by its name."""

    def __missing__(self, name: str) -> str:
        return name


def _cause(error: BaseException) -> type[BaseException]:
    """The class of what went wrong: of the error itself, or of what it wraps.

    kafka-python often raises a bare KafkaError whose cause, or whose text, names the real one. Of
    several, the first that waiting does not mend.
    """
    if type(error) not in WRAPPERS:
        return type(error)
    inside = [kind for kind in _inside(error) if kind not in WRAPPERS]
    for kind in inside:
        if not issubclass(kind, TEMPORARY):
            return kind
    return inside[0] if inside else type(error)


def _inside(error: BaseException) -> Iterator[type[BaseException]]:
    if isinstance(error.__cause__, client.KafkaError):
        yield _cause(error.__cause__)
    for argument in error.args:
        if isinstance(argument, client.KafkaError):
            yield _cause(argument)
        for name in NAME_IN_TEXT.findall(str(argument)):
            kind = getattr(client, name, None)
            if isinstance(kind, type) and issubclass(kind, client.KafkaError):
                yield kind
