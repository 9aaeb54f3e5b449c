"""The bar on top of the page: whether Kafka answers, counts, and the way in for phones.

The one idea to take away: a page that shows live data has to show when the data is not live.
"""

from urllib.parse import parse_qs, urlsplit

from room.components import component, heading
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
        with ui.header().classes('items-center top-bar'):
            heading('The room', 1).classes('title')
            self.connection = ui.badge('…').classes('state').props('role=status')
            self.counts = ui.label().classes('counts wide')
            ui.space()
            if state.link:
                join = ui.button('Join', icon='qr_code', on_click=self._show_link)
                join.props('flat color=white no-caps').classes('join')
            component('appearance')

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
        """Show the room's address on the wall: as a QR code for phones, and as text to type."""
        import segno
        from nicegui import ui

        link = self.state.link
        phrase = parse_qs(urlsplit(link).query).get('pass', [''])[0]
        address = link.partition('/?')[0]
        code = segno.make(link, micro=False).svg_data_uri(scale=8, light='white')
        with ui.dialog() as dialog, ui.card().classes('join-card'):
            dialog.props('maximized aria-label="join the room"')
            ui.image(code).classes('qr').props('alt="the link as a QR code"')
            ui.label(address).classes('link').props('role=heading aria-level=2')
            if phrase:
                ui.label('pass phrase').classes('join-hint')
                ui.label(phrase).classes('link phrase')
            close = ui.button('Close', icon='close', on_click=dialog.close)
            close.props('flat no-caps').classes('close')
        dialog.open()
