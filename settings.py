"""Where Kafka is and how to get in: `.env` and the environment, turned into kafka-python options (used by every step).

One rule explains everything: ``KAFKA_<OPTION>`` is kafka-python's ``<option>``. ``KAFKA_BOOTSTRAP_SERVERS`` is
``bootstrap_servers``, ``KAFKA_SASL_MECHANISM`` is ``sasl_mechanism``, each converted to the type that the client has as
its default. The environment wins over `.env`. With nothing set, Kafka is expected at ``localhost:9092``.

The one idea to take away: a program does not know where its Kafka is; the place it runs in does.
"""

import difflib
import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from errors import SettingsError

__all__ = ['Options', 'client_options', 'env_file', 'group_name', 'topic_name', 'variables']

DEFAULT_SERVERS = 'localhost:9092'

# The few options that we set otherwise than kafka-python does, each with its reason. Whatever the environment says wins.
OURS: dict[str, dict[str, Any]] = {
    'all': {
        'bootstrap_servers': DEFAULT_SERVERS,
        'bootstrap_timeout_ms': 4000,  # 30 s is too long to learn that nobody is there
        'reconnect_backoff_max_ms': 1000,  # after a long outage the default waits up to 30 s before it looks again
        'retry_backoff_ms': 20,  # a new client waits in these steps while it meets its broker; 100 ms makes each one slow
    },
    'producer': {
        'max_block_ms': 8000,  # a frozen broker never holds a prompt for the default 60 s
        'batch_size': 256 * 1024,  # bulk goes out in few large requests
        'metrics_enabled': False,  # a lone learner reads none of them; they cost each message
    },
    'consumer': {
        'isolation_level': 'read_committed',  # alerts of a transaction that was given up are never seen
        'max_poll_records': 10_000,  # work is done once a batch, so batches are large
        'max_partition_fetch_bytes': 4 * 1024 * 1024,
        'heartbeat_interval_ms': 300,  # a member that joins waits for the others' next heartbeat; 3 s by default
        'session_timeout_ms': 10_000,  # a member that was killed holds its partitions so long; 45 s by default
        'metrics_enabled': False,
    },
    'admin': {},
}

HEROKU = ('KAFKA_URL', 'KAFKA_TRUSTED_CERT', 'KAFKA_CLIENT_CERT', 'KAFKA_CLIENT_CERT_KEY')
OTHER_NAMES = (*HEROKU, 'KAFKA_PREFIX')
SECRET = re.compile(r'PASSWORD|CERT_KEY|KEYFILE|TOKEN|SECRET|URL', re.IGNORECASE)


class Options(dict[str, Any]):
    """kafka-python options as a dict that shows no secrets when it is printed."""

    def __repr__(self) -> str:
        return repr({name: '***' if value is not None and SECRET.search(name) else value for name, value in self.items()})


def env_file() -> Path | None:
    """The `.env` in force: the file that ``WORKSHOP_ENV_FILE`` names, else one here, else one beside this module."""
    named = os.environ.get('WORKSHOP_ENV_FILE')
    if named is not None:
        return Path(named) if named else None
    return next((path for path in (Path('.env'), Path(__file__).with_name('.env')) if path.is_file()), None)


def variables() -> dict[str, tuple[str, str]]:
    """Every ``KAFKA_`` setting in force.

    Returns:
        ``{name: (value, origin)}``, origin being ``'environment'`` or the file's name. Empty values count as not set.

    Raises:
        SettingsError: a name that resembles an option without being one; in `.env`, any ``KAFKA_`` name that is none.
    """
    import dotenv

    path = env_file()
    found = dict.fromkeys(())
    values: dict[str, tuple[str, str]] = {}
    if path is not None:
        found = dotenv.dotenv_values(path, interpolate=False)
        values = {name: (value, path.name) for name, value in found.items() if name.startswith('KAFKA_') and value}
    values |= {name: (value, 'environment') for name, value in os.environ.items() if name.startswith('KAFKA_') and value}
    known = [f'KAFKA_{option}'.upper() for option in _defaults('any')] + list(OTHER_NAMES)
    for name, (_, origin) in list(values.items()):
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6 if name in found else 0.85)
        if near or name in found:
            hint = f'Did you mean {near[0]}?' if near else 'The rule: KAFKA_<OPTION> is an option of kafka-python.'
            raise SettingsError(f'{name} (from {origin}) is no setting. {hint}')
        del values[name]  # KAFKA_HOME and its like belong to others
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
    values = variables()
    defaults = _defaults(client)
    options = Options(OURS['all'] | OURS[client])
    for name, (text, origin) in values.items():
        option = name.removeprefix('KAFKA_').lower()
        if option in defaults and name not in OTHER_NAMES:
            options[option] = _convert(name, text, defaults[option], origin)
    options |= overrides
    return Options({name: value for name, value in options.items() if value is not None and name in defaults})


def topic_name(topic: str) -> str:
    """The topic's name on the cluster: with ``KAFKA_PREFIX`` in front, where there is one (Heroku's shared clusters)."""
    return _with_prefix(topic)


def group_name(group: str) -> str:
    """The group's name on the cluster, with ``KAFKA_PREFIX`` in front, where there is one."""
    return _with_prefix(group)


def _with_prefix(name: str) -> str:
    prefix = variables().get('KAFKA_PREFIX', ('', ''))[0]
    return name if name.startswith(prefix) else prefix + name


def _defaults(client: str) -> dict[str, Any]:
    import kafka

    kinds = {'producer': kafka.KafkaProducer, 'consumer': kafka.KafkaConsumer, 'admin': kafka.KafkaAdminClient}
    wanted = kinds.values() if client == 'any' else [kinds[client]]
    return {option: value for kind in wanted for option, value in kind.DEFAULT_CONFIG.items()}


# Options whose default (None, or a mixed one) does not tell their type.
_TYPES: dict[str, Callable[[str], Any]] = {
    'acks': lambda text: text if text == 'all' else int(text),
    'api_version': lambda text: tuple(int(part) for part in text.split('.')),
    'receive_buffer_bytes': int,
    'send_buffer_bytes': int,
    'sasl_oauth_token_provider': lambda text: getattr(importlib.import_module(text.split(':')[0]), text.split(':')[1])(),
}
_BOOLEANS = {'true': True, '1': True, 'yes': True, 'on': True, 'false': False, '0': False, 'no': False, 'off': False}


def _convert(name: str, text: str, default: Any, origin: str) -> Any:
    option = name.removeprefix('KAFKA_').lower()
    kind = type(default)
    try:
        if option in _TYPES:
            return _TYPES[option](text)
        if kind is bool:
            return _BOOLEANS[text.strip().lower()]
        if kind in (int, float):
            return int(text) if text.strip().lstrip('-').isdigit() else float(text)
        if kind is str or default is None:
            return text.strip() if option != 'sasl_plain_password' else text
    except (ValueError, KeyError, IndexError, ImportError, AttributeError) as error:
        shown = '***' if SECRET.search(name) else repr(text)
        wanted = {bool: 'true or false', int: 'a whole number', float: 'a number'}.get(kind, 'a value of its type')
        raise SettingsError(f'{name}={shown} (from {origin}) is not {wanted}. kafka-python has {default!r} by default.') from error
    raise SettingsError(f'{name} (from {origin}) cannot be said in text: {option} is a Python object. Leave it out.')
