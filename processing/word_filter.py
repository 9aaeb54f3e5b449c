"""What is offensive: whole words, seen through disguises, decided without any Kafka (step 7).

The words are searched all at once, in one pass over the text: a state machine whose states are the
bits of a number ("shift-and", Baeza-Yates and Gonnet, 1992). So the time is in proportion to the
text, whatever the text and the words; a regular expression would try each beginning again.

The one idea to take away: fold the text first (case, accents, invisible characters), then compare.
"""

import re
import unicodedata
from collections.abc import Iterable

__all__ = ['WordFilter']

# What people type instead of a letter.
DISGUISES = {
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
SEPARATORS = frozenset('.*_-')  # one of them may stand between two letters, as in d.a.m.n
WORD_BEGINS = r'(?<![^\W_])'
NOTHING = r'(?!)'  # matches nowhere


class WordFilter:
    """Finds whole words, whatever their case, accents and disguises (``D4mn``, ``d.a.m.n``).

    Each letter of a word may be repeated: ``daaamn``.

    Args:
        words: what to look for.

    >>> WordFilter(['damn']).mask('Well, D4mn it')
    'Well, D*** it'
    """

    def __init__(self, words: Iterable[str]) -> None:
        # A bit for each letter of each word: it is set while the text may stand at that letter.
        self._first = 0  # the bits of first letters
        self._last = 0  # and of last ones
        self._standing: dict[str, int] = {}  # for each character, at which letters it may stand
        beginnings = []
        bit = 1
        for word in words:
            letters = [letter for letter in _fold(word)[0] if letter not in SEPARATORS]
            if letters:
                self._first |= bit
                for letter in letters:
                    for character in letter + DISGUISES.get(letter, ''):
                        self._standing[character] = self._standing.get(character, 0) | bit
                    bit <<= 1
                self._last |= bit >> 1
                beginnings.append(_beginning_pattern(letters))
        # Most texts have no place where a word could begin; this tells so in a third of the time.
        patterns = '|'.join(beginnings) or NOTHING
        self._may_begin = re.compile(f'{WORD_BEGINS}(?:{patterns})')

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where offensive words stand in the text: ``[(start, end), ...]``, in order."""
        folded, indices = _fold(text)
        found = []
        begin = len(folded)
        for end in reversed(self._ends(folded)):
            if end < begin:
                begin = self._beginning(folded, end)
                found.append((indices[begin], indices[end] + 1))
        return found[::-1]

    def mask(self, text: str) -> str:
        """The text, with asterisks for all but the first letter of each offensive word."""
        masked = []
        done = 0
        for start, end in self.find(text):
            masked.append(text[done : start + 1])
            masked.append('*' * (end - start - 1))
            done = end
        masked.append(text[done:])
        return ''.join(masked)

    def _ends(self, text: str) -> list[int]:
        """Where a word ends: the indices of last letters that no letter follows."""
        first, last, standing = self._first, self._last, self._standing
        ends: list[int] = []
        candidate = self._may_begin.search(text)
        if candidate is None:
            return ends
        states = 0
        in_word = False  # whether the character before is a letter or a digit
        was_separator = False
        for index, character in enumerate(text[candidate.start() :], candidate.start()):
            if character in SEPARATORS:
                states = 0 if was_separator else states
                was_separator = True
                in_word = False
                continue
            was_separator = False
            reached = states | ((states << 1) & ~first)
            if not in_word:
                reached |= first
            states = reached & standing.get(character, 0)
            in_word = character.isalnum()
            if states & last and not text[index + 1 : index + 2].isalnum():
                ends.append(index)
        return ends

    def _beginning(self, text: str, end: int) -> int:
        """Where the longest word begins that ends there: the same, backwards."""
        first, last, standing = self._first, self._last, self._standing
        begin = end
        states = last
        was_separator = False
        for index in range(end, -1, -1):
            character = text[index]
            if character in SEPARATORS:
                if was_separator:
                    break
                was_separator = True
                continue
            was_separator = False
            if index < end:
                states |= (states >> 1) & ~last
            states &= standing.get(character, 0)
            if not states:
                break
            if states & first and not (index and text[index - 1].isalnum()):
                begin = index
        return begin


def _beginning_pattern(letters: list[str]) -> str:
    """A word's first letter, and a second character that does not rule it out."""
    first = letters[0] + DISGUISES.get(letters[0], '')
    if len(letters) == 1:
        return f'[{re.escape(first)}]'
    second = letters[1] + DISGUISES.get(letters[1], '')
    return f'[{re.escape(first)}][{re.escape(first + second + "".join(sorted(SEPARATORS)))}]'


def _fold(text: str) -> tuple[str, range | list[int]]:
    """Lower case, without accents and invisible characters.

    Returns:
        The folded text, and for each of its characters the index in the text that it came from.
    """
    if text.isascii():
        return text.lower(), range(len(text))
    folded = []
    indices = []
    for index, character in enumerate(text):
        for part in unicodedata.normalize('NFKD', character).casefold():
            if unicodedata.category(part) not in {'Mn', 'Cf'}:
                folded.append(part)
                indices.append(index)
    return ''.join(folded), indices
