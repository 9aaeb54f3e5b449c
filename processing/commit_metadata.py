"""What a commit remembers besides its offset: from where a window has to be replayed.

Kafka keeps a text of at most 4,096 bytes with each committed offset
(``offset.metadata.max.bytes``). Ours is JSON with a version. It is read by whoever gets the
partition next, perhaps after an upgrade::

    {"v": 1, "from": 980, "before": 99.0, "now": 160.0, "marks": [[7, 58.125], ...], "carried":
    {...}}

    from      the offset to replay from
    before    the agreed time before the record at that offset; null if there was none
    now       the highest time of a message at the commit
    agreed    the agreed time at the commit; null if there is none
    shift     how many seconds the time for services is ahead of the agreed one; left out if none
    marks     records between there and the commit: how many offsets behind "from", and how many
              seconds before "now" the highest time was when each was seen
    gaps      what need not be replayed: from and up to so many offsets behind "from"
    carried   what the service's state wants carried along

The one idea to take away: what is written today is read by the program of tomorrow. Give it a
version.
"""

import json
import math
from typing import Annotated, Any

import msgspec

__all__ = ['MAX_BYTES', 'CommitMetadata', 'dump', 'has_room', 'load']

MAX_BYTES = 4096  # Kafka's offset.metadata.max.bytes
VERSION = 1

Mark = tuple[int, float]


class CommitMetadata(msgspec.Struct, frozen=True):
    """What is remembered of a window.

    Args:
        replay_from: the offset of the oldest record that is still inside it.
        time_before: the agreed time in seconds before that record; ``-inf`` if there was none.
        time: the highest time of a message in seconds at the commit.
        marks: ``((offset, highest time before it), ...)``, later ones that a replay can use to know
            the time.
        carried: any JSON value; None is nothing.
        agreed: the agreed time in seconds at the commit; None if an older version wrote it.
        shift: see `RecordClock`.
        gaps: ``((from, up to), ...)``: offsets between which nothing is still inside the window.
    """

    replay_from: int
    time_before: float
    time: float
    marks: tuple[Mark, ...] = ()
    carried: Any = None
    agreed: float | None = None
    shift: float = 0.0
    gaps: tuple[tuple[int, int], ...] = ()


class _Wire(msgspec.Struct):
    """The JSON of version 1."""

    v: int
    replay_from: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(name='from')
    before: float | None
    now: float | None
    marks: list[tuple[int, float]] = msgspec.field(default_factory=list)
    carried: Any = None
    agreed: float | msgspec.UnsetType | None = msgspec.UNSET
    shift: float = 0.0
    gaps: list[tuple[int, int]] = msgspec.field(default_factory=list)


def dump(memory: CommitMetadata) -> str:
    """The text for a commit. Where all of it is too long for Kafka, a part is left out.

    First the marks: then a replay knows the time less well. Then what is carried, then both, and at
    last the gaps, too.
    """
    base, gaps, marks, carried = _pieces(memory)
    for parts in (gaps | marks | carried, gaps | carried, gaps | marks, gaps):
        text = _text(base | parts)
        if len(text) <= MAX_BYTES:
            return text
    return _text(base)


def has_room(memory: CommitMetadata) -> bool:
    """Whether what is carried is not left out."""
    base, gaps, _, carried = _pieces(memory)
    return len(_text(base | gaps | carried)) <= MAX_BYTES


def _pieces(memory: CommitMetadata) -> tuple[dict[str, Any], ...]:
    """What is always written, and what is left out where there is no room."""
    start, time = memory.replay_from, memory.time
    base: dict[str, Any] = {
        'v': VERSION,
        'from': start,
        'before': _finite(memory.time_before),
        'now': _finite(time),
    }
    if memory.agreed is not None:
        base['agreed'] = _finite(memory.agreed)
    if memory.shift:
        base['shift'] = memory.shift
    gaps = [(begin - start, end - start) for begin, end in memory.gaps]
    # Rounded towards the commit: a replay must not show a time earlier than it was.
    marks = [(at - start, _whole_ms(time - before)) for at, before in memory.marks]
    return (
        base,
        {'gaps': gaps} if gaps else {},
        {'marks': marks} if marks else {},
        {} if memory.carried is None else {'carried': memory.carried},
    )


def _text(parts: dict[str, Any]) -> str:
    """JSON in ASCII: a character is a byte."""
    return json.dumps(parts, separators=(',', ':'))


def load(text: str | None) -> CommitMetadata | None:
    """Read what ``dump`` wrote.

    Returns:
        None if there is nothing, if another tool wrote it, or another version of this one.
    """
    try:
        wire = msgspec.convert(json.loads(text or ''), _Wire)
    except (ValueError, RecursionError):  # msgspec.ValidationError is a ValueError
        return None
    if wire.v != VERSION:
        return None
    time = _or_none_yet(wire.now)
    return CommitMetadata(
        replay_from=wire.replay_from,
        time_before=_or_none_yet(wire.before),
        time=time,
        marks=tuple((wire.replay_from + distance, time - age) for distance, age in wire.marks),
        carried=wire.carried,
        agreed=None if wire.agreed is msgspec.UNSET else _or_none_yet(wire.agreed),
        shift=wire.shift,
        gaps=tuple((wire.replay_from + begin, wire.replay_from + end) for begin, end in wire.gaps),
    )


def _finite(time: float) -> float | None:
    return time if math.isfinite(time) else None


def _or_none_yet(time: float | None) -> float:
    return float('-inf') if time is None else time


def _whole_ms(seconds: float) -> float:
    return int(seconds * 1000) / 1000
