"""What a commit remembers besides its offset: from where a window has to be replayed.

Kafka keeps a text of at most 4,096 bytes with each committed offset
(``offset.metadata.max.bytes``). Ours is JSON with a version. It is read by whoever gets the
partition next, perhaps after an upgrade::

    {"v": 1, "from": 980, "before": 99.0, "now": 160.0, "marks": [[7, 58.125], ...], "carried":
    {...}}

    from      the offset to replay from
    before    the partition's time before the record at that offset; null if it had none
    now       the partition's time at the commit
    marks     records between there and the commit: how many offsets behind "from", and how many
              seconds before "now" the partition's time was when each was seen
    carried   what the service's state wants carried along

The one idea to take away: what is written today is read by the program of tomorrow. Give it a
version.
"""

import json
import math
from typing import Annotated, Any

import msgspec

__all__ = ['MAX_BYTES', 'CommitMetadata', 'dump', 'load']

MAX_BYTES = 4096  # Kafka's offset.metadata.max.bytes
VERSION = 1

Mark = tuple[int, float]


class CommitMetadata(msgspec.Struct, frozen=True):
    """What is remembered of a window.

    Args:
        replay_from: the offset of the oldest record that is still inside it.
        time_before: the partition's time in seconds before that record; ``-inf`` if it had none.
        time: the partition's time in seconds at the commit.
        marks: ``((offset, time before it), ...)``, later ones that a replay can use to know the
            time.
        carried: any JSON value; None is nothing.
    """

    replay_from: int
    time_before: float
    time: float
    marks: tuple[Mark, ...] = ()
    carried: Any = None


class _Wire(msgspec.Struct):
    """The JSON of version 1."""

    v: int
    replay_from: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(name='from')
    before: float | None
    now: float | None
    marks: list[tuple[int, float]] = msgspec.field(default_factory=list)
    carried: Any = None


def dump(memory: CommitMetadata) -> str:
    """The text for a commit. Where all of it is too long for Kafka, a part is left out.

    First the marks: then a replay knows the time less well. Then what is carried, and at last both.
    """
    base = {
        'v': VERSION,
        'from': memory.replay_from,
        'before': _finite(memory.time_before),
        'now': _finite(memory.time),
    }
    # Rounded towards the commit: a replay must not show a time earlier than it was.
    ages = [(at - memory.replay_from, _whole_ms(memory.time - time)) for at, time in memory.marks]
    marks = {'marks': ages} if ages else {}
    carried = {} if memory.carried is None else {'carried': memory.carried}
    for parts in (marks | carried, carried, marks, {}):
        text = json.dumps(base | parts, separators=(',', ':'))
        if len(text) <= MAX_BYTES:  # json.dumps writes ASCII: a character is a byte
            break
    return text


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
    )


def _finite(time: float) -> float | None:
    return time if math.isfinite(time) else None


def _or_none_yet(time: float | None) -> float:
    return float('-inf') if time is None else time


def _whole_ms(seconds: float) -> float:
    return int(seconds * 1000) / 1000
