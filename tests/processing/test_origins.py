"""A set of the names of records, compared with a set of text."""

from random import Random

import pytest

from processing.origins import Origins


def test_it_is_a_set_of_names() -> None:
    """Whatever is added and taken out, it has what a set of text has."""
    chance = Random(7)
    found, expected = Origins(), set[str]()
    for _ in range(5000):
        topic = chance.choice(['human-messages', 'a.b_c-1'])
        name = f'{topic}/{chance.randrange(3)}/{chance.choice([1, 10**12]) * chance.randrange(700)}'
        if chance.random() < 0.7:
            found.add(name)
            expected.add(name)
        else:
            found.discard(name)
            expected.discard(name)
        assert (name in found) == (name in expected)
    assert set(found) == expected
    assert len(found) == len(expected)
    assert sorted(found) == sorted(expected)
    assert Origins(expected) == found
    found.clear()
    assert not found


NO_NAMES = ['', 'a', 'a/0', 'a/0/', 'a/x/1', 'a/0/-1', 'a/0/01', 'a/0/1_0', 'a/0/٣', 'a/0/1\n']


@pytest.mark.parametrize('text', [*NO_NAMES, 'a b/0/1', '/0/1', '\ufffd', 'a/0/' + '9' * 5000])
def test_what_names_no_record_is_not_taken_up(text: str) -> None:
    """Other programs may write anything into a header of that name."""
    found = Origins(['a/0/10', 'a/0/3', 'a/0/1'])
    found.add(text)
    assert text not in found
    assert len(found) == 3


def test_it_stays_small() -> None:
    """A record that was copied costs a byte or so, where text in a set costs a hundred and more."""
    import tracemalloc

    tracemalloc.start()
    try:
        found = Origins(f'human-messages/0/{offset}' for offset in range(30_000))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 30_000
    assert size < 30_000
