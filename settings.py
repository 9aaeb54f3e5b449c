"""Where Kafka is and how to connect: `.env` and the environment as client options (every step).

One rule explains everything: ``KAFKA_<OPTION>`` is kafka-python's ``<option>``.
``KAFKA_BOOTSTRAP_SERVERS`` is ``bootstrap_servers``, ``KAFKA_SASL_MECHANISM`` is
``sasl_mechanism``, each converted to the type that the client has as its default. The environment
wins over `.env`. With nothing set, Kafka is expected at ``localhost:9092``. ``python -m settings``
shows all that, and tries it.

The one idea to take away: a program does not know where its Kafka is; the place it runs in does.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import difflib
import fnmatch
import os
import sys
from pathlib import Path
from typing import Any

from connection import diagnosis
from connection.addresses import bootstrap_addresses
from connection.heroku import HEROKU_VARIABLES, apply_kafka_url
from connection.misspelt import nearest_in_environment, nearest_in_file
from connection.option_types import assignors, convert
from connection.redaction import Options, redact
from connection.security import complete_security_options
from connection.tls import PEM, tls_context
from errors import AccessError, ChatError, SettingsError
from schemas import show

__all__ = ['Options', 'client_options', 'env_file', 'group_name', 'topic_name', 'variables']

DEFAULT_SERVERS = 'localhost:9092'

# The few options that we set otherwise than kafka-python does, each with its reason.
# Whatever the environment says wins.
OUR_DEFAULTS: dict[str, dict[str, Any]] = {
    'all': {
        'bootstrap_servers': DEFAULT_SERVERS,
        # 30 s by default: too long to learn that nobody is there.
        'bootstrap_timeout_ms': 4000,
        # After a long outage the client waits so long before it looks again; 30 s by default.
        'reconnect_backoff_max_ms': 1000,
        # A new client waits in these steps while it meets its broker; 100 ms makes each one slow.
        'retry_backoff_ms': 20,
        # A frozen broker holds a request so long before another one is asked; 30 s by default.
        'request_timeout_ms': 10_000,
        # Partitions that are added to a topic are noticed within this time; 5 minutes by default.
        'metadata_max_age_ms': 5000,
    },
    'producer': {
        # A frozen broker never holds a prompt for the default 60 s.
        'max_block_ms': 8000,
        # Long enough to restart a broker by hand, short enough to hear of it; 120 s by default.
        'delivery_timeout_ms': 60_000,
        # Readers wait so long for a service that was killed in mid-transaction; 60 s by default.
        'transaction_timeout_ms': 6000,
        # Bulk goes out in few large requests; 16 KiB by default.
        'batch_size': 256 * 1024,
        # A lone learner reads no metrics, and they cost each message.
        'metrics_enabled': False,
    },
    'consumer': {
        # Alerts of an aborted transaction are never seen.
        'isolation_level': 'read_committed',
        # Work is done once a batch; a slower loop gets as many as it manages in a second.
        'max_poll_records': 25_000,
        # Bulk comes in few large responses; 1 MiB by default.
        'max_partition_fetch_bytes': 4 * 1024 * 1024,
        # A member that joins waits for the others' next heartbeat; 3 s by default.
        'heartbeat_interval_ms': 300,
        # A member that was killed holds its partitions so long; 45 s by default.
        'session_timeout_ms': 6000,
        # kafka-python's own, named so that a new version of it cannot change them under a group
        # whose members are updated one after another: members with nothing in common are refused.
        'partition_assignment_strategy': ('range', 'roundrobin'),
        'metrics_enabled': False,
    },
    'admin': {},
}

PREFIX = 'KAFKA_PREFIX'
SHARED = 'KAFKA_SHARED_TOPICS'
ASSIGNORS = 'partition_assignment_strategy'
GET_CONSUMER_ARGUMENTS = ('offset', 'schema', 'timeout', 'dead_letter_topic')


def env_file() -> Path | None:
    """The `.env` in force.

    That is the file that ``WORKSHOP_ENV_FILE`` names, else one here, else one beside this module.
    """
    named = os.environ.get('WORKSHOP_ENV_FILE')
    if named is not None:
        return Path(named) if named else None
    for path in (Path('.env'), Path(__file__).with_name('.env')):
        if path.is_file():
            return path
    return None


def variables() -> dict[str, tuple[str, str]]:
    """Every ``KAFKA_`` setting in force.

    Returns:
        ``{name: (value, origin)}``, origin being ``'environment'`` or the file and line. Empty
        values count as not set.

    Raises:
        SettingsError: a name that resembles an option without being one; in `.env`, any ``KAFKA_``
            name that is not an option.
    """
    options = (f'KAFKA_{option}'.upper() for option in _client_defaults('any'))
    known = [*options, *HEROKU_VARIABLES, PREFIX, SHARED]
    values = {}
    for name, (value, origin) in _read_env_file(env_file()).items():
        if name not in known:
            near = nearest_in_file(name, known)
            if near or name.startswith('KAFKA_'):
                raise _not_a_setting(name, origin, near)
        elif value:
            values[name] = (redact(name, value), origin)
    for name, value in os.environ.items():
        if name not in known:
            near = nearest_in_environment(name, known)
            if near:
                raise _not_a_setting(name, 'environment', near)
        elif value:
            values[name] = (redact(name, value), 'environment')
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
    known = _client_defaults('any')
    found, names = _options_from_variables(known)
    for option in overrides.keys() - known.keys():
        near = difflib.get_close_matches(option, [*known, *GET_CONSUMER_ARGUMENTS], n=1)
        raise _not_a_setting(option, 'an argument', near)
    options = OUR_DEFAULTS['all'] | OUR_DEFAULTS[client] | found | overrides
    options = {option: value for option, value in options.items() if value is not None}
    names = {option: f'KAFKA_{option}'.upper() for option in known} | names
    if client == 'consumer' and ASSIGNORS in options:
        options[ASSIGNORS] = assignors(options[ASSIGNORS], names[ASSIGNORS])
    bootstrap_addresses(options, names['bootstrap_servers'])
    complete_security_options(options, names)
    if options['security_protocol'].endswith('SSL') and 'ssl_context' not in options:
        options['ssl_context'] = tls_context(options, names)
    of_this_client = _client_defaults(client)
    return Options(
        {
            option: value
            for option, value in options.items()
            # PEM text is in ssl_context by now; the client would take it for a path.
            if option in of_this_client and PEM not in str(value)
        }
    )


def topic_name(topic: str) -> str:
    """The topic's name on the cluster: with ``KAFKA_PREFIX`` in front, where there is one.

    Heroku's shared clusters have one, and so have learners whose class shares a Kafka. Topics in
    ``KAFKA_SHARED_TOPICS`` (names or patterns such as ``class.*``, comma-separated) keep theirs.
    """
    found = variables()
    prefix, _ = found.get(PREFIX, ('', ''))
    shared, _ = found.get(SHARED, ('', ''))
    if prefix and any(fnmatch.fnmatchcase(topic, each.strip()) for each in shared.split(',')):
        return topic
    return _prefixed(topic, prefix)


def group_name(group: str) -> str:
    """The group's name on the cluster, with ``KAFKA_PREFIX`` in front, where there is one."""
    return _prefixed(group, variables().get(PREFIX, ('', ''))[0])


def _prefixed(name: str, prefix: str) -> str:
    return name if name.startswith(prefix) else prefix + name


def _client_defaults(client: str) -> dict[str, Any]:
    """The options that a client of kafka-python knows, with its defaults; of all for ``'any'``."""
    import kafka

    clients = {
        'producer': kafka.KafkaProducer,
        'consumer': kafka.KafkaConsumer,
        'admin': kafka.KafkaAdminClient,
    }
    defaults: dict[str, Any] = {}
    for name, kind in clients.items():
        if client in (name, 'any'):
            defaults |= kind.DEFAULT_CONFIG
    return defaults


def _option_of(name: str) -> str:
    return HEROKU_VARIABLES.get(name, name.removeprefix('KAFKA_').lower())


def _options_from_variables(known: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the variables say, as options, and for each option the variable that said it."""
    options: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, (text, origin) in variables().items():
        option = _option_of(name)
        if option in names:
            raise SettingsError(
                f'{names[option]} and {name} are two names for one setting. Remove one of them.'
            )
        if option in known:
            names[option] = name
            options[option] = convert(name, option, text, known[option], origin)
    if names.get('bootstrap_servers') == 'KAFKA_URL':
        apply_kafka_url(options)
    return options, names


def _read_env_file(path: Path | None) -> dict[str, tuple[str, str]]:
    """Each name in a `.env`, with its value, and with file and line as its origin."""
    if path is None:
        return {}
    from dotenv.parser import parse_stream

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
                f'{origin}: this is not a setting. Write NAME=value, '
                'the value in single quotes if it holds spaces or line breaks.'
            )
        if line.key:
            found[line.key] = (line.value or '', origin)
    return found


def _not_a_setting(name: str, origin: str, near: list[str]) -> SettingsError:
    if near:
        hint = f'Did you mean {near[0]}?'
    else:
        hint = 'The rule: KAFKA_<OPTION> is an option of kafka-python.'
    return SettingsError(f'{name} (from {origin}) is not a setting. {hint}')


def _print_settings() -> None:
    """Each option in force, with its value and where it comes from."""
    origins = {_option_of(name): f'{name}, {origin}' for name, (_, origin) in variables().items()}
    ours = {option for table in OUR_DEFAULTS.values() for option in table}
    options: dict[str, Any] = {}
    for client in ('producer', 'consumer', 'admin'):
        options |= client_options(client)
    for option, value in sorted(options.items()):
        otherwise = 'our default' if option in ours else 'follows from the others'
        show(f'{option:<32} {value!r:<44} {origins.get(option, otherwise)}')


def _print_stage(stage: str, text: str) -> None:
    show(f'{stage:<11} {text}')


def _join_class(address: str) -> None:
    """Get a learner's settings from a class, and write them into `.env`."""
    path = env_file() or Path('.env')
    if not os.access(path.absolute().parent, os.W_OK):
        raise SettingsError(f'{path} cannot be written. Go to a folder of your own.')
    from connection import classroom  # its HTTP client would make every import of producer later

    joined = classroom.join(address)
    earlier = classroom.write_env_file(path, joined)
    if earlier:
        show(f'{path} was there already. It is kept as {earlier.name}.')
    show(f'You are {joined["KAFKA_SASL_PLAIN_USERNAME"]}. Your settings are in {path}.')
    for name in sorted(set(os.environ) & {*classroom.SETTINGS, *HEROKU_VARIABLES}):
        raise SettingsError(
            f'{name} is set in this terminal, and wins over {path}. Open new terminals, and go on '
            'there: python -m settings'
        )


def main(arguments: list[str] | None = None) -> int:
    """Print the settings in force, secrets masked, then try to connect, stage by stage.

    The exit status is 0 if Kafka lets us in.
    """
    import argparse

    parser = argparse.ArgumentParser(prog='python -m settings', description=main.__doc__)
    parser.add_argument(
        '--topic',
        default='human-messages',
        help='the topic whose authorization is checked (default: %(default)s)',
    )
    parser.add_argument(
        '--class',
        dest='class_address',
        metavar='ADDRESS',
        help="join a class: the address is what the teacher's terminal shows",
    )
    options = parser.parse_args(arguments)
    topic = options.topic
    try:
        if options.class_address:
            _join_class(options.class_address)
    except ChatError as error:
        _print_stage('class', f'FAILED: {error}')
        return 1
    try:
        _print_settings()
        diagnosis.check_connection(
            client_options('producer'),
            [topic_name(topic)],
            report=_print_stage,
            check_replicas=True,
        )
    except ChatError as error:
        otherwise = 'topic' if isinstance(error, AccessError) else 'settings'
        _print_stage(getattr(error, 'stage', otherwise), f'FAILED: {error}')
        return 1
    print('OK')
    return 0


if __name__ == '__main__':
    sys.exit(main())
