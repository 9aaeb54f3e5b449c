"""What one page may show: to the teacher the whole cluster, to a visitor the room's own topics.

The panels of a page ask it, rather than what all pages share.

The one idea to take away: a page reads from Kafka with the room's own rights, which are the
teacher's. So what a visitor may see has to be decided by the room, on the server.
"""

from typing import Any

import settings
from errors import MessageError
from room.cluster import Snapshot
from room.consumer_groups import Rebalance
from room.formatting import time_of_day
from room.measurements import Lags
from room.records import NoRecordError
from room.state import RoomState
from room.visitors import is_teacher
from schemas import printable

__all__ = ['View']

ELSEWHERE = "Kafka does not give it at the moment. The teacher's page says why."


class View:
    """What the page of one client may show.

    Args:
        state: what all pages share.
        client: NiceGUI's.
    """

    def __init__(self, state: RoomState, client: Any) -> None:
        self.state = state
        self.is_teacher = is_teacher(client)

    @property
    def snapshot(self) -> Snapshot:
        """The cluster at the last look."""
        cluster = self.state.cluster
        return cluster.snapshot if self.is_teacher else cluster.own_snapshot

    @property
    def rebalances(self) -> list[Rebalance]:
        """The latest changes in who reads what, the last one last."""
        cluster = self.state.cluster
        return cluster.rebalances if self.is_teacher else cluster.own_rebalances

    @property
    def lags(self) -> Lags:
        """How far each group was behind in the last seconds."""
        cluster = self.state.cluster
        return cluster.lags if self.is_teacher else cluster.own_lags

    def require_topic(self, topic: str) -> None:
        """Make sure that records of a topic may be shown.

        Raises:
            MessageError: they may not.
        """
        own = (self.state.topic, self.state.feed.alert_topic)
        if self.is_teacher or settings.topic_name(topic) in map(settings.topic_name, own):
            return
        raise MessageError(f'This page shows records of {own[0]} and {own[1]} only.')

    def explain(self, error: Exception) -> str:
        """What is said of an error: to a visitor no address, and no variable to set."""
        if self.is_teacher or isinstance(error, NoRecordError | MessageError):
            return printable(error)
        return ELSEWHERE

    def outage(self) -> str:
        """What is said while Kafka is away; '' while it is there."""
        error = self.state.error
        if not error:
            return ''
        since = self.state.last_answer
        old = f' What is shown is of {time_of_day(since)}.' if since else ''
        why = f' {error}' if self.is_teacher else ''
        return f'Kafka does not answer. Reconnecting automatically.{old}{why}'[:400]
