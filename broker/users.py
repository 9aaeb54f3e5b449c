"""Made-up ways into a secure broker: users with passwords, and certificates signed by an authority made up for the purpose.

Used by ``broker.py`` with ``--secure``. The one idea to take away: TLS proves who the broker is, by a certificate with its name, signed by
somebody whom the client trusts; a password or a client's own certificate proves who the client is. What one may do is a third question.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from errors import BrokerError

__all__ = ['INTERNAL', 'USERS', 'Passes', 'load', 'make']

USERS = ('teacher', 'visitor')  # the one may do everything, the other nothing
INTERNAL = 'internal'  # the brokers among themselves
NAMES = ('localhost', '127.0.0.1')
WRONG_NAME = 'broker.example'
PASSWORDS = 'passwords.json'
CA = 'ca.pem'


@dataclass(frozen=True)
class Passes:
    """What opens the doors of a secure broker.

    Args:
        folder: holds the PEM files.
        passwords: each user's, ``{'teacher': '...', 'visitor': '...', 'internal': '...'}``; not shown.
    """

    folder: Path
    passwords: dict[str, str]

    def __repr__(self) -> str:
        return f'Passes({str(self.folder)!r})'

    @property
    def ca(self) -> Path:
        """The authority's certificate: whoever trusts it, trusts the broker."""
        return self.folder / CA

    def certificate(self, name: str) -> Path:
        """The certificate of ``'teacher'`` or ``'visitor'``."""
        return self.folder / f'{name}.crt.pem'

    def key(self, name: str) -> Path:
        """The private key of ``'teacher'`` or ``'visitor'``."""
        return self.folder / f'{name}.key.pem'

    def server(self, right_name: bool = True) -> Path:
        """The broker's own key and certificate in one file."""
        return self.folder / ('server.pem' if right_name else 'server-wrong-name.pem')


def make(folder: Path) -> Passes:
    """Make up an authority, certificates and passwords, and write them to a new folder that only this user can read."""
    import trustme
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    def key_of(certificate: trustme.LeafCert) -> bytes:
        """The key in PKCS8, the only form that Java reads."""
        key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    folder.mkdir(mode=0o700, parents=True)
    passes = Passes(folder, {user: secrets.token_hex(12) for user in (*USERS, INTERNAL)})
    authority = trustme.CA(organization_name='Kafka workshop, made up')
    authority.cert_pem.write_to_path(str(passes.ca))
    for right_name, names in ((True, NAMES), (False, (WRONG_NAME,))):
        certificate = authority.issue_cert(*names, common_name=names[0])
        passes.server(right_name).write_bytes(
            key_of(certificate) + certificate.cert_chain_pems[0].bytes()
        )
    for user in USERS:
        certificate = authority.issue_cert(f'{user}@workshop.example', common_name=user)
        passes.key(user).write_bytes(key_of(certificate))
        certificate.cert_chain_pems[0].write_to_path(str(passes.certificate(user)))
    (folder / PASSWORDS).write_text(json.dumps(passes.passwords), encoding='utf-8')
    for path in folder.iterdir():
        path.chmod(0o600)
    return passes


def load(folder: Path) -> Passes:
    """What `make` wrote.

    Raises:
        BrokerError: a file is missing or unreadable.
    """
    try:
        passwords = json.loads((folder / PASSWORDS).read_text(encoding='utf-8'))
        passes = Passes(folder, {user: str(passwords[user]) for user in (*USERS, INTERNAL)})
        for path in (
            passes.ca,
            passes.server(),
            passes.server(right_name=False),
            *map(passes.key, USERS),
            *map(passes.certificate, USERS),
        ):
            path.read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokerError(
            f'The made-up certificates and passwords in {folder} are damaged: {error}.'
        ) from error
    return passes
