"""The bar on top of the page: whether Kafka answers, counts, and the way in for phones.

The one idea to take away: a page that shows live data has to show when the data is not live.
"""

from room.state import RoomState

__all__ = ['Header']


class Header:
    """The bar; create it inside a NiceGUI page function.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.state = state
        dark_mode = ui.dark_mode(None)

        def toggle_dark_mode() -> None:
            dark_mode.set_value(not dark_mode.value)

        with ui.header().classes('items-center q-py-xs q-px-md'):
            ui.label('The room').classes('text-h6')
            self.connection = ui.badge('…').classes('state')
            self.counts = ui.label().classes('muted counts wide')
            ui.space()
            if state.link:
                join = ui.button('Join', icon='qr_code', on_click=self._show_link)
                join.props('flat color=white').classes('join')
            dark = ui.button(icon='contrast', on_click=toggle_dark_mode)
            dark.props('flat round dense color=white').classes('dark-mode').tooltip('light or dark')

    def refresh(self) -> None:
        """Bring the state and the counts up to date."""
        lost = bool(self.state.error)
        self.connection.text = 'disconnected' if lost else 'live'
        self.connection.props(f'color={"negative" if lost else "positive"}')
        history = self.state.feed.history
        rate = history.last_seconds(1)[0].senders.total()
        browsers = self.state.browsers
        self.counts.text = ('old: ' if lost else '') + ' · '.join(
            [
                f'{history.live_total:,} messages since the room opened, {rate:,} a second',
                f'{history.alert_total:,} alerts',
                f'{browsers} browser{"" if browsers == 1 else "s"}',
            ]
        )

    def _show_link(self) -> None:
        """Show the room's address as a QR code for phones, and as text."""
        import segno
        from nicegui import ui

        link = self.state.link
        code = segno.make(link, micro=False).svg_data_uri(scale=8, light='white')
        with ui.dialog() as dialog, ui.card().classes('items-center'):
            ui.image(code).style('width: min(70vw, 60vh)').classes('qr')
            ui.label(link).classes('code link')
        dialog.open()
