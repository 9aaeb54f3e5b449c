"""What learners' subclasses are told: that ``super().__init__`` was forgotten.

The one idea to take away: an error about a name that the learner never typed is no help to them.
"""

from typing import TYPE_CHECKING, Any

__all__ = ['Subclassable']


class Subclassable:
    """A base class whose instances say so when their ``__init__`` did not call its own.

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
