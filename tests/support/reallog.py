"""Two real days of a chat, and what stands in the files, found without the library."""

import os
import re
from pathlib import Path

import pytest

from simulators import ReplaySimulator

CHATLOGS = Path(os.environ.get('CHATLOGS') or Path(__file__).parents[3] / 'shared' / 'chatlogs')
PATHS = sorted(CHATLOGS.glob('ubuntu-irc-*.txt'))
COUNT = 3559

needs_chatlogs = pytest.mark.skipif(
    not PATHS,
    reason=f'no logs in {CHATLOGS}: set CHATLOGS to a folder with the two ubuntu-irc-*.txt',
)


def said() -> list[tuple[str, str]]:
    """Sender and contents of each message, in the files' order."""
    found = []
    for path in PATHS:
        for line in path.read_bytes().decode('utf-8', 'replace').split('\n'):
            if re.match(r'\[\d\d:\d\d\] <', line):
                sender, _, contents = line[9:].partition('>')
                found.append((sender, contents.removeprefix(' ')))
    assert len(found) == COUNT
    return found


def replay(topic: str, keep_time: bool = True) -> int:
    """Put both days into a topic; returns how many messages Kafka acknowledged."""
    return sum(
        ReplaySimulator(path, speed=float('inf'), topic=topic, keep_time=keep_time).simulate(
            print_msg=False
        )
        for path in PATHS
    )
