"""What `.env` and the environment say, and what becomes of it. No Kafka is needed here."""

import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import settings
from consumer import get_consumer
from errors import SettingsError

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / '.env.example').read_text(encoding='utf-8')
SECRET = 'sesame-Äffchen-42'
Use = Callable[[dict[str, str]], None]
LOGIN = {
    'SECURITY_PROTOCOL': 'SASL_PLAINTEXT',
    'SASL_MECHANISM': 'PLAIN',
    'SASL_PLAIN_USERNAME': 'red',
    'SASL_PLAIN_PASSWORD': SECRET,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Sets variables, KAFKA_ in front of each name."""

    def use(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f'KAFKA_{name}', value)

    return use


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the `.env` in force."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / '.env'
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setenv('WORKSHOP_ENV_FILE', str(path))
        return path

    return write


def sections() -> dict[str, str]:
    """Each case of `.env.example`, as it reads once it is uncommented: ``{'Heroku ...': "export KAFKA_URL='...'"}``."""
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
    """No option of kafka-python falls through the rule: it takes text, or the error says that it is a Python object."""
    objects = []
    for option, default in settings._defaults(client).items():
        text = settings.CHOICES.get(option, ('true' if isinstance(default, bool) else '2',))[0]
        try:
            settings._convert(f'KAFKA_{option}'.upper(), option, text, default, 'here')
        except SettingsError:
            objects.append(option)
    strange = r'selector|kafka_client|metric_rep.*|socket_opt.*|sasl_oauth_token_pro.*|partitioner|partition_assign.*|default_off.*'
    strange += r'|.*serializer|ssl_context'
    assert [option for option in objects if not re.fullmatch(strange, option)] == []


def test_each_client_gets_the_options_it_knows(environment: Use) -> None:
    """A producer's setting in the environment does not break a consumer or an admin client."""
    environment({'LINGER_MS': '5', 'FETCH_MIN_BYTES': '7'})
    assert settings.client_options('producer')['linger_ms'] == 5
    assert 'linger_ms' not in settings.client_options('consumer')
    assert 'fetch_min_bytes' not in settings.client_options('admin')


def test_the_environment_wins_over_the_file(env_file: Any, environment: Use) -> None:
    """What is exported wins over `.env`, an empty value counts as not set, and arguments win over both."""
    env_file(
        "export KAFKA_BOOTSTRAP_SERVERS='file:1'\nKAFKA_CLIENT_ID=file # a comment\nKAFKA_LINGER_MS=3\n"
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


# What `.env` says, what the environment says (KAFKA_ in front of each name), and what the error says.
MISTAKES: dict[str, tuple[str, dict[str, str], str]] = {
    'misspelt in the file': (
        'KAFKA_CLIENTID=x',
        {},
        'KAFKA_CLIENTID (from .env, line 1) is no setting. Did you mean KAFKA_CLIENT_ID?',
    ),
    'misspelt outside': ('', {'SASL_MECHANISMS': 'PLAIN'}, 'Did you mean KAFKA_SASL_MECHANISM?'),
    'misspelt before the underscore': (
        'KAKFA_BOOTSTRAP_SERVERS=x',
        {},
        'Did you mean KAFKA_BOOTSTRAP_SERVERS?',
    ),
    'in small letters': ('kafka_bootstrap_servers=x', {}, 'Did you mean KAFKA_BOOTSTRAP_SERVERS?'),
    "another program's": ('KAFKA_LISTENERS_XYZ=x', {}, 'is no setting'),
    'YAML': (
        '# mine\nKAFKA_CLIENT_ID: red',
        {},
        '.env, line 2: this is no setting. Write NAME=value',
    ),
    'open quote': ("KAFKA_CLIENT_ID='red", {}, '.env, line 1: this is no setting'),
    'no number': (
        '',
        {'MAX_BLOCK_MS': '8s'},
        "KAFKA_MAX_BLOCK_MS='8s' (from environment) is not a whole number",
    ),
    'no truth': ('', {'ENABLE_IDEMPOTENCE': 'maybe'}, 'is not true or false'),
    'no version': ('', {'API_VERSION': 'new'}, 'is not a version like 2.8'),
    'Python object': ('', {'PARTITIONER': 'mine'}, 'partitioner is a Python object. Leave it out.'),
    'function': (
        '',
        {'VALUE_DESERIALIZER': 'json'},
        'value_deserializer is a Python object. Leave it out.',
    ),
    'no such choice': (
        '',
        {'AUTO_OFFSET_RESET': 'newest'},
        "'newest' (from environment) is none of earliest, latest, none",
    ),
    'protocol with a dash': ('', {'SECURITY_PROTOCOL': 'SASL-SSL'}, 'Did you mean SASL_SSL?'),
    'mechanism in small letters': (
        '',
        LOGIN | {'SASL_MECHANISM': 'scram-sha-256'},
        'Did you mean SCRAM-SHA-256?',
    ),
    'scheme': (
        '',
        {'BOOTSTRAP_SERVERS': 'http://a:9092'},
        "'http://a:9092' is no address. Write host:port, without http://",
    ),
    'port no number': (
        '',
        {'BOOTSTRAP_SERVERS': 'localhost:kafka'},
        "'localhost:kafka' is no address",
    ),
    'port too large': (
        '',
        {'BOOTSTRAP_SERVERS': 'localhost:90922'},
        "'localhost:90922' is no address",
    ),
    'space inside': ('', {'BOOTSTRAP_SERVERS': 'a:1 b:2'}, 'several of them separated by commas'),
    'comma at the end': ('', {'BOOTSTRAP_SERVERS': 'a:1,'}, "'' is no address"),
    'quotes kept': ('', {'BOOTSTRAP_SERVERS': '"localhost:9092"'}, 'is no address'),
    'password in the address': (
        '',
        {'BOOTSTRAP_SERVERS': f'kafka://red:{SECRET}@a:1'},
        "'kafka://***@a:1' is no address",
    ),
    'password with a slash': (
        '',
        {'BOOTSTRAP_SERVERS': f'kafka://red:x/{SECRET}@a:1'},
        "'kafka://***@a:1' is no address",
    ),
    'password without a scheme': (
        '',
        {'BOOTSTRAP_SERVERS': f'red:{SECRET}@a:1'},
        "'***@a:1' is no address",
    ),
    'password in KAFKA_URL': (
        '',
        {'URL': f'kafka+ssl://red:{SECRET}@a:1'},
        "'***@a:1' is no address",
    ),
    'password, TLS or not': (
        '',
        LOGIN | {'SECURITY_PROTOCOL': ''},
        'Set KAFKA_SECURITY_PROTOCOL=SASL_SSL (managed',
    ),
    'password and PLAINTEXT': (
        '',
        LOGIN | {'SECURITY_PROTOCOL': 'PLAINTEXT'},
        'PLAINTEXT has no login. Set KAFKA_SECURITY',
    ),
    'password and SSL': (
        '',
        LOGIN | {'SECURITY_PROTOCOL': 'SSL'},
        'SSL has no login. Set KAFKA_SECURITY_PROTOCOL=SASL_SSL,',
    ),
    'CA and PLAINTEXT': (
        '',
        {'SECURITY_PROTOCOL': 'PLAINTEXT', 'SSL_CAFILE': 'x'},
        'certificates need TLS. Set KAFKA_SECURITY_PROT',
    ),
    'no mechanism': (
        '',
        LOGIN | {'SASL_MECHANISM': ''},
        'KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT needs KAFKA_SASL_MECHANISM',
    ),
    'no password': (
        '',
        LOGIN | {'SASL_PLAIN_PASSWORD': ''},
        'needs KAFKA_SASL_PLAIN_PASSWORD, which is not set',
    ),
    'no user': (
        '',
        LOGIN | {'SASL_PLAIN_USERNAME': ''},
        'needs KAFKA_SASL_PLAIN_USERNAME, which is not set',
    ),
    'no token provider': (
        '',
        LOGIN | {'SASL_MECHANISM': 'OAUTHBEARER'},
        'needs KAFKA_SASL_OAUTH_TOKEN_PROVIDER',
    ),
    'provider not there': (
        '',
        {'SASL_OAUTH_TOKEN_PROVIDER': 'nowhere:Token'},
        "No module named 'nowhere'",
    ),
    'provider of another kind': (
        '',
        {'SASL_OAUTH_TOKEN_PROVIDER': 'pathlib:Path'},
        'pathlib:Path is no AbstractTokenProvider',
    ),
    'two addresses': (
        'KAFKA_URL=kafka+ssl://a:1',
        {'BOOTSTRAP_SERVERS': 'b:2'},
        'are two names for one setting. Remove one',
    ),
    'plain address in KAFKA_URL': (
        '',
        {'URL': 'localhost:9092'},
        'is no list of kafka+ssl://host:port',
    ),
    'two kinds in KAFKA_URL': (
        '',
        {'URL': 'kafka://a:1,kafka+ssl://b:2'},
        'is no list of kafka+ssl://host:port',
    ),
    'no such file': (
        '',
        {'SSL_CAFILE': 'nowhere.pem'},
        "KAFKA_SSL_CAFILE='nowhere.pem': there is no such file",
    ),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_wrong_setting_is_one_clear_error(mistake: str, env_file: Any, environment: Use) -> None:
    """A setting that is misspelt, contradictory, incomplete or of the wrong type names itself and the way out; no secret is in it."""
    text, variables, message = MISTAKES[mistake]
    env_file(text)
    environment(variables)
    with pytest.raises(SettingsError) as caught:
        settings.client_options('producer')
    assert message in str(caught.value)
    assert SECRET not in ''.join(traceback.format_exception(caught.value))


def test_what_others_call_kafka_is_left_alone(environment: Use) -> None:
    """Variables of Kafka itself in the environment (KAFKA_HOME, KAFKA_OPTS) are no business of ours."""
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
    """get_consumer does not swallow an argument that neither it nor a client has, and names what is meant, be it of either."""
    arguments: dict[str, Any] = {wrong: 'x'}
    with pytest.raises(
        SettingsError, match=rf'{wrong} \(from an argument\) is no setting. Did you mean {right}\?'
    ):
        get_consumer('any', **arguments)


@pytest.mark.parametrize(
    ('text', 'why'), [(b'\xff\xfe\x00', 'it is not UTF-8 text'), (None, 'No such file')]
)
def test_a_file_that_cannot_be_read_is_named(
    text: bytes | None, why: str, env_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.env` in another encoding, or one that WORKSHOP_ENV_FILE names and that is not there, is an error."""
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
    """`source .env` and Python read the same values from each case of `.env.example`, multi-line PEM included."""
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
    """`python -m settings` ends with status 1 and the error where a setting is wrong, without a traceback or a secret."""
    env_file(f"KAFKA_SASL_PLAIN_PASSWORD='{SECRET}'\nKAFKA_SECURITY_PROTOCOL=SSL")
    done = subprocess.run(
        [sys.executable, '-m', 'settings'], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert re.fullmatch(
        r'settings +FAILED: KAFKA_SECURITY_PROTOCOL=SSL and KAFKA_SASL_PLAIN_PASSWORD contradict each other: .*\n',
        done.stdout,
    )
    assert SECRET not in done.stdout + done.stderr
