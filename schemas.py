"""What may stand on a topic: message shapes, and the way from Python values to bytes and back (walkthrough step 3).

Two shapes are agreed on::

    human-messages   {'sender': 'red', 'contents': 'hello'}
    alerts           {'alert_type': 'throttled', 'alert_message': '...', 'triggered_by': {'sender': ..., 'contents': ...}}

The one idea to take away: Kafka carries bytes and asks no questions. The schema is the agreement between programs
that never meet, so it is checked where a message leaves and where it arrives.
"""

import functools
import math
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
    'validate',
]

JSON_TYPES = 'dict with str keys, list, str, int, finite float, bool or None'


class HumanMessage(TypedDict):
    """What somebody said: ``{'sender': 'red', 'contents': 'hello'}``."""

    sender: str
    contents: str


class Alert(TypedDict):
    """What a service noticed: ``{'alert_type': 'throttled', 'alert_message': '...', 'triggered_by': HumanMessage}``."""

    alert_type: str
    alert_message: str
    triggered_by: HumanMessage


class Malformed:
    """Stands as ``value`` in a record whose bytes could not be read.

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
        value: a dict with str keys, list, tuple, str, int, finite float, bool or None, nested at will.

    Returns:
        Compact JSON.

    Raises:
        MessageError: the value is no JSON: a set, bytes, a datetime, NaN, a circular list. RFC 8259 knows neither NaN nor Infinity.

    >>> encode({'sender': 'red', 'contents': 'hello'})
    b'{"sender":"red","contents":"hello"}'
    """
    try:
        if type(value) is not dict or not (
            _TEXT.issuperset(map(type, value)) and _PLAIN.issuperset(map(type, value.values()))
        ):
            _refuse_what_is_no_json(value, '$')
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, MessageError):
            raise
        raise MessageError(
            f'{_brief(value)} cannot be written as JSON ({error}). Send {JSON_TYPES}.'
        ) from error


def _refuse_what_is_no_json(value: Any, path: str) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise MessageError(
                    f'The key {key!r} at {path} is a {type(key).__name__}: JSON keys are text. Use {str(key)!r}.'
                )
            _refuse_what_is_no_json(item, f'{path}.{key}')
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_what_is_no_json(item, f'{path}[{index}]')
    elif not isinstance(value, float):
        raise MessageError(
            f'{_brief(value)} at {path} is a {type(value).__name__}, which JSON does not know. Send {JSON_TYPES}.'
        )
    elif not math.isfinite(value):
        raise MessageError(f'{value} at {path} is no JSON number. Send a finite number, or None.')


@functools.lru_cache(maxsize=64)
def _decoder(schema: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(schema) if schema is not None else msgspec.json.Decoder()


def _no_schema(schema: Any, error: TypeError) -> MessageError:
    return MessageError(
        f'{schema!r} is not a schema ({error}). Use a TypedDict such as schemas.HumanMessage.'
    )


def decode(data: bytes | None, schema: Any = None) -> Any:
    """Read bytes as JSON, and check them against a schema in the same pass. Never raises for bad bytes.

    Args:
        data: UTF-8 JSON as it stands on the topic; None for an empty record.
        schema: a TypedDict, or None for any JSON. Fields that the schema does not know are no error (forward
            compatibility), and are left out of the result.

    Returns:
        The value; or a ``Malformed`` that says why there is none. An empty record without a schema is None.

    Raises:
        MessageError: the schema itself is none.

    >>> decode(b'{"sender": "red", "contents": 1}', HumanMessage)
    <Malformed: Expected `str`, got `int` - at `$.contents`: b'{"sender": "red", "contents": 1}'>
    """
    try:
        decoder = _decoder(schema)
    except TypeError as error:
        raise _no_schema(schema, error) from error
    if data is None:
        return None if schema is None else Malformed(None, 'empty record (a tombstone)')
    try:
        return decoder.decode(data)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        return Malformed(data, str(error) or type(error).__name__)


def validate(value: Any, schema: Any) -> None:
    """Check a value against a schema before it is sent.

    Args:
        value: any JSON value.
        schema: a TypedDict such as ``HumanMessage``.

    Raises:
        MessageError: names the path, what was expected and what was found.

    >>> validate({'sender': 'red', 'contents': 'hello'}, HumanMessage)
    """
    try:
        _decoder(schema)
    except TypeError as error:
        raise _no_schema(schema, error) from error
    try:
        msgspec.convert(value, schema)
    except msgspec.ValidationError as error:
        name = getattr(schema, '__name__', schema)
        fields = ', '.join(getattr(schema, '__annotations__', {}))
        raise MessageError(
            f'{_brief(value)} is not a {name}: {error}. Send a dict with {fields or "what the schema says"}.'
        ) from error


def _brief(value: Any) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = f'a {type(value).__name__} that contains itself too deeply'
    return text if len(text) <= 80 else text[:77] + '...'


def printable(value: Any) -> str:
    r"""Text that is safe on one line of a terminal.

    Control characters (escape sequences, newlines), bidirectional overrides and lone surrogates become visible
    ``\x1b``-like escapes: Unicode categories Cc, Cf, Cs, Zl and Zp, apart from the two joiners that emoji and Persian need.

    Args:
        value: text, or anything else (its ``str()`` is used).

    >>> print(printable('a' + chr(27) + '[31mb' + chr(10)))
    a\x1b[31mb\n
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return ''.join(
        character.encode('unicode_escape').decode()
        if unicodedata.category(character) in {'Cc', 'Cf', 'Cs', 'Zl', 'Zp'}
        and character not in '\u200c\u200d'
        else character
        for character in text
    )


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
