"""Alerts folded: one entry for each type and sender, however many came (used by `history`).

The one idea to take away: a thousand alerts about one thing are one thing to look at, and must not
hide the one about another.
"""

from dataclasses import dataclass

from room.messages import Message

__all__ = ['AlertFolds', 'Fold']

MOST = 100  # entries; that which is oldest goes first


@dataclass(slots=True)
class Fold:
    """All alerts of one type about one sender.

    Args:
        last: the latest of them.
        count: how many there were.
    """

    last: Message
    count: int = 0


class AlertFolds:
    """The entries, by type and sender; ``version`` changes with each alert."""

    def __init__(self) -> None:
        self.version = 0
        self._folds: dict[tuple[str, str, str], Fold] = {}

    def add(self, alert: Message) -> None:
        """Add an alert to its entry."""
        name = (alert.sender, alert.about, alert.error)
        fold = self._folds.pop(name, None) or Fold(alert)
        fold.last = alert
        fold.count += 1
        self._folds[name] = fold  # the dict's last: that which came last
        if len(self._folds) > MOST:
            del self._folds[next(iter(self._folds))]
        self.version += 1

    def latest(self, most: int) -> list[Fold]:
        """The entries, that with the latest alert first: copies."""
        newest = list(reversed(self._folds.values()))[:most]
        return [Fold(fold.last, fold.count) for fold in newest]
