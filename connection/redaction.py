"""Secrets: passwords and keys that are used for the connection and shown nowhere (see `settings`).

A secret is a string like any other, apart from its ``repr``. A filter keeps it out of what
kafka-python logs at DEBUG level.

The one idea to take away: a secret leaks where nobody prints it on purpose, so hide it where it is
kept.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

__all__ = ['Options', 'Secret', 'mask_user_info', 'redact']

SECRET_NAME = re.compile(r'PASSWORD|CERT_KEY|SECRET', re.IGNORECASE)
SHORTEST = 4  # characters: a shorter secret would be masked in the middle of common words

# The user name and password of an address, "red:sesame@": after a scheme, or without one.
USER_INFO = re.compile(
    r"""
      (?<=://) [^@\s,]* @
    | (?<![^\s,]) (?![^\s,]*://) [^@\s,]* : [^@\s,]* @
    """,
    re.VERBOSE,
)

ADDRESS_LOGIN = re.compile(r'^([\w+.-]+://)?.*@')  # the same in one address, to be masked

# What a SASL exchange looks like in kafka-python's log.
SASL_EXCHANGE = re.compile(
    r"""
      auth_bytes=b?(['"]).*?\1                      # a request, as kafka-python writes it
    | (?<=[,'"][pv]=) [A-Za-z0-9+/]{20,} ={0,2}     # SCRAM's proof and the server's signature
    | (?<=Bearer[ ]) [^\\\s'"]+                     # OAuth's token
    """,
    re.VERBOSE,
)
SASL_AUTHENTICATE = (36).to_bytes(2, 'big')  # the API key of SaslAuthenticate in Kafka's protocol
LEAKY_LOGGERS = ('kafka.protocol.parser', 'kafka.net.connection', 'kafka.admin.client')


class Secret(str):
    """A string that hides its value in every ``repr``: in each dict, log line and error.

    >>> Secret('hunter2')
    '***'
    >>> Secret('hunter2') == 'hunter2'
    True
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Options(dict[str, Any]):
    """kafka-python options as a dict that shows no secrets when it is printed.

    The client cannot log them either.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__((name, redact(name, value)) for name, value in options.items())
        for value in self.values():
            if isinstance(value, Secret):
                _FILTER.secrets.update(_spellings(value))
        for name in LEAKY_LOGGERS:
            logging.getLogger(name).addFilter(_FILTER)


def redact(name: str, value: Any) -> Any:
    """The value; as a `Secret` if the setting's name or the value itself says that it is one.

    >>> redact('KAFKA_SASL_PLAIN_PASSWORD', 'hunter2')
    '***'
    >>> redact('KAFKA_SASL_PLAIN_USERNAME', 'alice')
    'alice'
    """
    if not isinstance(value, str):
        return value
    if SECRET_NAME.search(name) or 'PRIVATE KEY' in value or USER_INFO.search(value):
        return Secret(value)
    return value


def mask_user_info(address: str) -> str:
    """An address as it may be shown in an error: whatever stands before its last ``@`` is masked.

    >>> mask_user_info('kafka://red:sesame@broker.example:9092')
    'kafka://***@broker.example:9092'
    """
    return ADDRESS_LOGIN.sub(r'\1***@', address)


class _SecretFilter(logging.Filter):
    """Removes secrets from what kafka-python logs: raw requests, tokens, its configuration."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                '<login, not shown>' if _is_sasl_request(value) else value for value in record.args
            )
        text = record.getMessage()
        clean = SASL_EXCHANGE.sub('***', text)
        for secret in self.secrets:
            clean = clean.replace(secret, '***')
        if clean != text:
            record.msg, record.args = clean, ()
        return True


_FILTER = _SecretFilter()


def _is_sasl_request(value: object) -> bool:
    # A request begins with four bytes of length, then two that say which request it is.
    return isinstance(value, bytes | bytearray) and value[4:6] == SASL_AUTHENTICATE


def _spellings(secret: Secret) -> set[str]:
    """The ways in which a secret may stand in a line of the log."""
    plain = str.__str__(secret)
    if len(plain) < SHORTEST:
        return set()
    return {plain, repr(plain)[1:-1], repr(plain.encode())[2:-1]}
