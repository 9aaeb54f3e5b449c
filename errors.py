"""Everything that can go wrong, as one tree.

Each message says what happened, with which value, and what to do next. Catch ``ChatError`` to catch them all::

    ChatError
    ├── SettingsError (ValueError)      a setting in the environment or `.env` is misspelt, contradictory or of the wrong type
    ├── MessageError (ValueError)       a value, key, topic or schema that cannot be sent; nothing reached the wire
    ├── BrokerError                     the embedded broker could not be installed, started or stopped
    ├── UnreachableError (ConnectionError)  no Kafka there, or it does not let us in: names the stage and the cure
    ├── AccessError (PermissionError)   connected, but no right to that topic or group, or the topic is not there
    ├── DeliveryError                   Kafka did not acknowledge a message that was waited for
    ├── UnreadableError                 a batch of records that cannot be unpacked: which codec, where
    └── ClosedError                     a closed consumer or service was used

The one idea to take away: an error is a piece of documentation that is read at the moment it is needed.
"""

__all__ = [
    'AccessError',
    'BrokerError',
    'ChatError',
    'ClosedError',
    'DeliveryError',
    'MessageError',
    'SettingsError',
    'UnreachableError',
    'UnreadableError',
]


class ChatError(Exception):
    """The root of the tree: any error that this library raises on purpose."""


class SettingsError(ChatError, ValueError):
    """A setting is misspelt, contradicts another one, or is not of its type."""


class MessageError(ChatError, ValueError):
    """A value, key, topic or schema that cannot be sent. Nothing reached the wire."""


class BrokerError(ChatError):
    """The embedded broker could not be installed, started or stopped."""


class UnreachableError(ChatError, ConnectionError):
    """No Kafka answers there, or it does not let us in.

    Args:
        message: what happened, with which address, and what to do next.
        stage: where it ended: ``'name'``, ``'connection'``, ``'tls'``, ``'login'`` or ``'metadata'``.
    """

    def __init__(self, message: str, stage: str = 'connection') -> None:
        super().__init__(message)
        self.stage = stage


class AccessError(ChatError, PermissionError):
    """Connected, but without the right to that topic or group, or the topic does not exist."""


class DeliveryError(ChatError):
    """Kafka did not acknowledge a message that was waited for; the cause is chained."""


class UnreadableError(ChatError):
    """A batch of records that cannot be unpacked: no codec for it, or damaged; the cause is chained."""


class ClosedError(ChatError):
    """A consumer or service was used after it had been closed."""
