"""The text that a commit carries: what is written is read again, and nothing else is."""

import json

import pytest

from processing.commit_metadata import MAX_BYTES, CommitMetadata, dump, load

NOTHING = float('-inf')


@pytest.mark.parametrize(
    'memory',
    [
        CommitMetadata(replay_from=7, time_before=NOTHING, time=NOTHING),
        CommitMetadata(replay_from=7, time_before=NOTHING, time=1000.25),
        CommitMetadata(
            replay_from=7,
            time_before=900.5,
            time=1000.25,
            marks=((9, 910.0), (12, 950.25)),
            carried={'r\xf6d': 990.5},
            agreed=980.125,
            shift=2.5,
            gaps=((8, 9),),
        ),
        CommitMetadata(replay_from=7, time_before=NOTHING, time=1000.25, agreed=NOTHING),
    ],
    ids=['nothing', 'first', 'all', 'one sender'],
)
def test_what_is_written_is_read_again(memory: CommitMetadata) -> None:
    """Dump and load are each other's opposite."""
    assert load(dump(memory)) == memory


def test_the_text_is_json_with_a_version() -> None:
    """Any other tool can read it; times that do not exist yet are null."""
    text = dump(CommitMetadata(7, NOTHING, 1000.0, ((9, 990.0),), {'red': 1.0}))
    assert json.loads(text, parse_constant=pytest.fail) == {
        'v': 1,
        'from': 7,
        'before': None,
        'now': 1000.0,
        'marks': [[2, 10.0]],
        'carried': {'red': 1.0},
    }


def test_a_mark_is_never_read_earlier_than_it_was() -> None:
    """Times are kept to a millisecond, and rounded towards the commit."""
    memory = CommitMetadata(0, 0.0, 1000.0, tuple((at, 900.0 + at / 7) for at in range(1, 100)))
    again = load(dump(memory))
    assert again is not None
    for (_, time), (_, read) in zip(memory.marks, again.marks, strict=True):
        assert time <= read <= time + 0.0011


@pytest.mark.parametrize(
    'text',
    [
        None,
        '',
        'written by another tool',
        '5',
        '[]',
        '{}',
        '{"from":7,"before":1.0,"now":2.0,"marks":[],"carried":null}',  # before there were versions
        '{"v":2,"from":7,"before":1.0,"now":2.0}',
        '{"v":1,"before":1.0,"now":2.0}',
        '{"v":1,"from":-7,"before":1.0,"now":2.0}',
        '{"v":1,"from":"7","before":1.0,"now":2.0}',
        '{"v":1,"from":7,"before":1.0,"now":2.0,"marks":[[1]]}',
        '{"v":1,"from":7,"before":1.0',
    ],
)
def test_what_is_not_ours_is_no_memory(text: str | None) -> None:
    """Foreign text and other versions are None, not an error."""
    assert load(text) is None


@pytest.mark.parametrize(
    ('senders', 'kept'), [(20, {'marks', 'carried'}), (100, {'carried'}), (10_000, {'marks'})]
)
def test_it_always_fits(senders: int, kept: set[str]) -> None:
    """Kafka refuses more than 4,096 bytes; the marks are left out first, then what is carried."""
    time = 1.8e9
    marks = tuple((at, time - 60 + at / 1e11 / 3) for at in range(10**12, 64 * 10**12, 10**12))
    carried = {f'sender {number}': time + number / 7 for number in range(senders)}
    text = dump(CommitMetadata(0, time - 60, time, marks, carried))
    assert len(text.encode()) <= MAX_BYTES
    assert {'v', 'from', 'before', 'now'} | kept == json.loads(text).keys()


def test_the_bare_minimum_fits_too() -> None:
    """Whatever a service marks and carries, the offset to replay from is kept."""
    marks = tuple((at, float(at)) for at in range(10_000))
    text = dump(CommitMetadata(3, 0.0, 1e6, marks, 'x' * 5000))
    again = load(text)
    assert again == CommitMetadata(3, 0.0, 1e6)
