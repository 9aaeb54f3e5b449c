"""A table of the page that is sent only where something in it has changed.

The one idea to take away: what is the same as before need not be said again.
"""

from typing import Any

__all__ = ['Table']


class Table:
    """A table; create it inside the element that is to contain it.

    Args:
        columns: their names, which are the keys of the rows, too.
        name: its CSS class.
        text: columns of text; the others hold numbers.
    """

    def __init__(self, columns: tuple[str, ...], name: str, text: tuple[str, ...]) -> None:
        from nicegui import ui

        described = [
            {
                'name': column,
                'label': column,
                'field': column,
                'align': 'left' if column in text else 'right',
                'style': f"--name: '{column}'",  # a phone shows it beside each value
            }
            for column in columns
        ]
        self.table = ui.table(rows=[], columns=described, row_key='id', pagination=0)
        self.table.props('dense flat hide-bottom wrap-cells').classes(f'full-width {name}')

    def show(self, rows: list[dict[str, Any]]) -> None:
        """Show these rows."""
        if rows != self.table.rows:
            self.table.rows = rows
