"""What may be written to a topic: JSON, checked at both ends, and safe to print."""

import datetime
import json
import math
from typing import Any

import pytest

from errors import MessageError
from schemas import (
    Alert,
    HumanMessage,
    Malformed,
    chat_line,
    decode,
    encode,
    printable,
    validate,
)

CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)

SAID = {'sender': 'red', 'contents': 'hello'}
ALERT = {'alert_type': 'throttled', 'alert_message': 'too much', 'triggered_by': SAID}


@pytest.mark.parametrize(
    'value',
    [
        {'some': 'dict'},
        {'a': {'b': [1, 2.5, None, True, 'x']}},
        [],
        'text',
        '',
        0,
        -1,
        2**64 - 1,
        1.5,
        None,
        False,
        {'': ''},
        {'smile': '\N{GRINNING FACE}', 'umlaut': 'äöü', 'escape': '\x1b[31m'},
    ],
    ids=repr,
)
def test_any_json_value_comes_back_as_it_went(value: Any) -> None:
    """A JSON value becomes what any JSON parser reads, and decodes to the same value."""
    data = encode(value)
    assert json.loads(data) == value
    assert decode(data) == value


def test_a_tuple_is_sent_as_a_list() -> None:
    """A tuple is written as JSON's list."""
    assert encode({'a': (1, (2,))}) == b'{"a":[1,[2]]}'


@pytest.mark.parametrize(
    ('value', 'says'),
    [
        ({1, 2}, 'set'),
        (b'bytes', 'bytes'),
        (datetime.datetime.now(datetime.UTC), 'datetime'),
        (
            {'deep': [{'when': datetime.date(2026, 1, 1)}]},
            r"at 'deep\[0\]\.when' is of type date\b",
        ),
        (math.nan, 'nan'),
        ([math.inf], r"inf at '\[0\]' is not a JSON number"),
        ({'a': math.inf}, "inf at 'a' is not a JSON number"),
        ({1: 'a'}, "The key 1 must be a str, not int: .* Use '1'"),
        ({'a': {None: 1}}, "The key None at 'a' must be a str"),
        (object(), 'object'),
        (CIRCLE, 'recursion'),
        ('\ud800', 'JSON'),
        ({'contents': '\ud800'}, 'JSON'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_json_is_refused(value: Any, says: str) -> None:
    """A value that JSON does not know is refused, with its place and what to send instead."""
    with pytest.raises(MessageError, match=says):
        encode(value)


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'no json',
        b'{',
        b'{"sender": "red"',
        b'\xff\xfe',
        b'"\xc3"',
        b'[' * 100_000,
        b'{"a":' * 100_000,
        b'NaN',
        b'{"a": 1} trailing',
        b'\x00' * 1_000_000,
        b"{'sender': 'red'}",
        b'\xef\xbb\xbf{}',
    ],
    ids=lambda data: repr(data[:12]),
)
@pytest.mark.parametrize('schema', [None, HumanMessage], ids=['any', 'schema'])
def test_bytes_that_are_no_json_never_raise(data: bytes, schema: Any) -> None:
    """Bytes that cannot be read become a Malformed that keeps them and says why."""
    value = decode(data, schema)
    assert isinstance(value, Malformed)
    assert value.data == data
    assert value.why
    assert len(repr(value)) < 500


@pytest.mark.parametrize(
    ('data', 'why'),
    [
        (b'{"sender": "red"}', 'contents'),
        (b'{"contents": "hello"}', 'sender'),
        (b'{"sender": 1, "contents": "hello"}', "at 'sender'"),
        (b'{"sender": "red", "contents": null}', "at 'contents'"),
        (b'{"sender": ["red"], "contents": "hello"}', "at 'sender'"),
        (b'[]', 'object'),
        (b'"text"', 'object'),
        (b'null', 'object'),
        (None, 'tombstone'),
    ],
    ids=repr,
)
def test_what_breaks_the_schema_is_told_with_its_path(data: bytes | None, why: str) -> None:
    """JSON of another shape becomes a Malformed that names the field."""
    value = decode(data, HumanMessage)
    assert isinstance(value, Malformed)
    assert why in value.why
    assert value.data == data


@pytest.mark.parametrize(
    ('data', 'schema', 'why'),
    [
        (
            b'{"a": {"b": "x"}}',
            dict[str, dict[str, int]],
            "Expected `int`, got `str` at '[...][...]'",
        ),
        (b'{"a": 1}', dict[int, int], 'Expected `int`, got `str` in a key'),
        (b'[{"a": 1}]', list[dict[int, int]], "Expected `int`, got `str` in a key of '[0]'"),
        (b'"x"', int, 'Expected `int`, got `str`'),
    ],
    ids=str,
)
def test_a_place_is_told_in_plain_words(data: bytes, schema: Any, why: str) -> None:
    """Lists, keys and the value as a whole have no `$` in front of them."""
    assert decode(data, schema).why == why


def test_an_unknown_field_is_no_error() -> None:
    """Those who send may know more than those who read: fields that the schema lacks pass."""
    assert decode(json.dumps(SAID | {'mood': 'good'}).encode(), HumanMessage) == SAID
    assert decode(json.dumps(ALERT | {'severity': 3}).encode(), Alert) == ALERT
    validate(SAID | {'mood': 'good'}, HumanMessage)


def test_an_empty_record_is_none_where_anything_may_stand() -> None:
    """Without a schema, a record without a value is None."""
    assert decode(None) is None


@pytest.mark.parametrize(
    ('value', 'schema', 'says'),
    [
        (
            {'sender': 'red'},
            HumanMessage,
            'does not match HumanMessage.*contents.*Send a dict with sender, contents',
        ),
        ({'sender': 'red', 'contents': 1}, HumanMessage, "at 'contents'"),
        ('hello', HumanMessage, 'HumanMessage'),
        (ALERT | {'triggered_by': {'sender': 'red'}}, Alert, "`contents` at 'triggered_by'"),
        ({'some': 'dict' * 1000}, HumanMessage, r'\.\.\. does not match'),
    ],
)
def test_what_breaks_the_schema_is_refused_before_it_is_sent(
    value: Any, schema: Any, says: str
) -> None:
    """The error names the schema, the place and the expected fields, and is short."""
    with pytest.raises(MessageError, match=says) as caught:
        validate(value, schema)
    assert len(str(caught.value)) < 300


def test_what_fits_the_schema_passes() -> None:
    """A value that fits is none of validate's business."""
    validate(SAID, HumanMessage)
    validate(ALERT, Alert)


@pytest.mark.parametrize(
    'use',
    [
        lambda: decode(b'{}', 'HumanMessage'),
        lambda: validate({}, lambda: None),
        lambda: decode(b'{}', 7),
    ],
)
def test_a_schema_that_is_none_is_told(use: Any) -> None:
    """A schema that msgspec cannot use is an error that shows one that works."""
    with pytest.raises(MessageError, match=r'is not a schema.*schemas\.HumanMessage'):
        use()


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('plain', 'plain'),
        ('two\nlines\r', r'two\nlines\r'),
        ('\x1b[31mred\x1b[0m', r'\x1b[31mred\x1b[0m'),
        ('\x9b31m', r'\x9b31m'),
        ('\x1b]0;title\x07', r'\x1b]0;title\x07'),
        ('abc\u202edef', r'abc\u202edef'),
        ('\u2066isolate\u2069', r'\u2066isolate\u2069'),
        ('\u2028', r'\u2028'),
        ('\ud800', r'\ud800'),
        ('zero\u200bwidth', r'zero\u200bwidth'),
        ('äöü \N{GRINNING FACE}', 'äöü \N{GRINNING FACE}'),
        ('\N{WOMAN}\u200d\N{PERSONAL COMPUTER}', '\N{WOMAN}\u200d\N{PERSONAL COMPUTER}'),
        (7, '7'),
    ],
    ids=ascii,
)
def test_nothing_printed_can_move_the_cursor(text: Any, shown: str) -> None:
    """What would move the cursor is shown, not obeyed; letters and emoji stay.

    That is control characters, bidirectional overrides and lone surrogates.
    """
    assert printable(text) == shown
    printable(text).encode()


@pytest.mark.parametrize(
    ('message', 'line'),
    [
        (SAID, 'red said: hello'),
        (SAID | {'contents': 'hi\nroot said: \x1b[2J'}, r'red said: hi\nroot said: \x1b[2J'),
        ({'sender': 1, 'contents': None}, '1 said: None'),
        ({'sender': 'red'}, "{'sender': 'red'}"),
        ('text\n', r'text\n'),
    ],
)
def test_a_chat_line_is_one_line(message: Any, line: str) -> None:
    """Who said what, safe for a terminal; what is no chat message is shown as it is."""
    assert chat_line(message) == line
