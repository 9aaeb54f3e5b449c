"""Who says too much, and what is offensive: the decisions of the alert services, without any Kafka in them (steps 6 and 7).

The one idea to take away: decide apart from doing. What is here can be tested with a made-up clock, in microseconds.
"""

import bisect
import json
import re
import unicodedata
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ['Partition', 'Throttle', 'WordFilter']

METADATA_BYTES = 4096  # Kafka's offset.metadata.max.bytes


class Throttle:
    """Counts each sender's messages within a sliding window, in constant time a message.

    A message at time ``now`` is over the limit if it and at least ``limit`` earlier ones lie in ``(now - duration, now]``. For that, a
    sender's latest ``limit`` times are enough. A sender's first time is a bare float, more of them a ring in an array;
    whoever has been silent for ``duration`` is forgotten before twice that time is over.

    Args:
        limit: messages that are allowed within the window.
        duration: the window's length in seconds.
        repeat_interval: seconds of quiet about a sender after an alert.

    >>> throttle = Throttle(limit=2, duration=60.0)
    >>> [throttle.over('red', now) for now in (0.0, 1.0, 2.0, 61.5)]
    [False, False, True, False]
    """

    def __init__(
        self, limit: int = 100, duration: float = 60.0, repeat_interval: float = 0.0
    ) -> None:
        self.limit = limit
        self.duration = duration
        self.repeat_interval = repeat_interval
        self.carried: dict[
            str, float
        ] = {}  # when each sender was last alerted about; a commit carries it along
        self._recent: dict[str, float | array[float]] = {}
        self._before: dict[str, float | array[float]] = {}
        self._turned = float('-inf')

    def __len__(self) -> int:
        return len(self._recent) + len(self._before)

    def over(self, sender: str, now: float) -> bool:
        """Count a message, and say whether to alert.

        Args:
            sender: who sent it.
            now: its time in seconds; never less than the one before.
        """
        if now - self._turned >= self.duration:
            self._turn(now)
        if self.limit == 0:
            return self._loud(sender, now)
        known = self._recent.get(sender)
        if known is None:
            known = self._before.pop(sender, None)
            if known is None:
                self._recent[sender] = now
                return False
            self._recent[sender] = known
        if isinstance(known, array):
            times = known
        else:
            times = array('d', (1.0, known))  # the place of the oldest, then a ring of times
            self._recent[sender] = times
        if len(times) <= self.limit:
            times.append(now)
            return False
        place = int(times[0])
        oldest = times[place]
        times[place] = now
        times[0] = place + 1 if place < self.limit else 1
        return oldest > now - self.duration and self._loud(sender, now)

    def _loud(self, sender: str, now: float) -> bool:
        if self.repeat_interval > 0:
            if now - self.carried.get(sender, float('-inf')) < self.repeat_interval:
                return False
            self.carried[sender] = now
        return True

    def _turn(self, now: float) -> None:
        """Two generations: whoever has not spoken since the turn before the last one is forgotten."""
        self._before = self._recent if now - self._turned < 2 * self.duration else {}
        self._recent = {}
        self._turned = now
        if self.carried:
            self.carried = {
                s: since for s, since in self.carried.items() if now - since < self.repeat_interval
            }


# What people type instead of a letter.
_DISGUISES = {
    'a': '4@',
    'b': '8',
    'e': '3',
    'g': '9',
    'i': '1!|',
    'l': '1|',
    'o': '0',
    's': '5$',
    't': '7+',
    'z': '2',
}


class WordFilter:
    """Finds whole words, whatever their case, accents and common disguises (``D4mn``, ``d.a.m.n``, ``daaamn``).

    Args:
        words: what to look for.

    >>> WordFilter(['damn']).mask('Well, D4mn it')
    'Well, D*** it'
    """

    def __init__(self, words: Iterable[str]) -> None:
        patterns = (
            r'[.*_-]?'.join(f'[{re.escape(c + _DISGUISES.get(c, ""))}]+' for c in _fold(word)[0])
            for word in words
        )
        self._pattern = re.compile(rf'(?<![^\W_])(?:{"|".join(patterns) or "(?!)"})(?![^\W_])')

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where offensive words stand in the text: ``[(start, end), ...]``."""
        folded, places = _fold(text)
        return [
            (places[match.start()], places[match.end() - 1] + 1)
            for match in self._pattern.finditer(folded)
        ]

    def mask(self, text: str) -> str:
        """The text with all but the first letter of each offensive word replaced by asterisks."""
        masked, behind = [], 0
        for start, end in self.find(text):
            masked += [text[behind : start + 1], '*' * (end - start - 1)]
            behind = end
        return ''.join([*masked, text[behind:]])


def _fold(text: str) -> tuple[str, range | list[int]]:
    """Lower case without accents and invisible characters, and the place in the text that each character came from."""
    if text.isascii():
        return text.lower(), range(len(text))
    pairs = [
        (part, place)
        for place, character in enumerate(text)
        for part in unicodedata.normalize('NFKD', character).casefold()
        if unicodedata.category(part) not in {'Mn', 'Cf'}
    ]
    return ''.join(part for part, _ in pairs), [place for _, place in pairs]


class Partition:
    """A partition's window: its state, its time, and from where the log would have to be replayed to have both again."""

    def __init__(self, state: Any) -> None:
        self.state = state
        self.now = float('-inf')  # the partition's time so far; it never goes back
        self.replay_until = 0  # records before this offset have been alerted about
        self.now_then = float('-inf')  # the time so far when that was committed
        self.carried_then: Any = None  # what was carried then
        self.marks: deque[tuple[int, float]] = (
            deque()
        )  # (offset, the time so far before it), the oldest one first

    def mark(self, offset: int, duration: float) -> None:
        """Note a place to replay from; about 64 of them cover a window."""
        marks = self.marks
        if not marks or self.now >= marks[-1][1] + duration / 64:
            marks.append((offset, self.now))
        while len(marks) > 1 and marks[1][1] <= self.now - duration:
            marks.popleft()

    def as_metadata(self, offset: int) -> str:
        """What a commit says of the window: its marks, and what the state carries. Either is left out where it is too long for Kafka."""
        start, before = self.marks[0] if self.marks else (offset, self.now)
        saved = {'from': start, 'before': before, 'now': self.now}
        marks = {
            'marks': [
                (place - start, int((self.now - now) * 1000) / 1000)
                for place, now in list(self.marks)[1:]
            ]
        }
        carried = {'carried': getattr(self.state, 'carried', None)}
        texts = (
            json.dumps(each, separators=(',', ':'))
            for each in (saved | marks | carried, saved | carried, saved | marks)
        )
        return next(text for text in texts if len(text) <= METADATA_BYTES)

    def restore(self, metadata: str, offset: int) -> int:
        """Take up a commit's metadata, and return the offset to replay from."""
        self.replay_until = offset
        if not metadata.startswith('{'):
            return offset
        saved: dict[str, Any] = json.loads(metadata)
        self.now, self.now_then, self.carried_then = (
            saved['before'],
            saved['now'],
            saved.get('carried'),
        )
        start = min(int(saved['from']), offset)
        self.marks = deque(
            [
                (start, self.now),
                *((start + place, self.now_then - ago) for place, ago in saved.get('marks', ())),
            ]
        )
        return start

    def as_then(self, records: list[Any]) -> Iterator[tuple[list[Any], float]]:
        """The parts of what is replayed, each with the latest time that the clock can have shown when it was seen first."""
        begin = 0
        if records[0].offset >= self.replay_until:
            return
        for offset, wall in [*self.marks, (self.replay_until, self.now_then)]:
            end = bisect.bisect_left(records, offset, begin, key=lambda record: record.offset)
            if end > begin:
                yield records[begin:end], wall
            begin = end

    def end_replay(self) -> None:
        """Be as the one was who committed."""
        self.now = max(self.now, self.now_then)
        if self.carried_then is not None:
            self.state.carried, self.carried_then = self.carried_then, None
