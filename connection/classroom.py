"""Joining a class: a learner's own settings, against a name and the class's phrase, into `.env`.

``python -m settings --class 192.168.1.7/4f1c-09ab-77de-1234`` asks for both. What stands behind the
slash is the fingerprint of the class's authority, as the teacher's terminal shows it. With it, the
first contact is as sure as every later one: whoever stands in between has another authority, and
is found out before the phrase is sent.

The one idea to take away: TLS trusts what an authority has signed, so somebody has to tell you, by
another way than the network, which authority that is.
"""

import hashlib
import http.client
import json
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from connection.tls import PEM
from errors import AccessError, SettingsError, UnreachableError

__all__ = [
    'DEFAULT_PORT',
    'SETTINGS',
    'fingerprint',
    'join',
    'plain_phrase',
    'write_env_file',
]

DEFAULT_PORT = 9102
TIMEOUT = 20.0  # seconds
ADDRESS = re.compile(
    r'(?:https://)?(?P<host>[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?(?:/(?P<code>[0-9a-fA-F-]*))?'
)
DIGITS = 16  # of the fingerprint: 64 bits, which nobody finds a second certificate for
SETTINGS = (
    'KAFKA_BOOTSTRAP_SERVERS',
    'KAFKA_SECURITY_PROTOCOL',
    'KAFKA_SASL_MECHANISM',
    'KAFKA_SASL_PLAIN_USERNAME',
    'KAFKA_SASL_PLAIN_PASSWORD',
    'KAFKA_PREFIX',
    'KAFKA_SHARED_TOPICS',
    'KAFKA_SSL_CAFILE',
)
HEADER = """\
## Your settings for the class, made by `python -m settings --class`. Keep them to yourself: with
## them, one is you. KAFKA_PREFIX stands before the names of all your topics and groups, apart from
## the topics in KAFKA_SHARED_TOPICS: those are everybody's. class.blue.shouts is the topic shouts
## of blue, which you may read.
"""

Ask = Callable[[str], str]


def fingerprint(authority: str) -> str:
    """The beginning of the SHA-256 of a certificate, to be compared by people.

    Args:
        authority: the certificate as PEM text.

    Raises:
        ValueError: it is none.
    """
    digits = hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority.strip())).hexdigest()[:DIGITS]
    return '-'.join(digits[start : start + 4] for start in range(0, DIGITS, 4))


def plain_phrase(phrase: str) -> str:
    """A phrase however it was typed: ``'Bora tupe  LINO gaze'`` is ``'bora-tupe-lino-gaze'``."""
    return '-'.join(re.findall(r'[a-z0-9]+', phrase.lower()))


def join(address: str, ask: Ask = input) -> dict[str, str]:
    """Get a learner's settings from a class.

    Args:
        address: ``'192.168.1.7/4f1c-09ab-77de-1234'``, as the teacher's terminal shows it.
        ask: called with a question, returns the answer.

    Returns:
        ``{'KAFKA_BOOTSTRAP_SERVERS': '192.168.1.7:9092', ...}``

    Raises:
        SettingsError: that is no address, or the fingerprint is another one.
        UnreachableError: there is no class.
        AccessError: the phrase is wrong, or the name taken.
    """
    parts = ADDRESS.fullmatch(address.strip().rstrip('/'))
    port = int(parts['port'] or DEFAULT_PORT) if parts else 0
    if not parts or not 0 < port < 65536:
        raise SettingsError(
            f'--class {address!r} is not the address of a class. '
            "Copy it from the teacher's terminal, as in 192.168.1.7/4f1c-09ab-77de-1234."
        )
    host = parts['host']
    authority = _fetch_authority(host, port)
    _compare(fingerprint(authority), parts['code'] or '', ask)
    name = ask('Your name in the class: ').strip().lower()
    phrase = plain_phrase(ask("The class's phrase: "))
    return _enrol(host, port, authority, {'name': name, 'phrase': phrase})


def _fetch_authority(host: str, port: int) -> str:
    """The certificate of the class's authority. It is trusted once it was compared."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, text = _request(host, port, context, 'GET', '/authority')
    if not re.fullmatch(
        rf'\s*{PEM} CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END [A-Z]+-----\s*', text
    ):
        raise _not_a_class(host, port, 'something else answers there')
    return text


def _compare(found: str, wanted: str, ask: Ask) -> None:
    digits = wanted.replace('-', '').lower()
    if not digits:
        answer = ask(f"Does the teacher's terminal show {found}? (yes/no) ")
        if answer.strip().lower() in ('y', 'yes'):
            return
        raise SettingsError(
            'Then this is not your class, or somebody stands in between. Nothing was sent. '
            "Copy the address from the teacher's terminal, with what is behind the slash."
        )
    if digits != found.replace('-', ''):
        raise SettingsError(
            f'The fingerprint there is {found}, and you typed {wanted}. Compare it with the '
            "teacher's terminal. If it was typed as shown, this is not your class, or somebody "
            'stands in between. Nothing was sent.'
        )


def _enrol(host: str, port: int, authority: str, learner: dict[str, str]) -> dict[str, str]:
    context = ssl.create_default_context(cadata=authority)
    status, text = _request(host, port, context, 'POST', '/learners', json.dumps(learner))
    try:
        answer = {str(key): str(value) for key, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise _not_a_class(host, port, f'it answers {status}') from None
    if status != http.client.CREATED:
        raise AccessError(f'The class does not take you in: {answer.get("error", status)}.')
    if answer.keys() != set(SETTINGS):
        raise _not_a_class(host, port, 'its settings are not those that we know')
    return {name: answer[name] for name in SETTINGS} | {'KAFKA_SSL_CAFILE': authority}


def _request(
    host: str, port: int, context: ssl.SSLContext, method: str, path: str, body: str = ''
) -> tuple[int, str]:
    line = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    try:
        line.request(method, path, body.encode())
        response = line.getresponse()
        return response.status, response.read(100_000).decode(errors='replace')
    except ssl.SSLCertVerificationError as error:
        raise _not_a_class(
            host, port, f'its certificate is not trusted: {error.verify_message}'
        ) from error
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, 'strerror', None) or str(error) or type(error).__name__
        raise _not_a_class(host, port, why) from error
    finally:
        line.close()


def _not_a_class(host: str, port: int, why: str) -> UnreachableError:
    return UnreachableError(
        f'There is no class at {host}:{port} ({why}). Are you in the same network as the teacher? '
        "Copy the address from the teacher's terminal (python -m broker --classroom).",
        'connection',
    )


def write_env_file(path: Path, settings: Mapping[str, str]) -> Path | None:
    """Write a `.env` that only its owner can read.

    Args:
        path: where; a file that is there is kept under another name.
        settings: ``{'KAFKA_BOOTSTRAP_SERVERS': '192.168.1.7:9092', ...}``

    Returns:
        Where the earlier file is now; None if there was none.

    Raises:
        SettingsError: a value cannot stand in a `.env`, or the file cannot be written.
    """
    for name, value in settings.items():
        if "'" in value or '\\' in value or ('\n' in value and PEM not in value):
            raise SettingsError(f'The class gives a {name} that cannot stand in a .env.')
    text = HEADER + ''.join(f"export {name}='{value}'\n" for name, value in settings.items())
    draft = path.with_name(f'{path.name}.draft')
    try:
        draft.touch(mode=0o600)
        draft.write_text(text, encoding='utf-8')
        earlier = _set_aside(path)
        draft.replace(path)
    except OSError as error:
        raise SettingsError(f'{path} cannot be written: {error.strerror}.') from error
    return earlier


def _set_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    number = 1
    while (aside := path.with_name(f'{path.name}.{number}')).exists():
        number += 1
    path.rename(aside)
    return aside
