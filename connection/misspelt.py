"""Which settings are misspelt, and which belong to other programs (used by ``settings.py``).

In the environment a ``KAFKA_`` variable may be anybody's: Kafka's own images take every broker
property as one (``KAFKA_HEAP_OPTS``, ``KAFKA_ADVERTISED_LISTENERS``), and Kubernetes sets some for
each service whose name begins with kafka (``KAFKA_PORT_9092_TCP_ADDR``). So there only what is a
slip or two away from an option of ours counts as misspelt. `.env` is ours.

The one idea to take away: a guess at what somebody meant must be sure of itself, or keep quiet.
"""

import difflib
import re
from collections.abc import Sequence

__all__ = ['nearest_in_environment', 'nearest_in_file']

# What Kubernetes calls service links.
SERVICE_LINK = re.compile(r'KAFKA_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)')
LONG_NAME = len('KAFKA_') + 8  # from here on, two slips may have been made


def nearest_in_file(name: str, known: Sequence[str]) -> list[str]:
    """The setting that a name in `.env` may stand for, in a list; empty if there is none.

    >>> nearest_in_file('KAFKA_BOOTSTRAP', ['KAFKA_BOOTSTRAP_SERVERS', 'KAFKA_ACKS'])
    ['KAFKA_BOOTSTRAP_SERVERS']
    """
    cutoff = 0.6 if name.startswith('KAFKA_') else 0.9  # other programs may keep theirs there, too
    return difflib.get_close_matches(name.upper(), known, n=1, cutoff=cutoff)


def nearest_in_environment(name: str, known: Sequence[str]) -> list[str]:
    """The setting that a variable stands for with a slip or two, in a list; else empty.

    >>> nearest_in_environment('KAFKA_BOOTSTRAP_SERVER', ['KAFKA_BOOTSTRAP_SERVERS'])
    ['KAFKA_BOOTSTRAP_SERVERS']
    >>> nearest_in_environment('KAFKA_VERSION', ['KAFKA_API_VERSION'])
    []
    """
    if not name.startswith('KAFKA_') or SERVICE_LINK.fullmatch(name):
        return []
    slips = 2 if len(name) >= LONG_NAME else 1
    return [each for each in known if _is_within(slips, name, each)][:1]


def _is_within(slips: int, one: str, other: str) -> bool:
    """Whether so many slips make one name of the other.

    A slip is a letter too many, too few, or another, or two that have changed places (the
    Damerau-Levenshtein distance).
    """
    if abs(len(one) - len(other)) > slips:
        return False
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(
                last[column] + 1,
                now[column - 1] + 1,
                last[column - 1] + (letter != wanted),
            )
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1] <= slips
