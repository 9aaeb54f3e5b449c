"""Buttons that kill, freeze and restart a broker, where it is `python -m broker` on this machine.

The one idea to take away: a cluster is there to lose a broker. Press the button, and watch who
leads now, who is in sync, and that the chat goes on.
"""

from functools import partial
from pathlib import Path
from typing import Any

from broker import remote
from room.state import RoomState
from room.visitors import is_teacher

__all__ = ['BrokerButtons']

COMMANDS = ('kill', 'pause', 'resume', 'restart')


class BrokerButtons:
    """A row for each broker; create it where they are to be.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        self.client = ui.context.client
        self.known: dict[int, str] = {}  # where each broker listens, those too that are down
        self.folder: Path | None = None
        self.rows: dict[int, Any] = {}
        self.element = ui.element('div').classes('full-width brokers')

    def refresh(self) -> None:
        """Show the brokers that are there, and those that were."""
        from nicegui import ui

        snapshot = self.state.cluster.snapshot
        self.known |= snapshot.brokers
        if not self.folder and is_teacher(self.client):
            self.folder = remote.find(sorted(snapshot.brokers.values()))
        for node in sorted(self.known.keys() - self.rows.keys()):
            if self.folder:
                with self.element, ui.row().classes('items-center no-wrap broker'):
                    self._build_row(node)
        for node, label in self.rows.items():
            label.text = 'is there' if node in snapshot.brokers else 'is away'

    def _build_row(self, node: int) -> None:
        from nicegui import ui

        ui.label(f'broker {node} on {self.known[node]}')
        self.rows[node] = ui.label().classes('muted broker-state')
        for command in COMMANDS:
            button = ui.button(command, on_click=partial(self._press, f'{command} {node}'))
            button.props('dense no-caps flat').classes(f'broker-{command}')

    def _press(self, command: str) -> None:
        from nicegui import ui

        if self.folder and is_teacher(self.client):
            remote.request(self.folder, command)
            ui.notify(f'Told the broker in its terminal: {command}')
