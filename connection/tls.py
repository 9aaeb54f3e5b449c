"""The TLS context: certificates and keys, each as PEM text or as a path (used by `settings`).

A certificate in the environment is PEM text (Heroku, containers) or a path (Aiven, your desk); both
end in one ``ssl.SSLContext``. A mistake is found when the settings are read, not at the broker.

The one idea to take away: trust has two directions. The CA says which brokers we trust; our own
certificate says who we are.
"""

import os
import re
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from errors import SettingsError

__all__ = ['PEM', 'tls_context']

PEM = '-----BEGIN'  # how PEM text is told from a path
PEM_BLOCK = re.compile(rf'{PEM} .*?-----END [^-]*-----', re.DOTALL)


def tls_context(options: Mapping[str, Any], names: Mapping[str, str]) -> ssl.SSLContext:
    """Build the TLS context from the ``ssl_`` options.

    Args:
        options: kafka-python options; ``ssl_cafile``, ``ssl_certfile`` and ``ssl_keyfile`` may hold
            PEM text instead of a path.
        names: for each of these options the variable that it came from, for the error.

    Raises:
        SettingsError: names the variable, and what is wrong with the file or the text.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = options.get('ssl_check_hostname', True)
    authority = options.get('ssl_cafile')
    if authority:
        _load_authority(context, names['ssl_cafile'], authority)
    else:
        context.load_default_certs()
    if options.get('ssl_certfile'):
        _load_client_certificate(context, options, names)
    elif options.get('ssl_keyfile'):
        raise SettingsError(
            f'{names["ssl_keyfile"]} needs {names["ssl_certfile"]}, which is not set.'
        )
    revoked = options.get('ssl_crlfile')
    if revoked:
        _load_revocation_list(context, names['ssl_crlfile'], revoked)
    return context


def _load_authority(context: ssl.SSLContext, name: str, value: str) -> None:
    text = _read_pem(name, value)
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise SettingsError(
            f'{name}{_shown(value)} holds a damaged certificate ({error.reason}). '
            'Copy it again, line breaks and all.'
        ) from error


def _load_revocation_list(context: ssl.SSLContext, name: str, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise SettingsError(
            f'{name}={path!r} cannot be loaded: {error.strerror}. Correct the path.'
        ) from error
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _load_client_certificate(
    context: ssl.SSLContext, options: Mapping[str, Any], names: Mapping[str, str]
) -> None:
    certificate, key = options['ssl_certfile'], options.get('ssl_keyfile')
    text = _read_pem(names['ssl_certfile'], certificate)
    if key:
        text += '\n' + _read_pem(names['ssl_keyfile'], key, 'PRIVATE KEY')
    elif 'PRIVATE KEY' not in text:
        raise SettingsError(
            f'{names["ssl_certfile"]}{_shown(certificate)} has no private key in it. '
            f'Set {names["ssl_keyfile"]} too.'
        )
    # OpenSSL takes a certificate chain only from a file. This one is readable by its owner only.
    handle, file_name = tempfile.mkstemp(suffix='.pem')
    os.close(handle)
    path = Path(file_name)
    try:
        path.write_text(text, encoding='ascii')
        # Without a function that returns a pass phrase, OpenSSL would ask at the terminal.
        context.load_cert_chain(path, password=lambda: options.get('ssl_password') or '')
    except (OSError, ValueError) as error:
        raise _bad_client_certificate(options, names, text, error) from error
    finally:
        path.unlink()


def _bad_client_certificate(
    options: Mapping[str, Any], names: Mapping[str, str], text: str, error: Exception
) -> SettingsError:
    certificate, key = options['ssl_certfile'], options.get('ssl_keyfile') or ''
    both = f'{names["ssl_certfile"]}{_shown(certificate)} and {names["ssl_keyfile"]}{_shown(key)}'
    if getattr(error, 'reason', None) == 'KEY_VALUES_MISMATCH':
        return SettingsError(
            f"{both} do not belong together: the key is another certificate's "
            '(KEY_VALUES_MISMATCH). Take both from one download.'
        )
    if 'ENCRYPTED' in text:
        if options.get('ssl_password'):
            wrong = 'does not open the key'
        else:
            wrong = 'is not set, and the key is encrypted'
        return SettingsError(
            f'{names["ssl_password"]} {wrong} ({names["ssl_keyfile"]}). '
            'Set it to the pass phrase of the key.'
        )
    return SettingsError(
        f'{both} cannot be loaded: one of them is damaged. Copy them again, line breaks and all.'
    )


def _read_pem(name: str, value: str, kind: str = 'CERTIFICATE') -> str:
    """The PEM text that a setting holds, or that is in the file which it names."""
    text = value if PEM in value else _read_pem_file(name, value)
    if not re.search(rf'{PEM} [A-Z0-9 ]*{kind}-----', text):
        raise SettingsError(
            f'{name}{_shown(value)} holds no {kind.lower()} in PEM form ({PEM} ...). '
            'Are two of the files mixed up? Is it a binary one (openssl converts it)?'
        )
    return text.replace('\\n', '\n').replace('\r', '') + '\n'


def _read_pem_file(name: str, value: str) -> str:
    try:
        # Words around the PEM blocks may be in any encoding; Latin-1 reads every byte.
        text = Path(value).expanduser().read_text(encoding='latin-1')
    except FileNotFoundError:
        raise SettingsError(
            f'{name}={value!r}: there is no such file (seen from {Path.cwd()}). Correct the path.'
        ) from None
    except OSError as error:
        raise SettingsError(
            f'{name}={value!r} cannot be read: {error.strerror}. '
            'Correct the path or the permissions of the file.'
        ) from error
    return '\n'.join(PEM_BLOCK.findall(text))


def _shown(value: str) -> str:
    """The value as an error shows it: a path, but no PEM text."""
    return '' if PEM in value or not value else f'={value!r}'
