"""Passwords and certificates: taken as text or as a file, used for the connection, never shown (used by `settings`).

A certificate in the environment is PEM text (Heroku, containers) or a path (Aiven, your desk); both end as one
``ssl.SSLContext``. A secret is a string like any other, apart from its ``repr``, and a filter keeps it out of what
kafka-python logs at DEBUG level.

The one idea to take away: a secret leaks where nobody prints it on purpose, so hide it where it is kept.
"""

import logging
import os
import re
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from errors import SettingsError

__all__ = ['HEROKU', 'Options', 'Secret', 'check_way_in', 'conceal', 'take_heroku', 'tls_context']

PEM = '-----BEGIN'
TLS_OPTIONS = ('ssl_cafile', 'ssl_certfile', 'ssl_keyfile', 'ssl_password', 'ssl_crlfile')
LOGIN_OPTIONS = (
    'sasl_mechanism',
    'sasl_plain_username',
    'sasl_plain_password',
    'sasl_oauth_token_provider',
)
LOGIN_NEEDS = {
    'PLAIN': ('sasl_plain_username', 'sasl_plain_password'),
    'SCRAM-SHA-256': ('sasl_plain_username', 'sasl_plain_password'),
    'SCRAM-SHA-512': ('sasl_plain_username', 'sasl_plain_password'),
    'OAUTHBEARER': ('sasl_oauth_token_provider',),
}
# Heroku's names for the same options; its brokers' certificates carry no host names, so only their CA is checked.
HEROKU = {
    'KAFKA_URL': 'bootstrap_servers',
    'KAFKA_TRUSTED_CERT': 'ssl_cafile',
    'KAFKA_CLIENT_CERT': 'ssl_certfile',
    'KAFKA_CLIENT_CERT_KEY': 'ssl_keyfile',
}
SECRET_NAME = re.compile(r'PASSWORD|CERT_KEY|SECRET', re.IGNORECASE)
USER_INFO = re.compile(
    r'(?<=://)[^@\s,]*@|(?<![^\s,])(?![^\s,]*://)[^@\s,]*:[^@\s,]*@'
)  # with a scheme before it, or without
SASL_BYTES = re.compile(
    r"auth_bytes=b?(['\"]).*?\1|(?<=[,'\"][pv]=)[A-Za-z0-9+/]{20,}={0,2}|(?<=Bearer )[^\\\s'\"]+"
)
SASL_AUTHENTICATE = (36).to_bytes(2, 'big')  # the request's number in Kafka's protocol
LEAKY_LOGGERS = ('kafka.protocol.parser', 'kafka.net.connection', 'kafka.admin.client')


class Secret(str):
    """A string that hides its value in every ``repr``, and so in every dict, log line and error that shows one.

    >>> Secret('hunter2')
    '***'
    >>> Secret('hunter2') == 'hunter2'
    True
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def conceal(name: str, value: Any) -> Any:
    """The value, as a `Secret` if the setting's name or the value itself says that it is one.

    >>> conceal('KAFKA_SASL_PLAIN_PASSWORD', 'hunter2'), conceal('KAFKA_SASL_PLAIN_USERNAME', 'alice')
    ('***', 'alice')
    """
    if isinstance(value, str) and (
        SECRET_NAME.search(name) or 'PRIVATE KEY' in value or USER_INFO.search(value)
    ):
        return Secret(value)
    return value


class Options(dict[str, Any]):
    """kafka-python options as a dict that shows no secrets when it is printed, nor lets the client log them."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__((name, conceal(name, value)) for name, value in options.items())
        _FILTER.secrets.update(
            forms
            for value in self.values()
            if isinstance(value, Secret)
            for forms in _spellings(value)
        )
        for name in LEAKY_LOGGERS:
            logging.getLogger(name).addFilter(_FILTER)


class _Redact(logging.Filter):
    """Takes secrets out of what kafka-python logs at DEBUG level: raw requests, login tokens, its configuration."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                '<login, not shown>' if _is_login(value) else value for value in record.args
            )
        text = record.getMessage()
        clean = SASL_BYTES.sub('***', text)
        for secret in self.secrets:
            clean = clean.replace(secret, '***')
        if clean != text:
            record.msg, record.args = clean, ()
        return True


_FILTER = _Redact()


def _is_login(value: object) -> bool:
    return isinstance(value, bytes | bytearray) and value[4:6] == SASL_AUTHENTICATE


def _spellings(secret: str) -> set[str]:
    plain = str.__str__(secret)
    return {plain, repr(plain)[1:-1], repr(plain.encode())[2:-1]} if len(plain) > 3 else set()


def take_heroku(options: dict[str, Any]) -> None:
    """Turn the addresses of ``KAFKA_URL``, ``kafka+ssl://host:port``, into bootstrap servers, in place."""
    parts = [server.strip().partition('://') for server in options['bootstrap_servers'].split(',')]
    schemes = {scheme for scheme, _, _ in parts}
    if schemes not in ({'kafka'}, {'kafka+ssl'}):
        shown = USER_INFO.sub('***@', options['bootstrap_servers'])
        raise SettingsError(
            f'KAFKA_URL={shown!r} is no list of kafka+ssl://host:port. For plain host:port use KAFKA_BOOTSTRAP_SERVERS.'
        )
    options['bootstrap_servers'] = ','.join(server for _, _, server in parts)
    options.setdefault('security_protocol', 'SSL' if 'kafka+ssl' in schemes else 'PLAINTEXT')
    options.setdefault('ssl_check_hostname', False)


def check_way_in(options: dict[str, Any], names: Mapping[str, str]) -> None:
    """Fill in ``security_protocol`` where only one makes sense, and refuse options that contradict each other.

    Args:
        options: kafka-python options; ``security_protocol`` is added if it is missing.
        names: for each option the variable that it came from, for the error.

    Raises:
        SettingsError: names the variables that do not fit together, or the one that is missing.
    """
    tls = [names[option] for option in TLS_OPTIONS if options.get(option)]
    login = [names[option] for option in LOGIN_OPTIONS if options.get(option)]
    name = names['security_protocol']
    if 'security_protocol' not in options:
        if login and not tls:
            raise SettingsError(
                f'{login[0]} is set, but not whether the connection is encrypted. Set {name}=SASL_SSL (managed clusters) '
                'or SASL_PLAINTEXT (only on your own network).'
            )
        options['security_protocol'] = 'SASL_SSL' if login else 'SSL' if tls else 'PLAINTEXT'
    protocol = options['security_protocol']
    if tls and not protocol.endswith('SSL'):
        better = 'SASL_SSL' if login else 'SSL'
        raise SettingsError(
            f'{name}={protocol} and {tls[0]} contradict each other: certificates need TLS. Set {name}={better}, or remove {tls[0]}.'
        )
    if not protocol.startswith('SASL'):
        if login:
            better = 'SASL_SSL' if protocol == 'SSL' else 'SASL_SSL or SASL_PLAINTEXT'
            why = f'{protocol} has no login. Set {name}={better}, or remove {login[0]}'
            raise SettingsError(f'{name}={protocol} and {login[0]} contradict each other: {why}.')
        return
    mechanism = options.get('sasl_mechanism')
    if mechanism is None:
        raise SettingsError(
            f"{name}={protocol} needs {names['sasl_mechanism']}: {', '.join(LOGIN_NEEDS)}. Your cluster's page says which."
        )
    for option in LOGIN_NEEDS.get(mechanism, ()):
        if not options.get(option):
            raise SettingsError(
                f'{names["sasl_mechanism"]}={mechanism} needs {names[option]}, which is not set.'
            )


def tls_context(options: Mapping[str, Any], names: Mapping[str, str]) -> ssl.SSLContext:
    """What TLS needs, from the ``ssl_`` options, each certificate being PEM text or a path.

    Args:
        options: kafka-python options; ``ssl_cafile``, ``ssl_certfile`` and ``ssl_keyfile`` may hold PEM text.
        names: for each of these options the variable that it came from, for the error.

    Raises:
        SettingsError: names the variable and what is wrong with the file or the text.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = options.get('ssl_check_hostname', True)
    ca, certificate, key, crl = (
        options.get(f'ssl_{name}file') for name in ('ca', 'cert', 'key', 'crl')
    )
    if ca:
        _load(context, names['ssl_cafile'], ca)
    else:
        context.load_default_certs()
    if key and not certificate:
        raise SettingsError(
            f'{names["ssl_keyfile"]} needs {names["ssl_certfile"]}, which is not set.'
        )
    if certificate:
        _load_chain(context, names, certificate, key, options.get('ssl_password'))
    if crl:
        try:
            context.load_verify_locations(crl)
        except OSError as error:
            raise SettingsError(
                f'{names["ssl_crlfile"]}={crl!r} cannot be loaded: {error.strerror}. Correct the path.'
            ) from error
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _load(context: ssl.SSLContext, name: str, value: str) -> None:
    text = _pem(name, value)
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise SettingsError(
            f'{name}{_shown(value)} holds a damaged certificate ({error.reason}). Copy it again, line breaks and all.'
        ) from error


def _load_chain(
    context: ssl.SSLContext,
    names: Mapping[str, str],
    certificate: str,
    key: str | None,
    password: str | None,
) -> None:
    text = _pem(names['ssl_certfile'], certificate)
    if key:
        text += '\n' + _pem(names['ssl_keyfile'], key, 'PRIVATE KEY')
    elif 'PRIVATE KEY' not in text:
        raise SettingsError(
            f'{names["ssl_certfile"]}{_shown(certificate)} has no private key in it. Set {names["ssl_keyfile"]} too.'
        )
    handle, name = tempfile.mkstemp(
        suffix='.pem'
    )  # readable by its owner only; OpenSSL takes a chain from a file alone
    os.close(handle)
    path = Path(name)
    try:
        path.write_text(text, encoding='ascii')
        context.load_cert_chain(path, password=lambda: password or '')
    except (OSError, ValueError) as error:
        both = f'{names["ssl_certfile"]}{_shown(certificate)} and {names["ssl_keyfile"]}{_shown(key or "")}'
        if getattr(error, 'reason', None) == 'KEY_VALUES_MISMATCH':
            raise SettingsError(
                f"{both} do not belong together: the key is another certificate's. Take both from one download."
            ) from error
        if 'ENCRYPTED' in text:
            wrong = 'does not open the key' if password else 'is not set, and the key is encrypted'
            raise SettingsError(
                f'{names["ssl_password"]} {wrong} ({names["ssl_keyfile"]}). Set it to the pass phrase of the key.'
            ) from error
        raise SettingsError(
            f'{both} cannot be loaded: one of them is damaged. Copy them again, line breaks and all.'
        ) from error
    finally:
        path.unlink()


def _pem(name: str, value: str, kind: str = 'CERTIFICATE') -> str:
    text = value
    if PEM not in value:
        path = Path(value).expanduser()
        try:
            text = '\n'.join(
                re.findall(
                    rf'{PEM} .*?-----END [^-]*-----', path.read_text(encoding='latin-1'), re.DOTALL
                )
            )
        except FileNotFoundError:
            raise SettingsError(
                f'{name}={value!r}: there is no such file (seen from {Path.cwd()}). Correct the path.'
            ) from None
        except OSError as error:
            raise SettingsError(
                f'{name}={value!r} cannot be read: {error.strerror}. Correct the path or its rights.'
            ) from error
    if not re.search(rf'{PEM} [A-Z0-9 ]*{kind}-----', text):
        cure = 'Are two of the files mixed up? Is it a binary one (openssl converts it)?'
        raise SettingsError(
            f'{name}{_shown(value)} holds no {kind.lower()} in PEM form ({PEM} ...). {cure}'
        )
    return text.replace('\\n', '\n').replace('\r', '') + '\n'


def _shown(value: str) -> str:
    return '' if PEM in value or not value else f'={value!r}'
