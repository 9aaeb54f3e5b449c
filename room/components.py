"""Parts of the page that are drawn in the browser, by a file of JavaScript beside this module.

What moves many times a second is drawn there, from a few numbers: the log's picture and the chat.
Each file is a Vue component, as NiceGUI takes it; it needs nothing from the network.

The one idea to take away: send what changed, and let the reader draw it.
"""

import functools
from pathlib import Path
from typing import Any

__all__ = ['component', 'heading']

FOLDER = Path(__file__).parent


def component(name: str) -> Any:
    """Put a component on the page: ``component('log_picture')`` is ``room/log_picture.js``.

    Returns:
        A NiceGUI element. Its ``run_method`` calls a method of the component, and ``on`` hears what
        the component emits.
    """
    return _element_class(name)()


def heading(text: str, level: int = 2) -> Any:
    """Put a heading on the page, which a screen reader finds as one: a NiceGUI label."""
    from nicegui import ui

    return ui.label(text).props(f'role=heading aria-level={level}')


@functools.cache
def _element_class(name: str) -> Any:
    from nicegui.element import Element

    class Component(Element, component=FOLDER / f'{name}.js'):
        pass

    return Component
