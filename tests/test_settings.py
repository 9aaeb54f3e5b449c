"""What `.env` and the environment say, and what becomes of it. No Kafka is needed here."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import settings
from connection.option_types import CHOICES, convert
from consumer import get_consumer
from errors import SettingsError

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / '.env.example').read_text(encoding='utf-8')
SECRET = 'sesame-Äffchen-42'
Use = Callable[[dict[str, str]], None]


def sections() -> dict[str, str]:
    """Each case of `.env.example`, as it reads once it is uncommented.

    ``{'Heroku ...': "export KAFKA_URL='...'"}``
    """
    found = {}
    for part in re.split(r'^## (?=.+\n(?:# )?export)', EXAMPLE, flags=re.MULTILINE)[1:]:
        title, _, lines = part.partition('\n')
        found[title.partition(':')[0].partition(' sets')[0]] = re.sub(
            r'^# ', '', lines, flags=re.MULTILINE
        )
    return found


def sourced(path: Path) -> dict[str, str]:
    """What a shell has in its environment after ``source .env``."""
    shell = subprocess.run(
        ['sh', '-c', f'. "{path}"; exec env -0'],
        capture_output=True,
        text=True,
        env={'PATH': os.environ['PATH']},
        check=True,
    )
    return dict(
        line.split('=', 1) for line in shell.stdout.split('\0') if line.startswith('KAFKA_')
    )


def test_with_nothing_set_kafka_is_on_this_machine() -> None:
    """Without a setting, localhost:9092 without login or TLS."""
    options = settings.client_options('consumer')
    assert (options['bootstrap_servers'], options['security_protocol']) == (
        'localhost:9092',
        'PLAINTEXT',
    )


@pytest.mark.parametrize(
    ('name', 'text', 'value'),
    [
        ('MAX_BLOCK_MS', '1234', 1234),
        ('ENABLE_IDEMPOTENCE', 'no', False),
        ('ACKS', 'all', 'all'),
        ('ACKS', '1', 1),
        ('API_VERSION', '2.8', (2, 8)),
        ('RETRIES', '3', 3),
        ('COMPRESSION_TYPE', 'gzip', 'gzip'),
        ('CLIENT_ID', ' red ', 'red'),
        ('SEND_BUFFER_BYTES', '4096', 4096),
    ],
)
def test_a_variable_is_the_option_of_that_name(
    name: str, text: str, value: object, environment: Use
) -> None:
    """KAFKA_<OPTION> becomes kafka-python's option, in the type that it has there."""
    environment({name: text})
    found = settings.client_options('producer')[name.lower()]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize('client', ['producer', 'consumer', 'admin'])
def test_every_option_that_text_can_say_has_a_type(client: str) -> None:
    """No option falls through the rule: it takes text, or the error says that it is an object."""
    objects = []
    for option, default in settings._client_defaults(client).items():
        text = CHOICES.get(option, ('true' if isinstance(default, bool) else '2',))[0]
        try:
            convert(f'KAFKA_{option}'.upper(), option, text, default, 'here')
        except SettingsError:
            objects.append(option)
    strange = (
        r'selector|kafka_client|metric_rep.*|socket_opt.*|sasl_oauth_token_pro.*|partitioner'
        r'|partition_assign.*|default_off.*|.*serializer|ssl_context'
    )
    assert [option for option in objects if not re.fullmatch(strange, option)] == []


def test_each_client_gets_the_options_it_knows(environment: Use) -> None:
    """A producer's setting in the environment does not break a consumer or an admin client."""
    environment({'LINGER_MS': '5', 'FETCH_MIN_BYTES': '7'})
    assert settings.client_options('producer')['linger_ms'] == 5
    assert 'linger_ms' not in settings.client_options('consumer')
    assert 'fetch_min_bytes' not in settings.client_options('admin')


def test_the_environment_wins_over_the_file(env_file: Any, environment: Use) -> None:
    """What is exported wins over `.env`, arguments win over both; an empty value is not set."""
    env_file(
        "export KAFKA_BOOTSTRAP_SERVERS='file:1'\n"
        'KAFKA_CLIENT_ID=file # a comment\n'
        'KAFKA_LINGER_MS=3\n'
    )
    environment({'BOOTSTRAP_SERVERS': 'outside:2', 'CLIENT_ID': ''})
    options = settings.client_options('producer', linger_ms=4)
    assert (options['bootstrap_servers'], options['client_id'], options['linger_ms']) == (
        'outside:2',
        'file',
        4,
    )
    assert settings.variables()['KAFKA_LINGER_MS'] == ('3', '.env, line 3')


def test_settings_are_read_anew_for_each_client(env_file: Any) -> None:
    """Whoever corrects `.env` need not start Python again."""
    env_file('KAFKA_BOOTSTRAP_SERVERS=one:1')
    assert settings.client_options('admin')['bootstrap_servers'] == 'one:1'
    env_file('KAFKA_BOOTSTRAP_SERVERS=two:2')
    assert settings.client_options('admin')['bootstrap_servers'] == 'two:2'


def test_what_others_call_kafka_is_left_alone(environment: Use) -> None:
    """Variables of Kafka itself in the environment (KAFKA_HOME, KAFKA_OPTS) are not ours."""
    environment({'HOME': '/opt/kafka', 'OPTS': '-Xmx1g', 'HEAP_OPTS': '-Xms1g'})
    assert settings.variables() == {}


@pytest.mark.parametrize(
    ('wrong', 'right'),
    [
        ('group_idd', 'group_id'),
        ('ofset', 'offset'),
        ('timout', 'timeout'),
        ('dead_letters', 'dead_letter_topic'),
    ],
)
def test_a_misspelt_argument_names_the_right_one(wrong: str, right: str) -> None:
    """get_consumer refuses an argument that neither it nor a client has.

    The error names what is meant, be it of either.
    """
    arguments: dict[str, Any] = {wrong: 'x'}
    with pytest.raises(
        SettingsError,
        match=rf'{wrong} \(from an argument\) is not a setting. Did you mean {right}\?',
    ):
        get_consumer('any', **arguments)


@pytest.mark.parametrize(
    ('text', 'why'), [(b'\xff\xfe\x00', 'it is not UTF-8 text'), (None, 'No such file')]
)
def test_a_file_that_cannot_be_read_is_named(
    text: bytes | None, why: str, env_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.env` in another encoding is an error, and so is a WORKSHOP_ENV_FILE that is missing."""
    path = env_file(text or b'')
    monkeypatch.setenv('WORKSHOP_ENV_FILE', str(path if text else path.with_name('gone')))
    with pytest.raises(SettingsError, match=why):
        settings.client_options('producer')


def test_a_byte_order_mark_does_no_harm(env_file: Any) -> None:
    """A `.env` saved by a Windows editor is read."""
    env_file('\ufeffKAFKA_CLIENT_ID=red\r\n')
    assert settings.client_options('producer')['client_id'] == 'red'


@pytest.mark.parametrize('case', sections())
def test_the_example_reads_the_same_in_a_shell_and_in_python(case: str, env_file: Any) -> None:
    """A shell and Python read the same values from each case, multi-line PEM included."""
    path = env_file(sections()[case])
    values = {name: str.__str__(value) for name, (value, _) in settings.variables().items()}
    assert values == sourced(path)
    assert values
    assert [text.count('\n') for text in values.values() if 'BEGIN' in text] == (
        [2, 2, 2] if case == 'Heroku' else []
    )


def test_the_example_covers_the_known_clusters() -> None:
    """`.env.example` is active for a Kafka on this machine, and shows the others commented."""
    assert [line for line in EXAMPLE.splitlines() if line and line[0] != '#'] == [
        "export KAFKA_BOOTSTRAP_SERVERS='localhost:9092'"
    ]
    assert ' '.join(sections()).count('A Kafka') == 1
    for name in ('Confluent Cloud', 'Redpanda', 'Aiven', 'Heroku'):
        assert any(title.startswith(name) for title in sections())


def test_settings_at_the_command_line_say_what_is_wrong(env_file: Any) -> None:
    """`python -m settings` ends with status 1 and the error where a setting is wrong.

    There is no traceback, and no secret.
    """
    env_file(f"KAFKA_SASL_PLAIN_PASSWORD='{SECRET}'\nKAFKA_SECURITY_PROTOCOL=SSL")
    done = subprocess.run(
        [sys.executable, '-m', 'settings'], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert re.fullmatch(
        r'settings +FAILED: KAFKA_SECURITY_PROTOCOL=SSL and KAFKA_SASL_PLAIN_PASSWORD '
        r'contradict each other: .*\n',
        done.stdout,
    )
    assert SECRET not in done.stdout + done.stderr
