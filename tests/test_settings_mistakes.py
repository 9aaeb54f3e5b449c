"""Mistakes in `.env` and in the environment, and what is said of them. No Kafka is needed here."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest

import settings
from errors import SettingsError

SECRET = 'sesame-Äffchen-42'
Use = Callable[[dict[str, str]], None]
CREDENTIALS = {
    'SECURITY_PROTOCOL': 'SASL_PLAINTEXT',
    'SASL_MECHANISM': 'PLAIN',
    'SASL_PLAIN_USERNAME': 'red',
    'SASL_PLAIN_PASSWORD': SECRET,
}

# What `.env` says, what the environment says (KAFKA_ in front of each name), and what the error
# says.
MISTAKES: dict[str, tuple[str, dict[str, str], str]] = {
    'misspelt in the file': (
        'KAFKA_CLIENTID=x',
        {},
        'KAFKA_CLIENTID (from .env, line 1) is not a setting. Did you mean KAFKA_CLIENT_ID?',
    ),
    'misspelt outside': ('', {'SASL_MECHANISMS': 'PLAIN'}, 'Did you mean KAFKA_SASL_MECHANISM?'),
    'misspelt before the underscore': (
        'KAKFA_BOOTSTRAP_SERVERS=x',
        {},
        'Did you mean KAFKA_BOOTSTRAP_SERVERS?',
    ),
    'in small letters': ('kafka_bootstrap_servers=x', {}, 'Did you mean KAFKA_BOOTSTRAP_SERVERS?'),
    "another program's": ('KAFKA_LISTENERS_XYZ=x', {}, 'is not a setting'),
    'YAML': (
        '# mine\nKAFKA_CLIENT_ID: red',
        {},
        '.env, line 2: this is not a setting. Write NAME=value',
    ),
    'open quote': ("KAFKA_CLIENT_ID='red", {}, '.env, line 1: this is not a setting'),
    'no number': (
        '',
        {'MAX_BLOCK_MS': '8s'},
        "KAFKA_MAX_BLOCK_MS='8s' (from environment) must be an int",
    ),
    'no truth': ('', {'ENABLE_IDEMPOTENCE': 'maybe'}, 'must be true or false'),
    'no version': ('', {'API_VERSION': 'new'}, 'must be a version like 2.8'),
    'Python object': ('', {'PARTITIONER': 'mine'}, 'partitioner is a Python object. Leave it out.'),
    'function': (
        '',
        {'VALUE_DESERIALIZER': 'json'},
        'value_deserializer is a Python object. Leave it out.',
    ),
    'no such choice': (
        '',
        {'AUTO_OFFSET_RESET': 'newest'},
        "'newest' (from environment) must be one of earliest, latest, none",
    ),
    'protocol with a dash': ('', {'SECURITY_PROTOCOL': 'SASL-SSL'}, 'Did you mean SASL_SSL?'),
    'mechanism in small letters': (
        '',
        CREDENTIALS | {'SASL_MECHANISM': 'scram-sha-256'},
        'Did you mean SCRAM-SHA-256?',
    ),
    'scheme': (
        '',
        {'BOOTSTRAP_SERVERS': 'http://a:9092'},
        "'http://a:9092' is not a valid address. Write host:port, without http://",
    ),
    'port no number': (
        '',
        {'BOOTSTRAP_SERVERS': 'localhost:kafka'},
        "'localhost:kafka' is not a valid address",
    ),
    'port too large': (
        '',
        {'BOOTSTRAP_SERVERS': 'localhost:90922'},
        "'localhost:90922' is not a valid address",
    ),
    'space inside': ('', {'BOOTSTRAP_SERVERS': 'a:1 b:2'}, 'several separated by commas'),
    'comma at the end': ('', {'BOOTSTRAP_SERVERS': 'a:1,'}, "'' is not a valid address"),
    'quotes kept': ('', {'BOOTSTRAP_SERVERS': '"localhost:9092"'}, 'is not a valid address'),
    'password in the address': (
        '',
        {'BOOTSTRAP_SERVERS': f'kafka://red:{SECRET}@a:1'},
        "'kafka://***@a:1' is not a valid address",
    ),
    'password with a slash': (
        '',
        {'BOOTSTRAP_SERVERS': f'kafka://red:x/{SECRET}@a:1'},
        "'kafka://***@a:1' is not a valid address",
    ),
    'password without a scheme': (
        '',
        {'BOOTSTRAP_SERVERS': f'red:{SECRET}@a:1'},
        "'***@a:1' is not a valid address",
    ),
    'password in KAFKA_URL': (
        '',
        {'URL': f'kafka+ssl://red:{SECRET}@a:1'},
        "'***@a:1' is not a valid address",
    ),
    'password, TLS or not': (
        '',
        CREDENTIALS | {'SECURITY_PROTOCOL': ''},
        'Set KAFKA_SECURITY_PROTOCOL=SASL_SSL (managed',
    ),
    'password and PLAINTEXT': (
        '',
        CREDENTIALS | {'SECURITY_PROTOCOL': 'PLAINTEXT'},
        'PLAINTEXT has no login. Set KAFKA_SECURITY',
    ),
    'password and SSL': (
        '',
        CREDENTIALS | {'SECURITY_PROTOCOL': 'SSL'},
        'SSL has no login. Set KAFKA_SECURITY_PROTOCOL=SASL_SSL,',
    ),
    'CA and PLAINTEXT': (
        '',
        {'SECURITY_PROTOCOL': 'PLAINTEXT', 'SSL_CAFILE': 'x'},
        'certificates need TLS. Set KAFKA_SECURITY_PROT',
    ),
    'no mechanism': (
        '',
        CREDENTIALS | {'SASL_MECHANISM': ''},
        'KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT needs KAFKA_SASL_MECHANISM',
    ),
    'no password': (
        '',
        CREDENTIALS | {'SASL_PLAIN_PASSWORD': ''},
        'needs KAFKA_SASL_PLAIN_PASSWORD, which is not set',
    ),
    'no user': (
        '',
        CREDENTIALS | {'SASL_PLAIN_USERNAME': ''},
        'needs KAFKA_SASL_PLAIN_USERNAME, which is not set',
    ),
    'no token provider': (
        '',
        CREDENTIALS | {'SASL_MECHANISM': 'OAUTHBEARER'},
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
        'pathlib:Path is not an AbstractTokenProvider',
    ),
    'two addresses': (
        'KAFKA_URL=kafka+ssl://a:1',
        {'BOOTSTRAP_SERVERS': 'b:2'},
        'are two names for one setting. Remove one',
    ),
    'plain address in KAFKA_URL': (
        '',
        {'URL': 'localhost:9092'},
        'must be a list of kafka+ssl://host:port',
    ),
    'two kinds in KAFKA_URL': (
        '',
        {'URL': 'kafka://a:1,kafka+ssl://b:2'},
        'must be a list of kafka+ssl://host:port',
    ),
    'no such file': (
        '',
        {'SSL_CAFILE': 'nowhere.pem'},
        "KAFKA_SSL_CAFILE='nowhere.pem': there is no such file",
    ),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_wrong_setting_is_one_clear_error(mistake: str, env_file: Any, environment: Use) -> None:
    """A misspelt, contradictory, incomplete or badly typed setting names itself and the way out.

    No secret is in the error or its traceback.
    """
    text, variables, message = MISTAKES[mistake]
    env_file(text)
    environment(variables)
    with pytest.raises(SettingsError) as caught:
        settings.client_options('producer')
    assert message in str(caught.value)
    assert SECRET not in ''.join(traceback.format_exception(caught.value))
