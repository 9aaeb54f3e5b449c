"""Progress on standard error while Kafka is installed: one line at a time.

Used in step 0, by the modules that download and prepare Kafka. The one idea to take away: whatever
takes longer than a second says what it is doing, and not on standard output, which is for results.
"""

import sys

__all__ = ['report']


def report(line: str, end: str = '\n') -> None:
    """Print a line to standard error.

    On a terminal a line overwrites the one before if that one ended with ``end=''``. Elsewhere, in
    a log file for example, such unfinished lines are left out.

    Args:
        line: the text.
        end: ``''`` for a line that the next one replaces.
    """
    if sys.stderr.isatty():
        print(f'\r\033[K{line}', end=end, file=sys.stderr, flush=True)
    elif end:
        print(line, file=sys.stderr, flush=True)
