"""Passwords and certificates: text or files, checked when they are read, shown nowhere. No Kafka is needed here."""

import logging
import pprint
import ssl
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

import settings
from connection.credentials import Options, Secret
from errors import SettingsError

SECRET = 'sesame-Äffchen-42'
LOGIN = {'SASL_MECHANISM': 'PLAIN', 'SASL_PLAIN_USERNAME': 'red', 'SASL_PLAIN_PASSWORD': SECRET}
Use = Callable[[dict[str, str]], None]


@pytest.fixture(scope='module')
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An authority's, a client's and a stranger's PEM texts, and the files that hold them."""
    folder = tmp_path_factory.mktemp('pems')
    authority = trustme.CA(organization_name='workshop')
    client, stranger = (
        authority.issue_cert('red@workshop.example'),
        trustme.CA().issue_cert('blue@workshop.example'),
    )
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    locked = serialization.BestAvailableEncryption(SECRET.encode())
    texts = {
        'ca': authority.cert_pem.bytes(),
        'certificate': client.cert_chain_pems[0].bytes(),
        'key': client.private_key_pem.bytes(),
        'other key': stranger.private_key_pem.bytes(),
        'locked key': key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked
        ),
    }
    for name, text in texts.items():
        (folder / f'{name}.pem').write_bytes(text)
    return {name: text.decode() for name, text in texts.items()} | {
        f'{name} path': str(folder / f'{name}.pem') for name in texts
    }


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Sets variables, KAFKA_ in front of each name."""

    def use(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f'KAFKA_{name}', value)

    return use


@pytest.mark.parametrize(
    ('variables', 'protocol'),
    [
        ({}, 'PLAINTEXT'),
        ({'SSL_CAFILE': 'ca path'}, 'SSL'),
        ({**LOGIN, 'SSL_CAFILE': 'ca path'}, 'SASL_SSL'),
        ({'URL': 'kafka+ssl://a:1'}, 'SSL'),
        ({'URL': 'kafka://a:1'}, 'PLAINTEXT'),
    ],
)
def test_the_protocol_follows_where_only_one_makes_sense(
    variables: dict[str, str], protocol: str, environment: Use, pems: dict[str, str]
) -> None:
    """KAFKA_SECURITY_PROTOCOL need not be said where the other settings leave one choice."""
    environment({name: pems.get(value, value) for name, value in variables.items()})
    assert settings.client_options('producer')['security_protocol'] == protocol


@pytest.mark.parametrize(
    'form', ['path', 'text', 'text with escaped line breaks', 'certificate and key in one']
)
def test_certificates_are_paths_or_text(form: str, environment: Use, pems: dict[str, str]) -> None:
    """A CA, a certificate and a key may each be a path or PEM text, with real line breaks or escaped ones."""
    suffix = ' path' if form == 'path' else ''
    names = {
        'SSL_CAFILE': pems['ca' + suffix],
        'SSL_CERTFILE': pems['certificate' + suffix],
        'SSL_KEYFILE': pems['key' + suffix],
    }
    if form == 'certificate and key in one':
        names['SSL_CERTFILE'] += names.pop('SSL_KEYFILE')
    if form == 'text with escaped line breaks':
        names = {name: text.replace('\n', '\\n') for name, text in names.items()}
    environment(names)
    options = settings.client_options('consumer')
    context: ssl.SSLContext = options['ssl_context']
    assert "'workshop'" in str(context.get_ca_certs())
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert 'PRIVATE KEY' not in repr(dict(options))


BAD_CERTIFICATES = {
    'key of another': (
        {'CERTFILE': 'certificate', 'KEYFILE': 'other key'},
        'do not belong together',
    ),
    'no key': (
        {'CERTFILE': 'certificate path'},
        'has no private key in it. Set KAFKA_SSL_KEYFILE too.',
    ),
    'mixed up': (
        {'CERTFILE': 'key path', 'KEYFILE': 'certificate path'},
        'holds no certificate in PEM form',
    ),
    'key as CA': ({'CAFILE': 'key path'}, 'Are two of the files mixed up?'),
    'no PEM': ({'CAFILE': '/dev/null'}, 'holds no certificate in PEM form'),
    'damaged': (
        {'CAFILE': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'},
        'KAFKA_SSL_CAFILE holds a damaged certificate',
    ),
    'folder': ({'CAFILE': '/'}, 'cannot be read: Is a directory'),
    'key alone': ({'KEYFILE': 'key path'}, 'needs KAFKA_SSL_CERTFILE'),
}


@pytest.mark.parametrize('mistake', BAD_CERTIFICATES)
def test_a_wrong_certificate_names_its_variable(
    mistake: str, environment: Use, pems: dict[str, str]
) -> None:
    """A certificate or key that cannot be used is told when the settings are read, with its variable, never with its text."""
    variables, message = BAD_CERTIFICATES[mistake]
    environment({f'SSL_{name}': pems.get(value, value) for name, value in variables.items()})
    with pytest.raises(SettingsError) as caught:
        settings.client_options('producer')
    assert message in str(caught.value)
    assert pems['other key'][40:80] not in ''.join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ('password', 'message'), [('', 'the key is encrypted'), ('wrong', 'does not open the key')]
)
def test_an_encrypted_key_needs_its_pass_phrase(
    password: str, message: str, environment: Use, pems: dict[str, str]
) -> None:
    """OpenSSL never asks at the terminal: the pass phrase is KAFKA_SSL_PASSWORD, and a wrong one is told."""
    environment(
        {
            'SSL_CERTFILE': pems['certificate'],
            'SSL_KEYFILE': pems['locked key'],
            'SSL_PASSWORD': password,
        }
    )
    with pytest.raises(SettingsError, match=message):
        settings.client_options('producer')
    environment({'SSL_PASSWORD': SECRET})
    assert settings.client_options('producer')['ssl_context']


def test_words_around_a_certificate_are_left_out(
    environment: Use, pems: dict[str, str], tmp_path: Path
) -> None:
    """A file may say in any language whose certificate it holds."""
    path = tmp_path / 'ca.pem'
    path.write_text(f'# Főtanúsítvány\n{pems["ca"]}', encoding='utf-8')
    environment({'SECURITY_PROTOCOL': 'SSL', 'SSL_CAFILE': str(path)})
    assert settings.client_options('producer')['ssl_context'].get_ca_certs()


def test_no_file_with_a_key_is_left_behind(
    environment: Use, pems: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that OpenSSL needs for a moment is gone afterwards."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    environment({'SSL_CERTFILE': pems['certificate'], 'SSL_KEYFILE': pems['key']})
    assert settings.client_options('producer')['ssl_context']
    assert list(tmp_path.iterdir()) == []


def test_herokus_variables_work_as_they_stand(environment: Use, pems: dict[str, str]) -> None:
    """KAFKA_URL and the three PEM texts are enough; the CA is checked, the host name is not, for this shape only."""
    environment(
        {
            'TRUSTED_CERT': pems['ca'],
            'CLIENT_CERT': pems['certificate'],
            'CLIENT_CERT_KEY': pems['key'],
            'PREFIX': 'river-1.',
        }
    )
    environment({'URL': 'kafka+ssl://one.example:9096,kafka+ssl://two.example:9096'})
    options = settings.client_options('consumer')
    assert options['bootstrap_servers'] == 'one.example:9096,two.example:9096'
    assert (options['ssl_context'].check_hostname, options['ssl_context'].verify_mode) == (
        False,
        ssl.CERT_REQUIRED,
    )
    assert (settings.topic_name('alerts'), settings.group_name('river-1.mine')) == (
        'river-1.alerts',
        'river-1.mine',
    )
    assert not {'ssl_certfile', 'ssl_keyfile', 'ssl_cafile'} & options.keys()


def test_a_secret_hides_wherever_options_are_shown(environment: Use) -> None:
    """repr, dict, pprint and an error of kafka-python never show the password; the client still gets it."""
    environment(LOGIN | {'SECURITY_PROTOCOL': 'SASL_PLAINTEXT'})
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
    """Raw login requests, SCRAM proofs, bearer tokens and configurations are masked in the log, everything else stays readable."""
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
