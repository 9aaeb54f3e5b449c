"""What may be written to a topic: message shapes, and the way to bytes and back (step 3).

Two shapes are agreed on::

    human-messages   {'sender': 'red', 'contents': 'hello'}

    alerts           {'alert_type': 'throttled',
                      'alert_message': '...',
                      'triggered_by': {'sender': ..., 'contents': ...}}

The one idea to take away: Kafka carries bytes and asks no questions. The schema is the agreement
between programs that never meet, so it is checked where a message leaves and where it arrives.
"""

import functools
import math
import re
import sys
import unicodedata
from typing import Any, TypedDict

import msgspec

from errors import MessageError

__all__ = [
    'Alert',
    'HumanMessage',
    'Malformed',
    'chat_line',
    'decode',
    'encode',
    'printable',
    'show',
    'validate',
]

JSON_TYPES = 'a dict with str keys, list, str, int, finite float, bool or None'
LONGEST = 80  # characters of a value that an error message shows

# How msgspec ends its messages: "... - at `$.sender`", or "... - at `key` in `$`" for a dict's key.
MSGSPEC_PATH = re.compile(r' - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`$')

# What printable() shows as an escape: control and format characters, surrogates, line and paragraph
# separators. The two joiners are format characters that emoji and Persian need.
UNSAFE_CATEGORIES = frozenset({'Cc', 'Cf', 'Cs', 'Zl', 'Zp'})
JOINERS = '\u200c\u200d'


class HumanMessage(TypedDict):
    """What somebody said: ``{'sender': 'red', 'contents': 'hello'}``."""

    sender: str
    contents: str


class Alert(TypedDict):
    """What a service noticed.

    ``{'alert_type': 'throttled', 'alert_message': '...', 'triggered_by': HumanMessage}``
    """

    alert_type: str
    alert_message: str
    triggered_by: HumanMessage


class Malformed:
    """Is the ``value`` of a record whose bytes could not be read.

    Args:
        data: the bytes as they came; None for an empty record (a tombstone).
        why: what is wrong with them.
    """

    __slots__ = ('data', 'why')

    def __init__(self, data: bytes | None, why: str) -> None:
        self.data = data
        self.why = why

    def __repr__(self) -> str:
        return f'<Malformed: {self.why}: {(self.data or b"")[:40]!r}>'


_encode = msgspec.json.Encoder().encode
_TEXT = frozenset({str})
_PLAIN = frozenset({str, int, bool, type(None)})


def encode(value: Any) -> bytes:
    r"""Turn a JSON value into UTF-8 bytes.

    Args:
        value: a dict with str keys, list, tuple, str, int, finite float, bool or None, nested at
            will.

    Returns:
        Compact JSON.

    Raises:
        MessageError: the value is not JSON: a set, bytes, a datetime, NaN, a circular list.
            RFC 8259 has neither NaN nor Infinity.

    >>> encode({'sender': 'red', 'contents': 'hello'})
    b'{"sender":"red","contents":"hello"}'
    """
    try:
        # Most messages are a flat dict: three quick questions spare them the search below.
        flat = (
            type(value) is dict
            and _TEXT.issuperset(map(type, value))
            and _PLAIN.issuperset(map(type, value.values()))
        )
        if not flat:
            _require_json(value, '')
        return _encode(value)
    except MessageError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MessageError(
            f'{_brief(value)} cannot be written as JSON ({error}). Send {JSON_TYPES}.'
        ) from error


def decode(data: bytes | None, schema: Any = None) -> Any:
    """Read bytes as JSON, and check them against a schema in the same pass.

    Bad bytes raise nothing: an exception would end the loop of whoever reads.

    Args:
        data: a record's value, UTF-8 JSON; None for an empty record.
        schema: a TypedDict, or None for any JSON. Fields that the schema does not have are not an
            error (forward compatibility), and are left out of the result.

    Returns:
        The value, or a ``Malformed`` that says why there is none. An empty record without a schema
        is None.

    Raises:
        MessageError: the schema itself cannot be used.

    >>> decode(b'{"sender": "red", "contents": 1}', HumanMessage)
    <Malformed: Expected `str`, got `int` at 'contents': b'{"sender": "red", "contents": 1}'>
    """
    decoder = decoder_for(schema)
    if data is None:
        return None if schema is None else Malformed(None, 'empty record (a tombstone)')
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        return Malformed(data, _reason(error))


def validate(value: Any, schema: Any) -> None:
    """Check a value against a schema before it is sent.

    Args:
        value: any JSON value.
        schema: a TypedDict such as ``HumanMessage``.

    Raises:
        MessageError: names the field, what was expected and what was found.

    >>> validate({'sender': 'red', 'contents': 'hello'}, HumanMessage)
    """
    decoder_for(schema)
    try:
        msgspec.convert(value, schema)
    except msgspec.ValidationError as error:
        name = getattr(schema, '__name__', schema)
        fields = ', '.join(getattr(schema, '__annotations__', {})) or 'the fields of the schema'
        raise MessageError(
            f'{_brief(value)} does not match {name}: {_reason(error)}. Send a dict with {fields}.'
        ) from error


def printable(value: Any) -> str:
    r"""Text that is safe on one line of a terminal.

    Control characters (escape sequences, newlines), bidirectional overrides and lone surrogates
    become visible ``\x1b``-like escapes: the Unicode categories Cc, Cf, Cs, Zl and Zp, apart from
    the two joiners that emoji and Persian need.

    Args:
        value: text, or anything else (its ``str()`` is used).

    >>> print(printable('a' + chr(27) + '[31mb' + chr(10)))
    a\x1b[31mb\n
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return ''.join(_visible(character) for character in text)


def chat_line(message: Any) -> str:
    r"""How a message looks in a chat, on one line that is safe for a terminal.

    Args:
        message: ``{'sender': 'red', 'contents': 'hello'}``; any other value is shown as it is.

    >>> chat_line({'sender': 'red', 'contents': 'hello'})
    'red said: hello'
    """
    if isinstance(message, dict) and 'sender' in message and 'contents' in message:
        return printable(f'{message["sender"]} said: {message["contents"]}')
    return printable(message)


def show(text: str, file: Any = None) -> None:
    """Print a line, whatever characters the terminal or the file has.

    Windows writes redirected output as cp1252, and some servers speak ASCII only: there ``print``
    raises at the first emoji. What cannot be written is shown as ``?``.

    Args:
        text: one line or more.
        file: where to; None is standard output.
    """
    stream = sys.stdout if file is None else file
    try:
        print(text, file=stream, flush=True)
    except UnicodeEncodeError:
        encoding = getattr(stream, 'encoding', None) or 'ascii'
        print(text.encode(encoding, 'replace').decode(encoding), file=stream, flush=True)


def _visible(character: str) -> str:
    if unicodedata.category(character) in UNSAFE_CATEGORIES and character not in JOINERS:
        return character.encode('unicode_escape').decode()
    return character


def _require_json(value: Any, path: str) -> None:
    """Raise a MessageError for the first part of a value that JSON does not have."""
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise MessageError(
                    f'The key {key!r}{_at(path)} must be a str, not {type(key).__name__}: '
                    f'JSON has no other keys. Use {str(key)!r}.'
                )
            _require_json(item, f'{path}.{key}' if path else key)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_json(item, f'{path}[{index}]')
    elif not isinstance(value, float):
        raise MessageError(
            f'{_brief(value)}{_at(path)} is of type {type(value).__name__}, '
            f'which JSON does not have. Send {JSON_TYPES}.'
        )
    elif not math.isfinite(value):
        raise MessageError(
            f'{value}{_at(path)} is not a JSON number. Send a finite number, or None.'
        )


def _at(path: str) -> str:
    return f' at {path!r}' if path else ''


@functools.lru_cache(maxsize=64)
def _decoder(schema: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(schema) if schema is not None else msgspec.json.Decoder()


def decoder_for(schema: Any) -> msgspec.json.Decoder[Any]:
    try:
        return _decoder(schema)
    except TypeError as error:
        raise MessageError(
            f'{schema!r} is not a schema ({error}). Use a TypedDict such as schemas.HumanMessage.'
        ) from error


def _reason(error: Exception) -> str:
    """What msgspec says is wrong, with the field in plain words instead of a JSONPath."""
    text = str(error) or type(error).__name__
    match = MSGSPEC_PATH.search(text)
    if match is None:
        return text
    text, path = text[: match.start()], match['path']
    if match['key']:
        return f'{text} in a key of {path!r}' if path else f'{text} in a key'
    return text + _at(path)


def _brief(value: Any) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = f'a {type(value).__name__} that contains itself too deeply'
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'
