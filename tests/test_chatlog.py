"""Other people's logs are read leniently: what is not a message is skipped and counted."""

from pathlib import Path

import pytest

from chatlog import ChatLog
from tests.support.chatlogs import CSV, IRC, IRC_SAID, JSONL, TABLE_SAID, write


@pytest.mark.parametrize('name', ['log.txt', 'log.irc', 'log', 'log.LOG'])
def test_an_unknown_extension_is_irc(tmp_path: Path, name: str) -> None:
    """A log is IRC unless its extension or format= says otherwise."""
    assert [tuple(said) for said in ChatLog(write(tmp_path, name, IRC))] == IRC_SAID


def test_a_format_wins_over_the_extension(tmp_path: Path) -> None:
    """format= reads a file whose extension says nothing, or something else."""
    csv = ChatLog(write(tmp_path, 'a.txt', CSV), format='csv')
    jsonl = ChatLog(write(tmp_path, 'a.csv', JSONL), format='jsonl')
    assert [tuple(said) for said in csv] == TABLE_SAID
    assert [tuple(said) for said in jsonl] == TABLE_SAID


@pytest.mark.parametrize('name', ['a.txt', 'a.jsonl', 'a.csv'])
def test_odd_bytes_and_line_ends_are_no_obstacle(tmp_path: Path, name: str) -> None:
    """A byte order mark and Windows line ends are not part of the text.

    Bytes that are not UTF-8 become replacement characters.
    """
    plain = {'a.txt': IRC, 'a.jsonl': JSONL, 'a.csv': CSV}[name]
    odd = plain.replace('\n', '\r\n').encode().replace(b'hello', b'he\xffllo')
    log = ChatLog(write(tmp_path, name, b'\xef\xbb\xbf' + odd))
    found = [(said.sender, said.contents.replace('\r\n', '\n')) for said in log]
    expected = [
        (sender, contents.replace('hello', 'he\ufffdllo'))
        for _, sender, contents in (IRC_SAID if name == 'a.txt' else TABLE_SAID)
    ]
    assert found == expected


@pytest.mark.parametrize(
    ('stamps', 'elapsed'),
    [
        (['100', '101.5', '99', '103'], [0, 1.5, 1.5, 3]),
        (['1209271560000', '1209271561500'], [0, 1.5]),
        (
            ['2008-04-27T04:46:00Z', '2008-04-27T06:46:01.5+02:00', '2008-04-27 04:46:03'],
            [0, 1.5, 3],
        ),
        (['', '', ''], [0, 2, 4]),
        (['', '100', '', '105'], [0, 0, 2, 7]),
        (['100', 'nan', 'inf', '1e999', 'x', '103'], [0, 3]),
    ],
)
def test_timestamps_are_seconds_milliseconds_or_iso(
    tmp_path: Path, stamps: list[str], elapsed: list[float]
) -> None:
    """Time is counted from the first message and never goes back.

    Without a timestamp, `pause` passes. A line with an invalid one is skipped.
    """
    lines = ['sender,contents,timestamp', *(f'a,b,{stamp}' for stamp in stamps), '']
    log = ChatLog(write(tmp_path, 'a.csv', '\n'.join(lines)), pause=2.0)
    assert [said.elapsed for said in log] == elapsed
    assert log.skipped == len(stamps) - len(elapsed)


@pytest.mark.parametrize(
    ('times', 'minutes'),
    [
        ('10:00 10:05 10:04 10:06', [0, 5, 5, 6]),
        ('03:00 02:00 03:10', [0, 0, 10]),  # an hour earlier: clocks were put back
        ('03:00 01:59 03:10', [0, 1379, 1450]),  # more than that: the next day
        ('23:59 00:01 23:58 00:02', [0, 2, 2, 3]),
        ('20:00 09:00 09:00', [0, 780, 780]),
    ],
)
def test_midnight_is_told_from_disorder(tmp_path: Path, times: str, minutes: list[int]) -> None:
    """An IRC time up to an hour earlier is out of order; earlier than that, it is the next day."""
    log = ChatLog(write(tmp_path, 'a.txt', ''.join(f'[{time}] <a> b\n' for time in times.split())))
    assert [said.elapsed / 60 for said in log] == minutes


def test_a_log_is_not_held_in_memory(tmp_path: Path) -> None:
    """Reading a log keeps a line at a time: 20 MB pass through 2 MB."""
    import tracemalloc

    path = write(tmp_path, 'a.txt', b'[10:00] <ann> ' + b'x' * 1000 + b'\n')
    path.write_bytes(path.read_bytes() * 20_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in ChatLog(path)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_field_that_is_too_large_is_one_skipped_line(tmp_path: Path) -> None:
    """A CSV line that Python's reader refuses is skipped and counted; the next one is read."""
    log = ChatLog(write(tmp_path, 'a.csv', 'sender,contents\na,' + 'x' * 200_000 + '\nb,fine\n'))
    assert ([said.sender for said in log], log.skipped) == (['b'], 1)
