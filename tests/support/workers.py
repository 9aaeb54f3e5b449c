"""The tests in several processes at once: how many, and in what order.

``make test`` says ``-n auto`` (pytest-xdist): a worker that is idle takes the next file. So a
file's tests share what is theirs, the blocks of the README run in order, and each worker has a
Kafka of its own, started by the first of its tests that needs one. Without ``-n`` there is one
process, and nothing in this file does anything.

The files that take long come first, so that the end of the run is made of small ones and no worker
waits long for the last. How long a file takes is guessed from its markers.
"""

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

__all__ = ['header', 'how_many', 'is_one_of_several', 'long_files_first', 'scheduler', 'within']

PER_CORE = 2  # most tests wait for Kafka: figures in CONTRIBUTING.md
MOST = 8
MEMORY_EACH = 1.5e9  # bytes: two JVMs, a browser for some, pytest itself
PATIENCE = 120.0  # seconds: the timeout in pyproject.toml; who asks for more needs more
# A test's time by the first of its markers: means of a run with four workers on two cores.
SECONDS = {'slow': 10.0, 'browser': 5.0, 'broker': 3.0, 'kafka': 1.2}


def how_many() -> int:
    """How many workers suit this machine: two a core, if there is memory for them."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no such call
        cores = os.cpu_count() or 1
    try:
        memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (AttributeError, OSError, ValueError):
        memory = int(MOST * MEMORY_EACH)
    return max(1, min(PER_CORE * cores, MOST, int(memory / MEMORY_EACH)))


def header(config: pytest.Config) -> str:
    """A line for pytest's header: ``workers: 4, each with a Kafka of its own``."""
    count = getattr(config.option, 'numprocesses', None) or 0
    if count < 1:
        return 'workers: none, one test after another (make test runs several at once)'
    return f'workers: {count}, each with a Kafka of its own'


def is_one_of_several(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return hasattr(config, 'workerinput')


def within(seconds: float) -> float:
    """So many seconds; three times as many where other workers share the machine.

    For tests that measure how quick something is. Alone, such a test is strict:
    ``python -m pytest tests/room/test_page.py``.
    """
    return seconds * 3 if os.environ.get('PYTEST_XDIST_WORKER') else seconds


def scheduler(config: pytest.Config, log: Any) -> 'LoadFileScheduling':
    """Who gives out the tests: whole files, in the order in which they were collected.

    Files whose names begin with ``test_page`` share a room and two browsers, so they stay together.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            folder, found, _ = _file(nodeid).partition('test_page')
            return folder + found

    config.option.loadscopereorder = False  # it would put files with many tests first
    return Scheduling(config, log)


def long_files_first(items: list[pytest.Item]) -> None:
    """Put the files that take long first; within a file the order stays."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for item in items:
        seconds[_file(item.nodeid)] += _guess(item)
    items.sort(key=lambda item: (-seconds[_file(item.nodeid)], _file(item.nodeid)))


def _file(nodeid: str) -> str:
    return nodeid.partition('::')[0]


def _guess(item: pytest.Item) -> float:
    timeout = item.get_closest_marker('timeout')
    if timeout and timeout.args and timeout.args[0] > PATIENCE:
        return float(timeout.args[0] / 5)
    return next((SECONDS[name] for name in SECONDS if item.get_closest_marker(name)), 0.02)
