"""Who is in the room: which browser, from where, who is the teacher, and who may not talk.

`access` tells visitors apart by a cookie, `state` asks whether one may send, and the teacher's
`visitors_panel` mutes them and puts them out.

The one idea to take away: who somebody is, is decided once, at the door, by something that only the
server could have given them; never by what a request says of itself.
"""

import threading
from dataclasses import dataclass
from typing import Any

from room.addresses import is_local

__all__ = ['Visitor', 'Visitors', 'is_teacher', 'visitor_of']

SCOPE_KEY = 'room.visitor'  # where `access` leaves the visitor for the pages
MOST_NAMES = 2000  # remembered


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser.

    Args:
        id: what the room has named it, in a cookie.
        address: where its connection comes from.
        is_teacher: whether it has shown the teacher's token.
    """

    id: str
    address: str
    is_teacher: bool = False


def visitor_of(client: Any) -> Visitor:
    """The visitor behind a page: a client of NiceGUI's."""
    found: Visitor = client.request.scope[SCOPE_KEY]
    return found


def is_teacher(client: Any) -> bool:
    """Whether a page's visitor may start, stop and move things, and see the whole cluster."""
    return visitor_of(client).is_teacher


class Visitors:
    """Who is muted, who was put out, and by which name each spoke last. Thread-safe."""

    def __init__(self) -> None:
        self._muted: set[str] = set()
        self._out: dict[str, Visitor] = {}
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def spoke(self, visitor: Visitor, name: str) -> None:
        """Remember a visitor's name."""
        with self._lock:
            self._names.pop(visitor.id, None)
            self._names[visitor.id] = name
            if len(self._names) > MOST_NAMES:
                del self._names[next(iter(self._names))]

    def name(self, visitor: Visitor) -> str:
        """As whom a visitor spoke last; '' if not yet."""
        return self._names.get(visitor.id, '')

    def mute(self, visitor: Visitor, muted: bool = True) -> None:
        """Take a visitor's voice, or give it back; the teacher keeps theirs."""
        with self._lock:
            if muted and not visitor.is_teacher:
                self._muted.add(visitor.id)
            else:
                self._muted.discard(visitor.id)

    def is_muted(self, visitor: Visitor) -> bool:
        """Whether a visitor may not talk."""
        return visitor.id in self._muted

    def put_out(self, visitor: Visitor) -> None:
        """Let a visitor in no more; not the teacher."""
        if not visitor.is_teacher:
            with self._lock:
                self._out[visitor.id] = visitor

    def let_in(self, visitor: Visitor) -> None:
        """Take back `put_out`."""
        with self._lock:
            self._out.pop(visitor.id, None)

    @property
    def out(self) -> list[Visitor]:
        """Who was put out."""
        with self._lock:
            return list(self._out.values())

    def is_out(self, visitor: Visitor) -> bool:
        """Whether a visitor was put out: the browser, or whoever comes from its address.

        Addresses of this machine do not count: behind a forwarder all visitors have them.
        """
        if visitor.is_teacher:
            return False
        if visitor.id in self._out:
            return True
        addresses = {each.address for each in self.out}
        return visitor.address in addresses and not is_local(visitor.address)
