"""Which of the topics that are there was perhaps meant by the name of one that is not.

The one idea to take away: Kafka makes a topic at its first mention, so a slip of the finger makes
one, too, and then a reader and a writer wait for each other at two topics.
"""

import difflib
import logging
import re
from collections.abc import Iterable

__all__ = ['nearest_topic', 'tell_of_new_topic']

ALIKE = 0.8  # difflib's measure: 'alerts' is 0.91 of 'alert', and 0.83 of 'alrets'
LETTERS = 2  # that a slip leaves out or adds, at most
log = logging.getLogger(__name__)


def nearest_topic(topic: str, others: Iterable[str]) -> str | None:
    """The topic that was perhaps meant; None if there is none like it.

    Names that differ in numbers only are a series, and a name with another word behind it is
    another name: no slips. Kafka's own topics are nobody's.

    >>> nearest_topic('human-mesages', ['alerts', 'human-messages'])
    'human-messages'
    >>> nearest_topic('room-2', ['room-1'])
    """
    plain = {
        name.lower(): name
        for name in others
        if name != topic and not name.startswith('__') and abs(len(name) - len(topic)) <= LETTERS
    }
    for near in difflib.get_close_matches(topic.lower(), plain, n=3, cutoff=ALIKE):
        if _without_numbers(near) != _without_numbers(topic.lower()) or near == topic.lower():
            return plain[near]
    return None


def tell_of_new_topic(topic: str, others: Iterable[str]) -> None:
    """Say that a topic is new, if it could be a slip."""
    near = nearest_topic(topic, others)
    if near is not None:
        log.warning('%s is new (did you mean %s?)', topic, near)


def _without_numbers(name: str) -> str:
    return re.sub(r'\d+', '', name)
