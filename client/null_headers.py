"""Headers whose value is null: sent as they are, as other clients send them.

Kafka's protocol allows them, and Java, Spring and librdkafka write such. kafka-python 3.0.12 reads
them, and its record builder writes them; only the check in ``KafkaProducer.send`` refuses them.

The one idea to take away: whoever hands records on must take everything that others may write.
"""

import functools
import logging
from collections.abc import Sequence
from typing import Any

from client.private_names import Workaround

__all__ = ['Headers', 'NullHeaders']

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, bytes | None]]


class NullHeaders(Workaround):
    """A header whose value is null passes the check in ``KafkaProducer.send``.

    The check gets empty bytes instead, and the record builder gets the null. Nothing is changed
    until there is such a header.

    Args:
        producer: a KafkaProducer that was just made.
    """

    name = 'null-headers'
    promise = 'a header whose value is null is sent as it is; without this, as empty bytes'
    needs = (
        '_accumulator.append(tp, timestamp_ms, key, value, headers, now, abort_on_new_batch)',
        'kafka.producer.producer_batch.ProducerBatch.try_append',
    )

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._is_installed = False
        self._is_told = False

    def admit(self, headers: Headers) -> list[Any]:
        """What to give to ``KafkaProducer.send`` for headers of which one may be null."""
        listed = list(headers)
        if all(_value(header) is not None for header in listed):
            return listed
        if not self._is_installed and not self.is_on(self._producer):
            self._say_once()
            return [_without_null(header) for header in listed]
        self._install()
        return _Disguised(listed)

    def _install(self) -> None:
        if self._is_installed:
            return
        append = self._producer._accumulator.append

        @functools.wraps(append)
        def append_undisguised(
            tp: Any, timestamp_ms: Any, key: Any, value: Any, headers: Any, *more: Any, **named: Any
        ) -> Any:
            if isinstance(headers, _Disguised):
                headers = headers.original
            return append(tp, timestamp_ms, key, value, headers, *more, **named)

        self._producer._accumulator.append = append_undisguised
        self._is_installed = True  # last: another thread may ask meanwhile

    def _say_once(self) -> None:
        if not self._is_told:
            self._is_told = True
            log.warning(
                'A header without a value (null) is sent as an empty one: this kafka-python sends '
                'no null. Further ones are not reported.'
            )


class _Disguised(list[Any]):
    """Headers with empty bytes in place of nulls, and the ``original``."""

    def __init__(self, headers: list[Any]) -> None:
        super().__init__(map(_without_null, headers))
        self.original = _Uncounted(headers)


class _Uncounted(list[Any]):
    """Headers that are false: ``ProducerBatch`` counts the bytes of what is true, and of no null.

    The future's ``serialized_header_size`` is -1 then.
    """

    def __bool__(self) -> bool:
        return False


def _value(header: Any) -> Any:
    """A header's value; what is no pair is left to the client's own check."""
    return header[1] if isinstance(header, tuple) and len(header) == 2 else b''


def _without_null(header: Any) -> Any:
    return header if _value(header) is not None else (header[0], b'')
