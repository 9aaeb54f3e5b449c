"""The frame for all that reaches beneath kafka-python's public surface: look before you leap.

An *acceleration* makes something quicker that works without it. A *workaround* mends a fault of
kafka-python. Both use private names, which a later version may rename without notice. So each one
lists the names it needs. If one of them is missing or has another shape, it stays off, one debug
line is logged, and the plain client does the work.

``WORKSHOP_PLAIN_CLIENT=1`` switches all of them off; ``WORKSHOP_PLAIN_CLIENT=short-send,lingering``
only those two.

The one idea to take away: depend on what is promised; use what is not promised only if it is there.
"""

import inspect
import logging
import os
import re
from typing import Any, ClassVar

__all__ = ['Acceleration', 'PrivateNames', 'Workaround']

log = logging.getLogger(__name__)

SWITCH = 'WORKSHOP_PLAIN_CLIENT'
NEED = re.compile(
    r'(?P<path>[\w.]+)'  # _accumulator.append
    r'(\((?P<parameters>[\w, ]*)\))?'  # (tp, timestamp_ms, key)
    r'(: (?P<kind>\w+))?'  # : dict
)

_told: set[str] = set()  # what is off was logged once


class PrivateNames:
    """What accelerations and workarounds have in common: a name, what they need, and a switch.

    Each is a class of its own. ``needs`` lists the private names, as seen from the client that it
    is used on, in one of three forms::

        '_sender.wakeup'              is there
        '_accumulator.config: dict'   is there, and is a dict (the name of its class or a base)
        '_accumulator.append(tp, timestamp_ms, key)'
                                      is callable; its first parameters have these names, and
                                      further ones may be left out

    Ask once for each client, and keep the answer: looking takes some tenths of a millisecond.

    >>> class Loud(Acceleration):
    ...     '''Says everything twice as loud.'''
    ...     name = 'loud'
    ...     needs = ('upper()', '_volume: int')
    >>> Loud.is_on('a text')
    False
    >>> Loud.why_off('a text')
    "kafka-python has no 'str._volume'"
    """

    name: ClassVar[str] = ''
    needs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def is_on(cls, target: Any) -> bool:
        """Whether it can be used on this client (or class or module); why not is logged once."""
        why = cls.why_off(target)
        if why:
            cls.log_off(why)
        return not why

    @classmethod
    def log_off(cls, why: str) -> None:
        """Say once, at debug level, that it is off."""
        if cls.name not in _told:
            _told.add(cls.name)
            log.debug('%s %r is off: %s', cls.__mro__[1].__name__.lower(), cls.name, why)

    @classmethod
    def why_off(cls, target: Any) -> str:
        """Why it cannot be used on this client, or '' if it can."""
        if cls.is_switched_off():
            return f'{SWITCH}={os.environ[SWITCH]}'
        for need in cls.needs:
            if problem := _problem(target, need):
                return problem
        return ''

    @classmethod
    def is_switched_off(cls) -> bool:
        """Whether the environment variable ``WORKSHOP_PLAIN_CLIENT`` switches it off."""
        switch = os.environ.get(SWITCH, '')
        return switch == '1' or cls.name in switch.replace(' ', '').split(',')


class Acceleration(PrivateNames):
    """Makes something quicker. Without it every promise holds, only slower.

    The class's docstring says what it gains, with the figure.
    """


class Workaround(PrivateNames):
    """Mends a fault of kafka-python.

    The class's docstring says which, with the version or the upstream issue.
    """

    promise: ClassVar[str] = ''  # what does not hold where it is off; tests that skip say so


def _problem(target: Any, need: str) -> str:
    """What is wrong with one private name, or '' if it is as expected."""
    parts = NEED.fullmatch(need)
    if parts is None:
        raise ValueError(f'{need!r} names no private name; see PrivateNames for the three forms.')
    value = target
    for name in parts['path'].split('.'):
        owner = value if inspect.isclass(value) or inspect.ismodule(value) else type(value)
        try:
            value = getattr(value, name)
        except AttributeError:
            return f"kafka-python has no '{owner.__name__}.{name}'"
    kind = parts['kind']
    if kind is not None and kind not in [base.__name__ for base in type(value).__mro__]:
        return f'{parts["path"]} is a {type(value).__name__}, not a {kind}'
    if parts['parameters'] is not None and not _takes(value, parts['parameters']):
        return f'{parts["path"]} cannot be called as ({parts["parameters"]})'
    return ''


def _takes(function: Any, parameters: str) -> bool:
    """Whether a function's first parameters have these names, and the others may be left out."""
    wanted = parameters.split(', ') if parameters else []
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # nothing that can be called, or nothing that tells
        return False
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    others = found[len(wanted) :]
    return [each.name for each in found[: len(wanted)]] == wanted and all(
        each.default is not inspect.Parameter.empty or each.kind in optional for each in others
    )
