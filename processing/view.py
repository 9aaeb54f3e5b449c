"""The loop of an alert service without a group: a view that begins now (steps 6 and 7).

What it shares with the durable loop (``exactly_once.py``) stands here, too: what a loop needs of a
service, and how a service is shown records.

The one idea to take away: a view promises nothing about restarts, so it needs no commits.
"""

from collections.abc import Callable
from typing import Any, Protocol

from kafka import TopicPartition

from client.consumer_loop import ChatConsumer
from consumer import get_consumer
from processing.partition_state import PartitionState
from producer import send_msg
from schemas import Alert, HumanMessage

__all__ = ['POLL_MS', 'Headers', 'ViewLoop', 'Watcher', 'show', 'subscribe']

POLL_MS = 200  # that a poll waits for records, and so about how long stop() takes

Headers = list[tuple[str, bytes]]


class Watcher(Protocol):
    """What a loop needs of a service; `alerts.AlertService` is one.

    ``state``, ``now`` and ``sent`` are set for each message: the state of its partition, the time
    there, and the message's own time.
    """

    monitor_topic: str
    alert_topic: str
    group_id: str | None
    offset: Any
    dead_letter_topic: str | None
    duration: float
    state: Any
    now: float
    sent: float

    def new_state(self) -> Any:
        """The service's own state of a partition, when it begins."""

    def process_message(self, message: Any) -> None:
        """Look at one message."""


def subscribe(service: Watcher, **options: Any) -> ChatConsumer:
    """The consumer of a service; ``options`` are further ones of ``get_consumer``."""
    return get_consumer(
        service.monitor_topic,
        offset=service.offset,
        schema=HumanMessage,
        dead_letter_topic=service.dead_letter_topic,
        **options,
    )


def show(service: Watcher, state: PartitionState, records: list[Any], wall: float) -> None:
    """Let a service look at records of one partition.

    Args:
        service: the service.
        state: the partition's.
        records: in order.
        wall: the latest time in seconds that the records can have.
    """
    clock = state.clock
    service.state, service.now = state.value, clock.now
    process, hear = service.process_message, clock.hear
    agreed, ahead = clock.agreed, clock.ahead
    shown = service.sent = agreed
    for record in records:
        sent = record.timestamp / 1000
        # A call for each message would cost a thirtieth of all that is done for it.
        if sent > agreed or (ahead is not None and record.value['sender'] == ahead):
            shown = service.sent = hear(record.value['sender'], sent, wall)
            service.now, agreed, ahead = clock.now, clock.agreed, clock.ahead
        elif shown is not agreed:
            shown = service.sent = agreed
        process(record)


class ViewLoop:
    """Begins now, sees all partitions, and sends each alert at once.

    Args:
        service: who looks at the messages.
        clock: tells seconds since 1970.
        on_alert: called with each alert, once it is sent.
        on_commit: called after each poll: there is nothing to commit.
        show: prints a line; there is nothing that a view has to say.
    """

    def __init__(
        self,
        service: Watcher,
        clock: Callable[[], float],
        on_alert: Callable[[Alert], None],
        on_commit: Callable[[], None],
        show: Callable[[str], None] | None = None,
    ) -> None:
        self.consumer = subscribe(service)
        self._service = service
        self._clock = clock
        self._on_alert = on_alert
        self._on_commit = on_commit
        self._states: dict[TopicPartition, PartitionState] = {}

    @property
    def has_partitions(self) -> bool:
        """Whether there is something to read from."""
        return bool(self.consumer.assignment())

    @property
    def is_replaying(self) -> bool:
        """A view remembers nothing, so it replays nothing."""
        return False

    def step(self, most: int) -> int:
        """Take the next records, at most so many. Returns how many the service looked at."""
        looked_at = 0
        batch = self.consumer.poll(POLL_MS, max_records=min(most, self.consumer.pace()))
        for partition, records in batch.items():
            if partition not in self._states:
                self._states[partition] = PartitionState(self._service.new_state())
            show(self._service, self._states[partition], records, self._clock())
            looked_at += len(records)
        self._on_commit()
        return looked_at

    def named_in_errors(self) -> dict[str, Any]:
        """What an error may name."""
        return {**self.consumer.config, 'topic': self._service.alert_topic}

    def emit(self, alert: Alert, key: str, headers: Headers) -> None:
        """Send an alert."""
        send_msg(self._service.alert_topic, alert, key=key, headers=headers, schema=Alert)
        self._on_alert(alert)

    def close(self) -> None:
        """Close the connections."""
        self.consumer.close()
