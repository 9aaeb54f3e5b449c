"""What learners' subclasses are told: a misspelt method, and a forgotten ``super().__init__``.

The one idea to take away: an error about a name that the learner never typed is no help to them.
"""

import difflib
import logging
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self

__all__ = ['Subclassable']

log = logging.getLogger(__name__)

ALIKE = 0.82  # difflib's measure: 'get_mesage' is 0.95 of 'get_message', 'anwser' 0.83 of 'answer'


class Subclassable:
    """A base class whose instances say so when their ``__init__`` did not call its own.

    And where a child has a method whose name is close to one that could be overridden, its first
    instance says that: nobody would ever call it.

    >>> class Base(Subclassable):
    ...     def __init__(self):
    ...         self.topic = 'human-messages'
    >>> class Mine(Base):
    ...     def __init__(self):
    ...         self.mood = 'good'
    >>> Mine().topic
    Traceback (most recent call last):
    AttributeError: Mine.__init__ does not call super().__init__(...), so there is no 'topic'. ...
    """

    _spelling_is_checked = False

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Look at the spelling of a child's methods, once a class."""
        if not vars(cls).get('_spelling_is_checked'):
            cls._spelling_is_checked = True
            _check_spelling(cls)
        return super().__new__(cls)

    if not TYPE_CHECKING:  # for a type checker, a name that is not there stays an error

        def __getattr__(self, name: str) -> Any:
            """Called only for a name that is not there."""
            kind = type(self)
            if any(name in _names_of_init(base) for base in kind.__mro__[1:]):
                raise AttributeError(
                    f'{kind.__name__}.__init__ does not call super().__init__(...), so there is no '
                    f'{name!r}. Call it first, with the topic and the other arguments.'
                )
            raise AttributeError(f'{kind.__name__!r} object has no attribute {name!r}')


def _names_of_init(kind: type) -> tuple[str, ...]:
    """The names that a class's own ``__init__`` gives a value to, among others that it uses."""
    code = getattr(vars(kind).get('__init__'), '__code__', None)
    return code.co_names if code is not None else ()


def _check_spelling(kind: type) -> None:
    """Warn of methods that override nothing, and whose name is nearly one that would."""
    known = {name for base in kind.__mro__[1:] for name in vars(base) if not name.startswith('_')}
    methods = [
        name
        for name, value in vars(kind).items()
        if isinstance(value, FunctionType) and not name.startswith('_')
    ]
    for name in methods:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known - set(methods), n=1, cutoff=ALIKE)
        if near:
            log.warning('%s.%s overrides nothing (did you mean %s?)', kind.__name__, name, near[0])
