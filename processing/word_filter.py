"""What is offensive: whole words, seen through disguises, decided without any Kafka (step 7).

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
SEPARATOR = r'[.*_-]?'  # between two letters, as in d.a.m.n
NOTHING = r'(?!)'  # matches nowhere
WORD_BEGINS = r'(?<![^\W_])'
WORD_ENDS = r'(?![^\W_])'


class WordFilter:
    """Finds whole words, whatever their case, accents and disguises (``D4mn``, ``d.a.m.n``).

    Args:
        words: what to look for.

    >>> WordFilter(['damn']).mask('Well, D4mn it')
    'Well, D*** it'
    """

    def __init__(self, words: Iterable[str]) -> None:
        patterns = '|'.join(_pattern(word) for word in words)
        self._pattern = re.compile(f'{WORD_BEGINS}(?:{patterns or NOTHING}){WORD_ENDS}')

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where offensive words stand in the text: ``[(start, end), ...]``."""
        folded, indices = _fold(text)
        found = []
        for match in self._pattern.finditer(folded):
            start = indices[match.start()]
            end = indices[match.end() - 1] + 1
            found.append((start, end))
        return found

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


def _pattern(word: str) -> str:
    """A regular expression for one word: each letter may be disguised, and repeated."""
    letters, _ = _fold(word)
    classes = [f'[{re.escape(letter + DISGUISES.get(letter, ""))}]+' for letter in letters]
    return SEPARATOR.join(classes)


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
