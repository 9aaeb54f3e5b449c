"""From the text of a setting to the type that kafka-python wants (used by `settings`).

Most options have a default that tells their type. A table here has the few that do not.

The one idea to take away: a setting is text until somebody reads it, so a mistake in it is best
found at that moment, with its name.
"""

import difflib
import functools
import importlib
from collections.abc import Callable, Iterable
from typing import Any

from connection.redaction import Secret
from errors import SettingsError

__all__ = ['CHOICES', 'assignors', 'convert']

CHOICES = {
    'security_protocol': ('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'),
    'sasl_mechanism': (
        'PLAIN',
        'SCRAM-SHA-256',
        'SCRAM-SHA-512',
        'OAUTHBEARER',
        'GSSAPI',
        'AWS_MSK_IAM',
    ),
    'auto_offset_reset': ('earliest', 'latest', 'none'),
    'isolation_level': ('read_committed', 'read_uncommitted'),
    'compression_type': ('gzip', 'snappy', 'lz4', 'zstd'),
    'acks': ('all', '-1', '0', '1'),
}
# By the names that Kafka knows them by; kafka-python's documentation names the classes.
ASSIGNORS = {
    'range': 'range.RangePartitionAssignor',
    'roundrobin': 'roundrobin.RoundRobinPartitionAssignor',
    'sticky': 'sticky.sticky_assignor.StickyPartitionAssignor',
    'cooperative-sticky': 'cooperative_sticky.CooperativeStickyAssignor',
}
BOOLEANS = {
    'true': True,
    '1': True,
    'yes': True,
    'on': True,
    'false': False,
    '0': False,
    'no': False,
    'off': False,
}

Reader = tuple[Callable[[str], Any], str]  # how to read the text, and what it must be


def convert(name: str, option: str, text: str, default: Any, origin: str) -> Any:
    """Read a setting as the type that its option has in kafka-python.

    Args:
        name: the variable, for the error: ``'KAFKA_LINGER_MS'``.
        option: kafka-python's option: ``'linger_ms'``.
        text: the value as it stands in the environment or in `.env`.
        default: kafka-python's default for the option; its type is the one wanted.
        origin: where the setting comes from, for the error: ``'environment'``, or file and line.

    Raises:
        SettingsError: the text is not of that type, is not one of the option's choices, or the
            option takes a Python object.

    >>> convert('KAFKA_LINGER_MS', 'linger_ms', '5', 0, 'environment')
    5
    """
    if not isinstance(text, Secret):
        text = text.strip()
    if option in CHOICES and text not in CHOICES[option]:
        raise _no_such_choice(name, option, text, origin)
    reader = _reader(option, default)
    if reader is None:
        if _takes_an_object(option, default):
            raise SettingsError(
                f'{name} (from {origin}) cannot be set as text: {option} is a Python object. '
                'Leave it out.'
            )
        return text
    read, wanted = reader
    try:
        return read(text)
    # A token provider is anybody's code, and may raise anything.
    except Exception as error:
        why = f'{error}. ' if option in MIXED_TYPES and str(error) else ''
        raise SettingsError(
            f'{name}={text!r} (from {origin}) must be {wanted}. {why}'
            f'kafka-python has {default!r} by default.'
        ) from error


def assignors(names: Iterable[Any], variable: str) -> tuple[Any, ...]:
    """The classes of kafka-python that share partitions among the members of a group.

    Args:
        names: of assignors, as Kafka knows them: ``('range', 'roundrobin')``; classes stay.
        variable: where the names come from, for the error.

    Raises:
        SettingsError: there is no such assignor.
    """
    found = []
    for name in names:
        if isinstance(name, str) and name not in ASSIGNORS:
            raise SettingsError(
                f'{variable}: there is no assignor {name!r}. Use one of {", ".join(ASSIGNORS)}.'
            )
        if isinstance(name, str):
            module, _, kind = ASSIGNORS[name].rpartition('.')
            package = 'kafka.coordinator.assignors'
            found.append(getattr(importlib.import_module(f'{package}.{module}'), kind))
        else:
            found.append(name)
    return tuple(found)


def _reader(option: str, default: Any) -> Reader | None:
    """How to read an option's text; None where it stays text, or cannot be said in text."""
    return MIXED_TYPES.get(option) or READERS.get(type(default))


def _takes_an_object(option: str, default: Any) -> bool:
    if option.endswith(('serializer', 'ssl_context')):
        return True
    return default is not None and not isinstance(default, str)


def _no_such_choice(name: str, option: str, text: str, origin: str) -> SettingsError:
    choices = CHOICES[option]
    alike = text.upper().replace('_', '-')
    near = difflib.get_close_matches(alike, choices, n=1, cutoff=0.5)
    hint = f' Did you mean {near[0]}?' if near else ''
    return SettingsError(
        f'{name}={text!r} (from {origin}) must be one of {", ".join(choices)}.{hint}'
    )


def _boolean(text: str) -> bool:
    return BOOLEANS[text.lower()]


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _acks(text: str) -> str | int:
    return text if text == 'all' else int(text)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split('.'))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(','))


@functools.cache
def _token_provider(text: str) -> Any:
    """The token provider that ``module:Class`` names, made once."""
    from kafka.net.sasl.oauth import AbstractTokenProvider

    module, _, name = text.partition(':')
    provider = getattr(importlib.import_module(module), name)()
    if not isinstance(provider, AbstractTokenProvider):
        raise TypeError(f"{text} is not an AbstractTokenProvider, kafka-python's class")
    return provider


READERS: dict[type, Reader] = {
    bool: (_boolean, 'true or false'),
    int: (int, 'an int'),
    float: (_number, 'a number'),
}

# Options whose default (None, or a mixed one) does not tell their type.
MIXED_TYPES: dict[str, Reader] = {
    'acks': (_acks, 'all, 1 or 0'),
    'api_version': (_version, 'a version like 2.8'),
    'receive_buffer_bytes': (int, 'an int'),
    'partition_assignment_strategy': (_names, 'names with commas between them: range,roundrobin'),
    'send_buffer_bytes': (int, 'an int'),
    'sasl_oauth_token_provider': (
        _token_provider,
        'module:Class, a token provider that can be made without arguments',
    ),
}
