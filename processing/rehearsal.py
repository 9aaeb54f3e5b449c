"""An alert service without any Kafka: what it emits goes into a list (used by `testing.overhear`).

The one idea to take away: what a service decides depends on its state, on time and on the message.
Whoever gives it these three can test it anywhere.
"""

from collections.abc import Callable
from typing import Any

from kafka import TopicPartition

from processing.partition_state import PartitionState
from processing.view import Headers, Watcher, show
from schemas import Alert, validate

__all__ = ['Rehearsal']


class Rehearsal:
    """Takes the place of a service's loop.

    Args:
        service: who looks at the messages.
        clock: tells seconds since 1970: no message comes from the future.
        sent: gets ``(topic, alert)`` of each alert.
    """

    def __init__(
        self, service: Watcher, clock: Callable[[], float], sent: list[tuple[str, Any]]
    ) -> None:
        self._service = service
        self._clock = clock
        self._sent = sent
        self._states: dict[TopicPartition, PartitionState] = {}

    def look_at(self, record: Any) -> None:
        """Show the service a record, as a loop does."""
        partition = TopicPartition(record.topic, record.partition)
        if partition not in self._states:
            self._states[partition] = PartitionState(self._service.new_state())
        show(self._service, self._states[partition], [record], self._clock())

    def emit(self, alert: Alert, key: str, headers: Headers) -> None:
        """Note an alert."""
        validate(alert, Alert)
        self._sent.append((self._service.alert_topic, alert))
