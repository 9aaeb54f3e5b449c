"""The word filter, without Kafka."""

import pytest

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


@pytest.mark.parametrize(
    'text', ['a' * 50_000, 'd.' * 25_000, 'da' * 25_000, '4' * 50_000, 'damn ' * 200_000]
)
@pytest.mark.timeout(10)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    """No text makes the search explode."""
    WordFilter(['damn', 'assassin', 'aaa']).mask(text)
