"""The alerts on the page, folded: a row for each type and sender, the latest on top.

The one idea to take away: alerts are records on a topic of their own, so a page reads them as it
reads the chat.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from room.alert_folds import Fold
from room.components import heading
from room.formatting import time_of_day
from room.history import ChatHistory
from room.records import Inspect

__all__ = ['AlertList']

MOST_ROWS = 12
LONGEST_TEXT = 300  # characters


class AlertList:
    """The list; create it inside the element that is to contain it.

    Args:
        history: where the alerts come from.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(self, history: ChatHistory, inspect: Inspect) -> None:
        from nicegui import ui

        self.history = history
        self.inspect = inspect
        self.rows: list[Any] = []
        self.folds: list[Fold] = []
        self._version = -1
        with ui.element('div').classes('alert-part'):
            self._build()

    def _build(self) -> None:
        from nicegui import ui

        with ui.row().classes('items-center full-width'):
            heading('Alerts').classes('text-subtitle1')
            self.count = ui.label().classes('muted alert-count')
        with ui.element('div').classes('scroll alerts') as self.list:
            for number in range(MOST_ROWS):
                row = ui.label().classes('alert').props('role=button tabindex=0')
                for event in ('click', 'keydown.enter', 'keydown.space.prevent'):
                    row.on(event, self._show(number))
                row.set_visibility(False)
                self.rows.append(row)

    def refresh(self) -> None:
        """Bring the rows and the count up to date."""
        folds, version = self.history.folded_alerts(MOST_ROWS)
        total = self.history.alert_total
        self.count.text = f'{total:,} in all' if total else 'none yet: start a service in Teach'
        if version == self._version:
            return
        self._version = version
        self.folds = folds
        for row, fold in zip(self.rows, folds, strict=False):
            row.text = _describe(fold)
            row.set_visibility(True)

    def _show(self, number: int) -> Callable[[], Awaitable[None]]:
        return lambda: self.inspect(*self.folds[number].last.location)


def _describe(fold: Fold) -> str:
    """``spammer: throttled, 10,123 times, last 02:26:03: spammer has sent ...``."""
    alert = fold.last
    kind = f'{alert.about}: {alert.sender}' if alert.about else alert.error or alert.sender
    times = '' if fold.count == 1 else f', {fold.count:,} times, last'
    return f'{kind}{times} {time_of_day(alert.time)}: {alert.contents[:LONGEST_TEXT]}'
