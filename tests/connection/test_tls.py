"""Certificates and keys: text or files, checked when the settings are read. No Kafka needed."""

import ssl
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import settings
from errors import SettingsError
from tests.connection.conftest import PASS_PHRASE

Use = Callable[[dict[str, str]], None]


@pytest.mark.parametrize(
    'form', ['path', 'text', 'text with escaped line breaks', 'certificate and key in one']
)
def test_certificates_are_paths_or_text(form: str, environment: Use, pems: dict[str, str]) -> None:
    """A CA, a certificate and a key may each be a path or PEM text, line breaks escaped or not."""
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
    """A certificate that cannot be used is told when the settings are read.

    The error names the variable, and never shows the text.
    """
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
    """OpenSSL never asks at the terminal: KAFKA_SSL_PASSWORD is told if missing or wrong."""
    environment(
        {
            'SSL_CERTFILE': pems['certificate'],
            'SSL_KEYFILE': pems['locked key'],
            'SSL_PASSWORD': password,
        }
    )
    with pytest.raises(SettingsError, match=message):
        settings.client_options('producer')
    environment({'SSL_PASSWORD': PASS_PHRASE})
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
