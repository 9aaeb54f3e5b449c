"""The word filter, without Kafka."""

import pytest

from alerts import WORDS
from processing.word_filter import WordFilter


@pytest.mark.parametrize(
    ('text', 'masked'),
    [
        ('Well, D4mn it', 'Well, D*** it'),
        ('d.a.m.n', 'd******'),
        ('dåmn', 'd***'),
        ('DAAAMN!', 'D*****!'),
        ('a$$', 'a**'),
        ('d\u200bamn', 'd****'),
        ('classic assessment of a damnation', 'classic assessment of a damnation'),
        ('', ''),
        ('ＤＡＭＮ', 'Ｄ***'),
    ],
)
def test_words_are_found_in_disguise_and_not_inside_others(text: str, masked: str) -> None:
    """Whole words only; case, accents, digits, dots and repetition do not help."""
    assert WordFilter(['damn', 'ass']).mask(text) == masked


def test_no_words_find_nothing() -> None:
    """An empty list is a list."""
    assert WordFilter([]).find('damn') == []


HOSTILE = [
    *('s' * 500_000, 'pi' + 's' * 500_000 + 'x', 'a' * 500_000 + 'b', 'a-' * 250_000 + 'b'),
    *('ab' * 250_000, 'damn ' * 100_000, '1|' * 250_000, 'd.a.m.' * 80_000, '!' * 500_000),
    *('d\u0301' * 250_000, 'i' * 250_000 + 'l' * 250_000, '..' * 250_000, 'bullshi' * 70_000),
]


@pytest.mark.parametrize('text', HOSTILE, ids=lambda text: text[:8])
@pytest.mark.parametrize(
    'words',
    [WORDS, ['aaa'], ['ill', 'lil', 'il'], ['ab' * 50], ['a' * 500], ['damn', 'damned']],
    ids=lambda words: words[0][:8],
)
@pytest.mark.timeout(20)
def test_time_is_in_proportion_to_the_text(words: list[str], text: str) -> None:
    """Half a million characters of anything, with any words: a second or less, never minutes."""
    WordFilter(words).mask(text)


def test_the_first_and_the_longest_is_masked() -> None:
    """Words that overlap or contain each other are masked once, as far as the longest goes."""
    assert WordFilter(['damn', 'damned']).mask('damned damn') == 'd***** d***'
    assert WordFilter(['il', 'ill']).mask('1ll |l') == '1** |*'
    assert WordFilter(['ass', 'as']).mask('a.s.s as') == 'a**** a*'
    assert WordFilter(['f*ck', '']).mask('f*ck fck') == 'f*** f**'
