"""Everything that can go wrong, as one tree (used by every step).

Each message says what happened, with which value, and what to do next. Where Kafka has a name for
it, the name is there too, in capitals, as it is found in Kafka's documentation. Catch ``ChatError``
to catch them all::

    ChatError
    ├── SettingsError (ValueError)          a setting is misspelt, contradicts another one, or has
    │                                       the wrong type, in the environment or in `.env`
    ├── MessageError (ValueError)           a value, key, topic or schema that cannot be sent;
    │                                       nothing reached the wire
    ├── BrokerError                         the embedded broker could not be installed, started
    │                                       or stopped
    ├── UnreachableError (ConnectionError)  no Kafka there, or it does not let us in; the message
    │                                       names the stage and the cure
    ├── AccessError (PermissionError)       connected, but not authorized for that topic or group,
    │                                       or the topic does not exist
    ├── DeliveryError                       Kafka did not acknowledge a message that was waited for
    ├── RefusedError                        Kafka refuses it, and would again: a full group, or a
    │                                       member that was replaced
    ├── UnreadableError                     a batch of records cannot be unpacked: which, and why
    │   └── OpenTransactionError            a transaction of another program stays open, and what
    │                                       is behind it cannot be read
    └── ClosedError                         a closed consumer or service was used

The one idea to take away: an error is documentation, read at the moment when it is needed.
"""

__all__ = [
    'AccessError',
    'BrokerError',
    'ChatError',
    'ClosedError',
    'DeliveryError',
    'MessageError',
    'OpenTransactionError',
    'RefusedError',
    'SettingsError',
    'UnreachableError',
    'UnreadableError',
]


class ChatError(Exception):
    """The root of the tree: any error that this library raises on purpose."""


class SettingsError(ChatError, ValueError):
    """A setting is misspelt, contradicts another one, or has the wrong type."""


class MessageError(ChatError, ValueError):
    """A value, key, topic or schema that cannot be sent. Nothing reached the wire."""


class BrokerError(ChatError):
    """The embedded broker could not be installed, started or stopped."""


class UnreachableError(ChatError, ConnectionError):
    """There is no Kafka at that address, or it does not let us in.

    Args:
        message: what happened, with which address, and what to do next.
        stage: the stage that failed: ``'name'``, ``'connection'``, ``'tls'``, ``'login'`` or
            ``'metadata'``.
    """

    def __init__(self, message: str, stage: str = 'connection') -> None:
        super().__init__(message)
        self.stage = stage


class AccessError(ChatError, PermissionError):
    """Connected, but not authorized for that topic or group, or the topic does not exist."""


class DeliveryError(ChatError):
    """Kafka did not acknowledge a message that was waited for; the cause is chained."""


class RefusedError(ChatError):
    """Kafka refuses something, and trying again would not help; the cause is chained."""


class UnreadableError(ChatError):
    """A batch of records that cannot be unpacked.

    No codec for it, or damaged; the cause is chained.
    """


class OpenTransactionError(UnreadableError):
    """A transaction of another program stays open: what is behind it cannot be read yet."""


class ClosedError(ChatError):
    """A consumer or service was used after it had been closed."""
