"""Who may do what on one Kafka that a whole class uses: learners, ACLs, quotas.

Used by ``python -m broker --classroom``. Kafka itself keeps all of it, in its log of metadata, so a
restart forgets nobody. What a learner may do:

- read and write the shared topics, where everybody talks;
- do anything with topics, groups and transactions whose names begin with their own prefix;
- read the others' topics, and change none.

The one idea to take away: an ACL is a sentence, "red may write to topics that begin with
class.red.", and what no sentence allows is not authorized.
"""

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from connection.addresses import bootstrap_addresses
from connection.handshake import Handshake
from connection.tls import tls_context
from connection.wire import BrokenConnectionError
from errors import BrokerError, UnreachableError

__all__ = ['QUOTAS', 'SHARED_TOPICS', 'Classroom', 'NameTakenError', 'prefix_of']

SHARED_TOPICS = ('human-messages', 'alerts')
CLASS_PREFIX = 'class.'  # what the prefixes of all learners begin with

# A learner's share. Kafka counts in seconds of about ten, so a short burst is let through; whoever
# is above it waits. 128 KiB are some 1,000 chat messages, and thirty learners read each of them.
QUOTAS = {
    'producer_byte_rate': 128 * 1024.0,
    'consumer_byte_rate': 2 * 1024 * 1024.0,
    'request_percentage': 50.0,  # of the time of one of the broker's threads
}
NO_QUOTA = 1e12  # for the teacher, whose room everybody looks at

NAME = re.compile(r'[a-z][a-z0-9-]{0,19}')  # no dot: that ends a prefix
NOT_FOR_LEARNERS = ('teacher', 'visitor', 'internal', 'anonymous')
MECHANISM = 'SCRAM-SHA-512'
TIMEOUT = 10.0  # seconds until Kafka has done what it was asked
POLL_INTERVAL = 0.05  # seconds

Settings = Mapping[str, str]


class NameTakenError(BrokerError):
    """Somebody in the class has that name already."""


def prefix_of(name: str) -> str:
    """What the names of a learner's topics and groups begin with: ``'class.red.'`` for red."""
    return f'{CLASS_PREFIX}{name}.'


class Classroom:
    """The learners of a class.

    Args:
        settings: those of the teacher, who may do everything, as in ``Broker.env``.
        quotas: of each learner, by Kafka's names for them.
    """

    def __init__(self, settings: Settings, quotas: Mapping[str, float] = QUOTAS) -> None:
        self._settings = settings
        self._quotas = quotas
        self._one_at_a_time = threading.Lock()

    def prepare(self) -> None:
        """Make what every learner finds: the shared topics, and a quota. A second call is fine.

        Raises:
            BrokerError: Kafka refused.
        """
        from kafka.errors import TopicAlreadyExistsError

        with self._admin() as admin:
            for topic in SHARED_TOPICS:
                try:
                    admin.create_topics({topic: {'num_partitions': 1}})
                except TopicAlreadyExistsError:
                    pass
        unlimited = dict.fromkeys(self._quotas, NO_QUOTA)
        self._set_quotas({None: self._quotas, 'teacher': unlimited, 'internal': unlimited})

    def add(self, name: str) -> dict[str, str]:
        """Take a learner in, and return their settings; the password is in there and nowhere else.

        Raises:
            NameTakenError: there is one of that name.
            BrokerError: that is no name for a learner, or Kafka refused.
        """
        if not NAME.fullmatch(name) or name in NOT_FOR_LEARNERS:
            raise BrokerError(
                f'{name[:40]!r} cannot be a name here. Take 1 to 20 small letters from a to z, '
                'digits and dashes, a letter first; teacher, visitor, internal and anonymous are '
                'not free.'
            )
        from kafka.admin import UserScramCredentialUpsertion

        password = secrets.token_hex(12)
        with self._one_at_a_time, self._admin() as admin:
            if name in _names(admin):
                raise NameTakenError(
                    f'{name!r} is taken. Take another name; or if it is yours, and your .env is '
                    f'lost, the teacher types: forget {name}'
                )
            _create_acls(admin, _acls_of(name))
            self._alter_user(admin, UserScramCredentialUpsertion(name, MECHANISM, password))
        settings = {
            **self._settings,
            'KAFKA_SASL_PLAIN_USERNAME': name,
            'KAFKA_SASL_PLAIN_PASSWORD': password,
            'KAFKA_PREFIX': prefix_of(name),
            'KAFKA_SHARED_TOPICS': ','.join([*SHARED_TOPICS, f'{CLASS_PREFIX}*']),
        }
        self._wait_until_let_in(settings)
        return settings

    def forget(self, name: str) -> None:
        """Take a learner's password and rights away; their topics stay, and the name is free again.

        Raises:
            BrokerError: there is no such learner, or Kafka refused.
        """
        from kafka.admin import UserScramCredentialDeletion

        with self._one_at_a_time, self._admin() as admin:
            if name not in _names(admin):
                raise BrokerError(f'There is no learner {name!r} here.')
            self._alter_user(admin, UserScramCredentialDeletion(name, MECHANISM))
            admin.delete_acls([_all_acls_of(name)])

    def names(self) -> list[str]:
        """The names of all learners, sorted."""
        with self._admin() as admin:
            return sorted(_names(admin))

    @contextlib.contextmanager
    def _admin(self) -> Iterator[Any]:
        """A client of Kafka's administration, whose errors are told as a BrokerError."""
        import kafka

        options = {
            name.removeprefix('KAFKA_').lower(): value for name, value in self._settings.items()
        }
        try:
            admin = kafka.KafkaAdminClient(**options, bootstrap_timeout_ms=int(TIMEOUT * 1000))
            try:
                yield admin
            finally:
                admin.close()
        except kafka.errors.KafkaError as error:
            raise BrokerError(
                f'Kafka could not change the class: {type(error).__name__}: {error}. '
                'Does it run? Try again.'
            ) from error

    @staticmethod
    def _alter_user(admin: Any, alteration: Any) -> None:
        for name, error in admin.alter_user_scram_credentials([alteration]).items():
            if error:
                raise BrokerError(f'Kafka could not change the user {name!r}: {error}')

    def _set_quotas(self, quotas: Mapping[str | None, Mapping[str, float]]) -> None:
        """Set quotas by user; None is every user who has none of their own.

        kafka-python's admin client has no call for that, so it is asked of the broker directly.
        """
        from kafka.protocol.admin import AlterClientQuotasRequest as Request

        entries = [
            Request.EntryData(
                entity=[Request.EntryData.EntityData(entity_type='user', entity_name=user)],
                ops=[
                    Request.EntryData.OpData(key=key, value=value, remove=False)
                    for key, value in limits.items()
                ],
            )
            for user, limits in quotas.items()
        ]
        request = Request(entries=entries, validate_only=False)
        try:
            with _logged_in(self._settings, TIMEOUT) as handshake:
                response = handshake.connection.request(request)
        except (UnreachableError, BrokenConnectionError) as error:
            raise BrokerError(f'Kafka could not set a quota: {error}') from error
        for entry in response.entries:
            if entry.error_code:
                raise BrokerError(f'Kafka could not set a quota: {entry.error_message}')

    @staticmethod
    def _wait_until_let_in(settings: Settings) -> None:
        """Wait until the broker has heard of a new user; it takes milliseconds."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                with _logged_in(settings, TIMEOUT):
                    return
            except UnreachableError as error:
                if time.monotonic() > deadline:
                    raise BrokerError(f'A new user is not let in: {error}') from error
                time.sleep(POLL_INTERVAL)


@contextlib.contextmanager
def _logged_in(settings: Settings, timeout: float) -> Iterator[Handshake]:
    """A connection to one of the brokers, past its login."""
    names = {name.removeprefix('KAFKA_').lower(): name for name in settings}
    options: dict[str, Any] = {option: settings[name] for option, name in names.items()}
    options['ssl_context'] = tls_context(options, names)
    addresses = bootstrap_addresses(options)
    for number, (host, port) in enumerate(addresses, 1):
        handshake = Handshake(options, host, port, time.monotonic() + timeout, _say_nothing)
        with contextlib.closing(handshake):
            try:
                handshake.complete()
            except UnreachableError:
                if number < len(addresses):
                    continue
                raise
            yield handshake
            return


def _say_nothing(_stage: str, _text: str) -> None:
    pass


def _names(admin: Any) -> set[str]:
    """The users with a password, apart from those that every secure broker has."""
    return set(admin.describe_user_scram_credentials()) - set(NOT_FOR_LEARNERS)


def _acls_of(name: str) -> list[Any]:
    """What a learner may do, in Kafka's words."""
    own = [_acl(name, kind, prefix_of(name), 'all', prefixed=True) for kind in KINDS]
    shared = [
        _acl(name, 'topic', topic, operation)
        for topic in SHARED_TOPICS
        for operation in ('read', 'write')
    ]
    others = [
        _acl(name, 'topic', CLASS_PREFIX, operation, prefixed=True)
        for operation in ('read', 'describe_configs')
    ]
    return [*own, *shared, *others]


KINDS = ('topic', 'group', 'transactional_id')


def _acl(user: str, kind: str, name: str, operation: str, *, prefixed: bool = False) -> Any:
    """One ACL: "user may do something with the topic or group of that name"."""
    from kafka.admin import (
        ACL,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePattern,
        ResourceType,
    )

    pattern = ACLResourcePatternType.PREFIXED if prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        f'User:{user}',
        '*',
        ACLOperation[operation.upper()],
        ACLPermissionType.ALLOW,
        ResourcePattern(ResourceType[kind.upper()], name, pattern),
    )


def _all_acls_of(name: str) -> Any:
    """A filter that matches every ACL of a user."""
    from kafka.admin import (
        ACLFilter,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePatternFilter,
        ResourceType,
    )

    return ACLFilter(
        f'User:{name}',
        None,
        ACLOperation.ANY,
        ACLPermissionType.ANY,
        ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )


def _create_acls(admin: Any, acls: list[Any]) -> None:
    for failure in admin.create_acls(acls)['failed']:
        raise BrokerError(f'Kafka could not create an ACL: {failure.__name__}')
