"""Lone messages leave at once; messages in quick succession wait a little for company.

The one idea to take away: ``linger_ms`` is a bet that more is about to come. A constant one
loses either time (a person waits) or throughput (a loop sends). Looking at the pace loses neither.
"""

import time
from typing import Any

from client.private_names import Acceleration

__all__ = ['Lingering']

BULK_GAP = 0.0005  # seconds: messages that follow more closely than this are bulk
BULK_LINGER_MS = 20


class Lingering(Acceleration):
    """Chooses ``linger_ms`` anew for each message: 10 us less a message in bulk.

    With ``linger_ms=0`` the client's thread is woken for every third message of a loop; with 5, a
    sender who waits for each acknowledgement falls from 1000 messages a second to 140.

    Args:
        producer: a KafkaProducer whose user has set no ``linger_ms``.
    """

    name = 'lingering'
    needs = ('_accumulator.config: dict',)

    def __init__(self, producer: Any) -> None:
        self._config = producer._accumulator.config
        self._sent_at = 0.0

    def choose(self, alone: bool) -> None:
        """To be called before each message.

        Args:
            alone: somebody waits for this very message.
        """
        now = time.perf_counter()
        bulk = now - self._sent_at < BULK_GAP and not alone
        self._sent_at = now
        self._config['linger_ms'] = BULK_LINGER_MS if bulk else 0
