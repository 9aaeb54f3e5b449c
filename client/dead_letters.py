"""Dead letters: records that could not be read, as they are kept, and how they get there.

``deadletters.py`` tells what a letter is and sends letters back; here is what every reader with a
``dead_letter_topic`` uses. The durable alert services put letters into their own transactions; all
other loops forward them.

The one idea to take away: what passes a bad message by must not fail because of that message. A
letter that would be too large is cut, and says so.
"""

import contextlib
import datetime
from collections.abc import Callable, Iterator
from typing import Any

import kafka
import kafka.errors

import settings
from client.chat_producer import ChatProducer, make_producer
from client.partitioner import make_partitioner
from client.send_errors import describe
from connection import diagnosis
from errors import DeliveryError
from schemas import Malformed

__all__ = ['PREFIX', 'Forwarder', 'Headers', 'name_of', 'without_ours']

Headers = list[tuple[str, bytes]]

PREFIX = 'dead-letter-'  # of our headers
# With its headers a letter must fit where its original did (max.message.bytes, 1,048,588).
MAX_BYTES = 1_000_000
CUT_BYTES = 500_000  # at most, of a value that is cut
# Of the room, what each part of a record keeps if it is cut; a tenth is left over.
VALUE_SHARE, KEY_SHARE, HEADERS_SHARE = 0.6, 0.15, 0.15
LONGEST_WHY = 1000  # characters: a reason may quote the record
FRAME = 200  # bytes around a record, and for the headers that say what was cut
ACKNOWLEDGEMENT_TIMEOUT = 10.0  # seconds


class Forwarder:
    """Puts records that cannot be read on a dead-letter topic, and waits until they are there.

    Args:
        topic: the dead-letter topic, without the prefix.
        timeout: seconds for each acknowledgement.
        send: sends one, as ``KafkaProducer.send`` does; None has a producer of its own do it, which
            is made for the first one.
    """

    def __init__(
        self,
        topic: str,
        timeout: float = ACKNOWLEDGEMENT_TIMEOUT,
        send: Callable[..., Any] | None = None,
    ) -> None:
        self._topic = topic
        self._timeout = timeout
        self._send = send
        self._wire_topic = settings.topic_name(topic)
        self._options = settings.client_options('producer', partitioner=make_partitioner())
        default = kafka.KafkaProducer.DEFAULT_CONFIG['max_request_size']
        self._limit = min(MAX_BYTES, self._options.get('max_request_size', default))
        self._producer: ChatProducer | None = None

    def letter(self, record: Any) -> dict[str, Any]:
        """A dead letter, as the arguments of ``KafkaProducer.send``.

        Args:
            record: a consumer record whose value is a ``Malformed``.
        """
        malformed: Malformed = record.value
        headers = without_ours(record.headers)
        key, value = _key_bytes(record), malformed.data
        said = {
            'topic': record.topic,
            'partition': record.partition,
            'offset': record.offset,
            'original-timestamp': record.timestamp,
            'original-time': _iso(record.timestamp),
            'time': datetime.datetime.now(datetime.UTC).isoformat(),
            'why': malformed.why[:LONGEST_WHY],
        }
        room = max(self._limit - FRAME - _size(_ours(said)), 0)
        if _length(key) + _length(value) + _size(headers) > room:
            key, value, headers, cut = _cut(key, value, headers, room)
            said |= cut
        return {
            'topic': self._wire_topic,
            'value': value,
            'key': key,
            'headers': headers + _ours(said),
        }

    def forward_all(self, records: list[Any]) -> None:
        """Send all of them, then wait until all are there; only then may a reader pass them by.

        Raises:
            DeliveryError: Kafka did not acknowledge one.
            AccessError: not authorized to write to the topic, or there can be none of this name.
            UnreachableError: no Kafka there.
        """
        send = self._send or self._get_producer().send
        promises = []
        for record in records:
            with self._naming(record):
                promises.append(send(**self.letter(record)))
        for record, promise in zip(records, promises, strict=True):
            with self._naming(record):
                promise.get(timeout=self._timeout)
                if not promise.is_done:  # kafka-python 3.1.0.dev returns None instead of raising
                    raise kafka.errors.KafkaTimeoutError(f'no answer for {self._timeout:g} s')

    @contextlib.contextmanager
    def _naming(self, record: Any) -> Iterator[None]:
        """An error of Kafka's names the record whose letter it is about."""
        try:
            yield
        except kafka.errors.KafkaError as error:
            self.close()  # of some versions of kafka-python a producer is spent by a refusal
            raise DeliveryError(
                f'The dead letter from {name_of(record)} did not reach {self._topic!r}: '
                f'{describe(error)}. Mend that, or name another dead_letter_topic. Reading goes on '
                'from there.'
            ) from error

    def close(self) -> None:
        """Close the producer, if there is one; the next letter makes another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close_now()

    def _get_producer(self) -> ChatProducer:
        if self._producer is None:
            diagnosis.require_access(self._options, [self._wire_topic], 'write')
            self._producer = make_producer(self._options, knock=False)
        return self._producer


def without_ours(headers: Headers) -> Headers:
    """Headers without those that a dead letter has."""
    return [(name, value) for name, value in headers if not name.startswith(PREFIX)]


def name_of(record: Any) -> str:
    """Where a record is, in words."""
    return f'{record.topic}, partition {record.partition}, offset {record.offset}'


def _ours(said: dict[str, Any]) -> Headers:
    return [
        (PREFIX + name, str(value).encode(errors='replace'))
        for name, value in said.items()
        if value is not None
    ]


def _cut(
    key: bytes | None, value: bytes | None, headers: Headers, room: int
) -> tuple[bytes | None, bytes | None, Headers, dict[str, Any]]:
    """Key, value and headers, each cut to its share of the room; and what to say about that."""
    cut: dict[str, Any] = {}
    most = int(room * VALUE_SHARE)
    if value is not None and len(value) > most:
        cut['cut'] = len(value)
        value = value[: min(most, CUT_BYTES)]
    most = int(room * KEY_SHARE)
    if key is not None and len(key) > most:
        cut['cut-key'] = len(key)
        key = key[:most]
    kept: Headers = []
    left = int(room * HEADERS_SHARE)
    for header in headers:
        left -= _size([header])
        if left < 0:
            cut['cut-headers'] = f'{len(kept)} of {len(headers)} kept'
            break
        kept.append(header)
    return key, value, kept, cut


def _length(part: bytes | None) -> int:
    return len(part or b'')


def _size(headers: Headers) -> int:
    """Bytes of headers in a record; other clients write null values."""
    lengths = [(len(name.encode()), _length(value)) for name, value in headers]
    return sum(name + value + _varint(name) + _varint(value) for name, value in lengths)


def _varint(length: int) -> int:
    """Bytes that a length takes in a record (Kafka's protocol guide: "varint", zigzag)."""
    return (length.bit_length() + 7) // 7


def _key_bytes(record: Any) -> bytes | None:
    key = record.key
    if isinstance(key, str):
        return key.encode()
    if key is None and record.value.data is None:
        return b''  # kafka-python sends nothing that has neither a key nor a value
    key_bytes: bytes | None = key
    return key_bytes


def _iso(timestamp: int | None) -> str | None:
    """A record's time as ISO 8601, UTC; None if it has none, or one that no calendar has."""
    if timestamp is None or timestamp < 0:
        return None
    try:
        when = datetime.datetime.fromtimestamp(timestamp / 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return when.isoformat(timespec='milliseconds')
