"""One colour a name, the same wherever the name is drawn: bubbles, cells, markers, plots.

The one idea to take away: a colour that is computed from the name needs no table, so every page and
every picture agrees on it.
"""

from zlib import crc32

__all__ = ['PALETTE', 'colour_of', 'colours_of']

# Light enough for black text on each (contrast of 7 and more), and apart from one another.
PALETTE = (
    *('#8ecbff', '#ffb86b', '#8fe0a0', '#ff9fa8', '#cdb4ff', '#ffe066'),
    *('#7fe0d8', '#f5a6e0', '#c6e377', '#e8c39e', '#a9b8ff', '#d3d3d3'),
)


def colour_of(name: str) -> str:
    """The colour of a sender or a group, as CSS has it: ``'#8ecbff'``."""
    return PALETTE[crc32(name.encode('utf-8', 'replace')) % len(PALETTE)]


def colours_of(names: list[str]) -> dict[str, str]:
    """The colours of a few names that stand side by side: the same, but apart while there are."""
    taken: dict[str, str] = {}
    for name in sorted(names):
        first = PALETTE.index(colour_of(name))
        free = [each for each in PALETTE[first:] + PALETTE[:first] if each not in taken.values()]
        taken[name] = free[0] if free else colour_of(name)
    return taken
