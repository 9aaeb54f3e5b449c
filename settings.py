"""Where Kafka is and how to get in: `.env` and the environment, turned into kafka-python options (used by every step).

One rule explains everything: ``KAFKA_<OPTION>`` is kafka-python's ``<option>``. ``KAFKA_BOOTSTRAP_SERVERS`` is ``bootstrap_servers``,
``KAFKA_SASL_MECHANISM`` is ``sasl_mechanism``, each converted to the type that the client has as its default. The environment wins over
`.env`. With nothing set, Kafka is expected at ``localhost:9092``. ``python -m settings`` shows all that, and tries it.

The one idea to take away: a program does not know where its Kafka is; the place it runs in does.
"""

import difflib
import functools
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connection import diagnosis
from connection.credentials import (
    HEROKU,
    PEM,
    Options,
    Secret,
    check_way_in,
    conceal,
    take_heroku,
    tls_context,
)
from errors import AccessError, ChatError, SettingsError

__all__ = ['Options', 'client_options', 'env_file', 'group_name', 'topic_name', 'variables']

DEFAULT_SERVERS = 'localhost:9092'

# The few options that we set otherwise than kafka-python does, each with its reason. Whatever the environment says wins.
OURS: dict[str, dict[str, Any]] = {
    'all': {
        'bootstrap_servers': DEFAULT_SERVERS,
        'bootstrap_timeout_ms': 4000,  # 30 s is too long to learn that nobody is there
        'reconnect_backoff_max_ms': 1000,  # after a long outage the default waits up to 30 s before it looks again
        'retry_backoff_ms': 20,  # a new client waits in these steps while it meets its broker; 100 ms makes each one slow
        'request_timeout_ms': 10_000,  # a frozen broker holds a request so long before another one is asked; 30 s by default
    },
    'producer': {
        'max_block_ms': 8000,  # a frozen broker never holds a prompt for the default 60 s
        'delivery_timeout_ms': 60_000,  # long enough to restart a broker by hand, short enough to hear of it; 120 s by default
        'transaction_timeout_ms': 6000,  # readers wait so long for a service that was killed in mid-transaction; 60 s by default
        'batch_size': 256 * 1024,  # bulk goes out in few large requests
        'metrics_enabled': False,  # a lone learner reads none of them; they cost each message
    },
    'consumer': {
        'isolation_level': 'read_committed',  # alerts of a transaction that was given up are never seen
        'max_poll_records': 25_000,  # work is done once a batch; a loop that is slower gets as many as it manages in a second
        'max_partition_fetch_bytes': 4 * 1024 * 1024,
        'heartbeat_interval_ms': 300,  # a member that joins waits for the others' next heartbeat; 3 s by default
        'session_timeout_ms': 6000,  # a member that was killed holds its partitions so long; 45 s by default
        'metrics_enabled': False,
    },
    'admin': {},
}

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


def env_file() -> Path | None:
    """The `.env` in force: the file that ``WORKSHOP_ENV_FILE`` names, else one here, else one beside this module."""
    if (named := os.environ.get('WORKSHOP_ENV_FILE')) is not None:
        return Path(named) if named else None
    return next(
        (path for path in (Path('.env'), Path(__file__).with_name('.env')) if path.is_file()), None
    )


def variables() -> dict[str, tuple[str, str]]:
    """Every ``KAFKA_`` setting in force.

    Returns:
        ``{name: (value, origin)}``, origin being ``'environment'`` or the file and line. Empty values count as not set.

    Raises:
        SettingsError: a name that resembles an option without being one; in `.env`, any ``KAFKA_`` name that is none.
    """
    known = [*(f'KAFKA_{option}'.upper() for option in _defaults('any')), *HEROKU, 'KAFKA_PREFIX']
    values = {}
    for name, (value, origin) in _from_file(env_file()).items():
        if name in known and value:
            values[name] = (conceal(name, value), origin)
        elif name not in known:
            near = difflib.get_close_matches(
                name.upper(), known, n=1, cutoff=0.6 if name.startswith('KAFKA_') else 0.9
            )
            if near or name.startswith('KAFKA_'):
                raise SettingsError(_unknown(name, origin, near))
    for name, value in os.environ.items():
        if name in known and value:
            values[name] = (conceal(name, value), 'environment')
        elif (
            name not in known
            and name.startswith('KAFKA_')
            and (near := difflib.get_close_matches(name, known, n=1, cutoff=0.85))
        ):
            raise SettingsError(
                _unknown(name, 'environment', near)
            )  # KAFKA_HOME and its like belong to others
    return values


def client_options(client: str, **overrides: Any) -> Options:
    """The options to construct a kafka-python client with.

    Args:
        client: ``'producer'``, ``'consumer'`` or ``'admin'``; each gets the options it knows.
        **overrides: options that win over everything else; None removes one.

    Returns:
        A dict for ``KafkaProducer(**options)``; its ``repr`` masks secrets.

    Raises:
        SettingsError: names the variable, its value (secrets masked) and what would be right.

    >>> client_options('producer')['bootstrap_servers']
    'localhost:9092'
    """
    defaults, known = _defaults(client), _defaults('any')
    options: dict[str, Any] = OURS['all'] | OURS[client]
    names: dict[str, str] = {}
    for name, (text, origin) in variables().items():
        option = HEROKU.get(name, name.removeprefix('KAFKA_').lower())
        if option in names:
            raise SettingsError(
                f'{names[option]} and {name} are two names for one setting. Remove one of them.'
            )
        if option in known:
            names[option] = name
            options[option] = _convert(name, option, text, known[option], origin)
    if names.get('bootstrap_servers') == 'KAFKA_URL':
        take_heroku(options)
    for option in overrides.keys() - known.keys():
        near = difflib.get_close_matches(
            option, [*known, 'offset', 'schema', 'timeout', 'dead_letter_topic'], n=1
        )  # get_consumer's
        raise SettingsError(_unknown(option, 'an argument', near))
    options = {
        option: value for option, value in (options | overrides).items() if value is not None
    }
    names = {option: f'KAFKA_{option}'.upper() for option in known} | names
    diagnosis.addresses(options, names['bootstrap_servers'])
    check_way_in(options, names)
    if options['security_protocol'].endswith('SSL') and 'ssl_context' not in options:
        options['ssl_context'] = tls_context(options, names)
    return Options(
        {
            option: value
            for option, value in options.items()
            if option in defaults and PEM not in str(value)
        }
    )


def topic_name(topic: str) -> str:
    """The topic's name on the cluster: with ``KAFKA_PREFIX`` in front, where there is one (Heroku's shared clusters)."""
    prefix = variables().get('KAFKA_PREFIX', ('', ''))[0]
    return topic if topic.startswith(prefix) else prefix + topic


def group_name(group: str) -> str:
    """The group's name on the cluster, with ``KAFKA_PREFIX`` in front, where there is one."""
    return topic_name(group)


def _defaults(client: str) -> dict[str, Any]:
    import kafka

    kinds = {
        'producer': kafka.KafkaProducer,
        'consumer': kafka.KafkaConsumer,
        'admin': kafka.KafkaAdminClient,
    }
    wanted = kinds.values() if client == 'any' else [kinds[client]]
    return {option: value for kind in wanted for option, value in kind.DEFAULT_CONFIG.items()}


def _from_file(path: Path | None) -> dict[str, tuple[str, str]]:
    if path is None:
        return {}
    parse_stream = importlib.import_module(
        'dotenv.parser'
    ).parse_stream  # only where there is a file
    try:
        with path.open(encoding='utf-8-sig') as file:
            lines = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else 'it is not UTF-8 text'
        raise SettingsError(
            f'{path} cannot be read: {why}. Save it again, or correct WORKSHOP_ENV_FILE.'
        ) from None
    found = {}
    for line in lines:
        origin = f'{path.name}, line {line.original.line}'
        if line.error or (line.key and line.value is None):
            raise SettingsError(
                f'{origin}: this is no setting. Write NAME=value, the value in single quotes if it holds spaces or breaks.'
            )
        if line.key:
            found[line.key] = (line.value or '', origin)
    return found


def _unknown(name: str, origin: str, near: list[str]) -> str:
    hint = (
        f'Did you mean {near[0]}?'
        if near
        else 'The rule: KAFKA_<OPTION> is an option of kafka-python.'
    )
    return f'{name} (from {origin}) is no setting. {hint}'


@functools.cache
def _provider(text: str) -> Any:
    from kafka.net.sasl.oauth import AbstractTokenProvider

    module, _, name = text.partition(':')
    provider = getattr(importlib.import_module(module), name)()
    if not isinstance(provider, AbstractTokenProvider):
        raise TypeError(f'{text} is no AbstractTokenProvider of kafka-python')
    return provider


# Options whose default (None, or a mixed one) does not tell their type: how to read them, and what to write.
_TYPES: dict[str, tuple[Callable[[str], Any], str]] = {
    'acks': (lambda text: text if text == 'all' else int(text), 'all, 1 or 0'),
    'api_version': (
        lambda text: tuple(int(part) for part in text.split('.')),
        'a version like 2.8',
    ),
    'receive_buffer_bytes': (int, 'a whole number'),
    'send_buffer_bytes': (int, 'a whole number'),
    'sasl_oauth_token_provider': (
        _provider,
        'module:Class, a token provider that can be made without arguments',
    ),
}
_BOOLEANS = {
    'true': True,
    '1': True,
    'yes': True,
    'on': True,
    'false': False,
    '0': False,
    'no': False,
    'off': False,
}


def _convert(name: str, option: str, text: str, default: Any, origin: str) -> Any:
    kind = type(default)
    kinds = {bool: 'true or false', int: 'a whole number', float: 'a number'}
    convert, wanted = _TYPES.get(option, (kind, kinds.get(kind, '')))
    if not isinstance(text, Secret):
        text = text.strip()
    if option in CHOICES and text not in CHOICES[option]:
        near = difflib.get_close_matches(
            text.upper().replace('_', '-'), CHOICES[option], n=1, cutoff=0.5
        )
        hint = f' Did you mean {near[0]}?' if near else ''
        raise SettingsError(
            f'{name}={text!r} (from {origin}) is none of {", ".join(CHOICES[option])}.{hint}'
        )
    try:
        if kind is bool:
            return _BOOLEANS[text.lower()]
        if wanted:
            return int(text) if kind is float and text.isdigit() else convert(text)
    except Exception as error:
        why = f'{error}. ' if option in _TYPES and str(error) else ''
        raise SettingsError(
            f'{name}={text!r} (from {origin}) is not {wanted}. {why}kafka-python has {default!r} by default.'
        ) from error
    if (kind is not str and default is not None) or option.endswith(('serializer', 'ssl_context')):
        raise SettingsError(
            f'{name} (from {origin}) cannot be said in text: {option} is a Python object. Leave it out.'
        )
    return text


def main(arguments: list[str] | None = None) -> int:
    """Print the settings in force, secrets masked, then try the way in; the exit status is 0 if Kafka lets us in."""
    import argparse

    parser = argparse.ArgumentParser(prog='python -m settings', description=main.__doc__)
    parser.add_argument(
        '--topic',
        default='human-messages',
        help='the topic whose rights are tried (default: %(default)s)',
    )
    topic = parser.parse_args(arguments).topic
    try:
        values = variables()
        options = {
            option: value
            for client in OURS
            if client != 'all'
            for option, value in client_options(client).items()
        }
        origins = {
            HEROKU.get(name, name.removeprefix('KAFKA_').lower()): f'{name}, {origin}'
            for name, (_, origin) in values.items()
        }
        for option, value in sorted(options.items()):
            ours = (
                'our default'
                if any(option in table for table in OURS.values())
                else 'follows from the others'
            )
            print(f'{option:<32} {value!r:<44} {origins.get(option, ours)}')
        diagnosis.walk(
            client_options('producer'),
            [topic_name(topic)],
            tell=lambda *said: print('{:<11} {}'.format(*said)),
            thorough=True,
        )
    except ChatError as error:
        stage = getattr(error, 'stage', 'topic' if isinstance(error, AccessError) else 'settings')
        print(f'{stage:<11} FAILED: {error}')
        return 1
    print('OK')
    return 0


if __name__ == '__main__':
    sys.exit(main())
