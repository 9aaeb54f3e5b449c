"""Says that Kafka is away, and that it is back (behind each loop over a consumer).

The one idea to take away: an outage is no error. The client goes on by itself, and a person is
told.
"""

import logging
import time
from typing import Any

from client.private_names import Workaround

__all__ = ['Outage']

log = logging.getLogger(__name__)


class Outage(Workaround):
    """Says in one line that Kafka is away, and in another that it is back.

    kafka-python waits in silence, or logs one error for each connection that was refused; nothing
    public tells whether any broker is connected.

    Args:
        consumer: what would be connected if Kafka were there.
        patience: seconds without any connection before it is said.
    """

    name = 'outage-message'
    promise = 'a consumer says when Kafka is away, and when it is back'
    needs = ('_manager._conns: dict',)

    def __init__(self, consumer: Any, patience: float = 2.0) -> None:
        self._connections: dict[Any, Any] | None = None
        if self.is_on(consumer):
            self._connections = consumer._manager._conns
        self._patience = patience
        self._connected_at = self._looked_at = time.monotonic()
        self._said = False

    def look(self) -> None:
        """To be called at each poll."""
        if self._connections is None:
            return
        now = time.monotonic()
        not_asked_for = now - self._looked_at
        self._looked_at = now
        connections = list(self._connections.values())
        # Where a connection does not tell (another version), it counts as connected.
        if any(getattr(connection, 'connected', True) for connection in connections):
            self._connected_at = now
            if self._said:
                self._said = False
                log.warning('Kafka is back. Reading goes on where it was.')
        elif not_asked_for > self._patience:
            self._connected_at = now  # connections are closed if nobody polls: this is no outage
        elif not self._said and now - self._connected_at > self._patience:
            self._said = True
            log.warning(
                'Kafka has been away for %.0f s. Waiting for it: what is sent meanwhile is read '
                'later.',
                self._patience,
            )
