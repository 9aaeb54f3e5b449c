"""What learners' subclasses are told: that ``super().__init__`` was forgotten.

The one idea to take away: an error about a name that the learner never typed is no help to them.
"""

from typing import Any

__all__ = ['Subclassable']


class Subclassable:
    """A base class whose instances say so when their ``__init__`` did not call its own.

    >>> class Base(Subclassable):
    ...     def __init__(self):
    ...         self._topic = 'human-messages'
    >>> class Mine(Base):
    ...     def __init__(self):
    ...         self.mood = 'good'
    >>> Mine()._topic
    Traceback (most recent call last):
    AttributeError: Mine.__init__ does not call super().__init__(...), so there is no '_topic'. ...
    """

    def __getattr__(self, name: str) -> Any:
        """Called only for a name that is not there."""
        kind = type(self)
        base = next(each for each in kind.__mro__ if Subclassable in each.__bases__)
        if name.startswith('_') and kind.__init__ is not base.__init__:  # type: ignore[misc]
            raise AttributeError(
                f'{kind.__name__}.__init__ does not call super().__init__(...), so there is no '
                f'{name!r}. Call it first, with the topic and the other arguments.'
            )
        raise AttributeError(f'{kind.__name__!r} object has no attribute {name!r}')
