"""The latest alerts on the page, newest on top.

The one idea to take away: alerts are records on a topic of their own, so a page reads them as it
reads the chat.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from room.formatting import time_of_day
from room.history import ChatHistory

__all__ = ['AlertList']

MOST_ROWS = 40
MOST_AT_ONCE = 4


class AlertList:
    """The list; create it inside the element that is to contain it.

    Args:
        history: where the alerts come from.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(
        self, history: ChatHistory, inspect: Callable[[str, int, int], Awaitable[None]]
    ) -> None:
        from nicegui import ui

        self.history = history
        self.inspect = inspect
        self.rows: deque[Any] = deque()
        self._last_number = max(history.alert_total - MOST_ROWS, 0)
        with ui.row().classes('items-center full-width'):
            ui.label('Alerts').classes('text-subtitle1')
            self.count = ui.label().classes('muted alert-count')
        with ui.element('div').classes('scroll alerts'):
            self.list = ui.element('div').classes('newest-on-top')

    def draw_new(self) -> None:
        """Draw the alerts that are new; if many came at once, the newest of them."""
        from nicegui import ui

        alerts = self.history.alerts_since(self._last_number)
        if alerts:
            self._last_number = alerts[-1].number
        most = MOST_AT_ONCE if self.rows else MOST_ROWS
        with self.list:
            for alert in alerts[-most:]:
                kind = alert.error or alert.sender
                row = ui.label(f'{time_of_day(alert.time)} {kind}: {alert.contents}')
                row.classes('alert').on('click', self._show(alert.location))
                self.rows.append(row)
        while len(self.rows) > MOST_ROWS:
            self.rows.popleft().delete()

    def refresh(self) -> None:
        """Bring the count up to date."""
        self.count.text = f'{self.history.alert_total:,} in all'

    def _show(self, location: tuple[str, int, int]) -> Callable[[], Awaitable[None]]:
        return lambda: self.inspect(*location)
