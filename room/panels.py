"""The panels beside the chat, as tabs. A new panel gets a module of its own, and a line here.

A panel is a class that builds its part of the page when it is made, and has a method `refresh`.

The one idea to take away: everything shown here, anybody may ask Kafka for; it keeps no secrets
about itself.
"""

from collections.abc import Callable
from typing import Protocol

from room.groups_panel import GroupsPanel
from room.measurements import Delays
from room.plots_panel import PlotsPanel
from room.read_again import ReadAgain
from room.records import Inspect
from room.state import RoomState
from room.teach_panel import TeachPanel
from room.topics_panel import TopicsPanel
from room.view import View
from room.visitors_panel import VisitorsPanel

__all__ = ['Panel', 'Panels']


class Panel(Protocol):
    """What each panel has."""

    def refresh(self) -> None:
        """Bring it up to date; called twice a second while it is in sight."""


class Panels:
    """The panels of one page; create them inside the element that is to contain them.

    Args:
        state: what all pages share.
        delays: how long messages took to this page.
        inspect: shows a record, given its topic, partition and offset.
    """

    def __init__(
        self,
        state: RoomState,
        delays: Delays,
        inspect: Inspect,
    ) -> None:
        from nicegui import ui

        view = View(state, ui.context.client)
        builders: dict[str, Callable[[], Panel]] = {
            'Groups': lambda: GroupsPanel(state),
            'Topics': lambda: TopicsPanel(state, inspect),
            'Read again': lambda: ReadAgain(state, inspect),
            'Plots': lambda: PlotsPanel(state.feed.history, view.lags, delays),
            'Teach': lambda: TeachPanel(state),
        }
        if view.is_teacher:
            builders['Visitors'] = lambda: VisitorsPanel(state)
        self.panels: dict[str, Panel] = {}
        with ui.tabs().props('dense no-caps').classes('full-width') as self.tabs:
            for title in builders:
                ui.tab(title)
        self.tab_panels = ui.tab_panels(self.tabs, value='Groups', animated=False)
        with self.tab_panels.classes('grow scroll').style('background: none'):
            for title, build in builders.items():
                with ui.tab_panel(title):
                    self.panels[title] = build()

    def refresh(self) -> None:
        """Bring the panel that is in sight up to date."""
        panel = self.panels.get(self.tabs.value)
        if panel:
            panel.refresh()
