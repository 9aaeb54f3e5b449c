"""Which records were dealt with: a set of their names that stays small however many there are.

``Rekey`` and ``AnswerBot`` remember in it what was copied and answered. A partition numbers its
records 0, 1, 2 and so on, so one bit a record is enough.

The one idea to take away: topic, partition and offset name a record, and no other one has them.
"""

import re
from collections.abc import Iterable, Iterator, MutableSet
from typing import Any

__all__ = ['Origins', 'origin']

NAME = re.compile(r'(?P<partition>[\w.-]+/\d+)/(?P<offset>0|[1-9]\d{0,18})', re.ASCII)
BITS = 256  # offsets that share one number


def origin(record: Any) -> str:
    """The name of a record, ``'human-messages/0/17'``.

    No other record has it, unless the topic is deleted and made again: then it begins anew.
    """
    return f'{record.topic}/{record.partition}/{record.offset}'


class Origins(MutableSet[str]):
    """A set of `origin` names; of 256 neighbours it keeps one number.

    What is no such name is no member, and is not taken up.

    Args:
        names: what it has at first.

    >>> answered = Origins()
    >>> answered.add('human-messages/0/17')
    >>> 'human-messages/0/17' in answered, len(answered)
    (True, 1)
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._masks: dict[str, dict[int, int]] = {}  # by partition, by offset // BITS
        for name in names:
            self.add(name)

    def add(self, value: str) -> None:
        """Take up the name of a record."""
        if found := NAME.fullmatch(value):
            block, bit = divmod(int(found['offset']), BITS)
            masks = self._masks.setdefault(found['partition'], {})
            masks[block] = masks.get(block, 0) | 1 << bit

    def discard(self, value: str) -> None:
        """Forget a name."""
        if value in self:
            partition, _, offset = value.rpartition('/')
            block, bit = divmod(int(offset), BITS)
            self._masks[partition][block] ^= 1 << bit

    def clear(self) -> None:
        """Forget all."""
        self._masks.clear()

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        partition, _, offset = value.rpartition('/')
        masks = self._masks.get(partition)
        if masks is None or NAME.fullmatch(value) is None:
            return False
        block, bit = divmod(int(offset), BITS)
        return bool(masks.get(block, 0) >> bit & 1)

    def __iter__(self) -> Iterator[str]:
        for partition, masks in self._masks.items():
            for block, mask in masks.items():
                for bit in range(BITS):
                    if mask >> bit & 1:
                        yield f'{partition}/{block * BITS + bit}'

    def __len__(self) -> int:
        return sum(mask.bit_count() for masks in self._masks.values() for mask in masks.values())
