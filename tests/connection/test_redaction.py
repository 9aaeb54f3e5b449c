"""Passwords and keys are shown nowhere."""

import logging
import pprint
from collections.abc import Callable

import pytest

import settings
from connection.redaction import Options, Secret, mask_user_info

SECRET = 'sesame-Äffchen-42'
CREDENTIALS = {
    'SASL_MECHANISM': 'PLAIN',
    'SASL_PLAIN_USERNAME': 'red',
    'SASL_PLAIN_PASSWORD': SECRET,
}
Use = Callable[[dict[str, str]], None]


def test_a_secret_hides_wherever_options_are_shown(environment: Use) -> None:
    """repr, dict, pprint and errors never show the password; the client still gets it."""
    environment(CREDENTIALS | {'SECURITY_PROTOCOL': 'SASL_PLAINTEXT'})
    options = settings.client_options('admin')
    assert options['sasl_plain_password'] == SECRET
    shown = [
        repr(options),
        f'{options}',
        pprint.pformat(dict(options)),
        repr(settings.variables()),
        str(ValueError({**options})),
    ]
    assert not [text for text in shown if SECRET in text]
    assert "'sasl_plain_password': '***'" in repr(options)


def test_kafka_pythons_debug_log_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Requests, SCRAM proofs, tokens and configurations are masked in the log.

    Everything else stays readable.
    """
    from kafka.protocol.parser import KafkaProtocol
    from kafka.protocol.sasl import SaslAuthenticateRequest, SaslBytesRequest

    caplog.set_level(logging.DEBUG)
    Options({'sasl_plain_password': SECRET})
    parser = KafkaProtocol(client_id='test')
    proof = b'c=biws,r=abc,p=' + b'A' * 43 + b'='
    parser.send_request(
        SaslAuthenticateRequest(b'\0red\0pw', version=2)
    )  # too short to be looked for as it stands
    parser.send_bytes()
    for token in (
        f'\0red\0{SECRET}'.encode(),
        proof,
        b'n,,\x01auth=Bearer tokentokentoken\x01\x01',
    ):
        for request in (SaslAuthenticateRequest(token, version=2), SaslBytesRequest(token)):
            parser.send_request(request)
            parser.send_bytes()
    logging.getLogger('kafka.admin.client').debug(
        'configuration: %s', {'sasl_plain_password': SECRET, 'client_id': 'red'}
    )
    logging.getLogger('kafka.net.connection').debug('said %r', SECRET.encode())
    for secret in (SECRET, repr(SECRET.encode())[2:-1], 'A' * 20, 'tokentoken', '\\x00pw'):
        assert secret not in caplog.text
    assert "'client_id': 'red'" in caplog.text


def test_a_secret_is_a_string_like_any_other() -> None:
    """Only its repr differs: it compares, encodes and joins as what it is."""
    secret = Secret('hunter2')
    assert (secret.encode(), secret + '!', secret == 'hunter2') == (b'hunter2', 'hunter2!', True)
    assert repr([secret]) == "['***']"


@pytest.mark.parametrize(
    ('address', 'shown'),
    [
        ('a:1', 'a:1'),
        ('kafka+ssl://a:1', 'kafka+ssl://a:1'),
        ('red:sesame@a:1', '***@a:1'),
        ('kafka+ssl://red:sesame@a:1', 'kafka+ssl://***@a:1'),
        ('kafka://red:x@y/z@a:1', 'kafka://***@a:1'),
        ('red:x://y@a:1', '***@a:1'),
    ],
)
def test_a_password_in_an_address_is_masked(address: str, shown: str) -> None:
    """Whatever characters the password has, and with a scheme or without."""
    assert mask_user_info(address) == shown
