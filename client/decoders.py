"""From a record's bytes to its key and value, without ever raising (used by ``consumer_loop.py``).

A deserializer that raises makes kafka-python 3.0 spin for ever; so what cannot be decoded is
represented by a ``Malformed``, which the loop reports and leaves out.

The one idea to take away: on the reading side a bad record is data about a mistake, not an error.
"""

from typing import Any

from kafka.serializer import Deserializer

from schemas import Malformed, decode, decoder_for

__all__ = ['Keys', 'Values', 'is_malformed']

KEYS = 10_000  # that are remembered
SHORT_KEY = 64  # bytes; longer ones are not


class Values(Deserializer):  # type: ignore[misc]
    """Decodes values. What could not be decoded becomes a ``Malformed``."""

    def __init__(self, schema: Any) -> None:
        """Take a TypedDict, or None for any JSON."""
        self.schema = schema
        # The quick way; a schema that is none is told here, not at the first record.
        self.decode = decoder_for(schema).decode
        self.malformed = 0

    def deserialize(self, topic: str, headers: Any, data: bytes | None) -> Any:
        """The value, or a ``Malformed``; ``malformed`` counts those."""
        value = decode(data, self.schema)
        if value.__class__ is Malformed:
            self.malformed += 1
        return value


class Keys(Deserializer):  # type: ignore[misc]
    """Keys are text where they are UTF-8, and stay bytes where they are not."""

    def __init__(self) -> None:
        self.known: dict[bytes, str] = {}  # a topic has few keys, again and again

    def deserialize(self, topic: str, headers: Any, data: bytes | None) -> Any:
        """The key as text, if it is."""
        if data is None:
            return None
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return data
        if len(data) <= SHORT_KEY:
            if len(self.known) >= KEYS:
                self.known.clear()
            self.known[data] = text
        return text


def is_malformed(record: Any) -> bool:
    """Whether a record's value could not be decoded."""
    return record.value.__class__ is Malformed
