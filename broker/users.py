"""Made-up credentials for a secure broker: passwords, certificates, a certificate authority.

Used in step 0 by ``python -m broker --secure``, to practise with before a managed Kafka asks for
real ones.

The one idea to take away: TLS proves who the broker is, by a certificate with its name, signed by
an authority that the client trusts. A password or a certificate of its own proves who the client
is (authentication). What that client may do is a third question (authorization).
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from errors import BrokerError

if TYPE_CHECKING:
    import trustme

__all__ = ['BROKERS', 'TEACHER', 'USERS', 'Credentials', 'certify', 'create', 'load']

TEACHER = 'teacher'  # may do everything
VISITOR = 'visitor'  # may do nothing
USERS = (TEACHER, VISITOR)
BROKERS = 'internal'  # the user as whom the brokers log in to each other
HOST_NAMES = ('localhost', '127.0.0.1')
WRONG_HOST_NAME = 'broker.example'
PASSWORDS_FILE = 'passwords.json'


@dataclass(frozen=True)
class Credentials:
    """Passwords and certificates of a secure broker and its users.

    Args:
        folder: holds the PEM files.
        passwords: of each user, ``{'teacher': '...', 'visitor': '...', 'internal': '...'}``; never
            shown in a repr.
    """

    folder: Path
    passwords: Mapping[str, str]

    def __repr__(self) -> str:
        return f'Credentials({str(self.folder)!r})'

    @property
    def ca(self) -> Path:
        """The certificate of the authority: whoever trusts it, trusts the broker."""
        return self.folder / 'ca.pem'

    @property
    def ca_key(self) -> Path:
        """The private key of the authority, with which it signs certificates."""
        return self.folder / 'ca.key.pem'

    def certificate(self, user: str) -> Path:
        """The certificate of ``'teacher'`` or ``'visitor'``."""
        return self.folder / f'{user}.crt.pem'

    def key(self, user: str) -> Path:
        """The private key of ``'teacher'`` or ``'visitor'``."""
        return self.folder / f'{user}.key.pem'

    def server(self, right_name: bool = True) -> Path:
        """The broker's private key and certificate, in one file.

        Args:
            right_name: whether the certificate carries the name of this machine.
        """
        return self.folder / ('server.pem' if right_name else 'server-wrong-name.pem')


def create(folder: Path) -> Credentials:
    """Make up credentials and write them to a new folder that only this user can read."""
    import trustme

    folder.mkdir(mode=0o700, parents=True)
    passwords = {user: secrets.token_hex(12) for user in (*USERS, BROKERS)}
    credentials = Credentials(folder, passwords)

    authority = trustme.CA(organization_name='Kafka workshop, made up')
    authority.cert_pem.write_to_path(str(credentials.ca))
    authority.private_key_pem.write_to_path(str(credentials.ca_key))

    for right_name, names in ((True, HOST_NAMES), (False, (WRONG_HOST_NAME,))):
        credentials.server(right_name).write_bytes(_server_pem(authority, names))

    for user in USERS:
        certificate = authority.issue_cert(f'{user}@workshop.example', common_name=user)
        credentials.key(user).write_bytes(_private_key(certificate))
        certificate.cert_chain_pems[0].write_to_path(str(credentials.certificate(user)))

    (folder / PASSWORDS_FILE).write_text(json.dumps(passwords), encoding='utf-8')
    for path in folder.iterdir():
        path.chmod(0o600)
    return credentials


def certify(credentials: Credentials, address: str) -> None:
    """Make the broker another certificate, with the address at which others reach this machine.

    Args:
        credentials: whose authority signs it; clients that trust that need nothing new.
        address: ``'192.168.1.7'``, or a name.

    Raises:
        BrokerError: the authority's private key is missing or cannot be read.
    """
    import trustme

    try:
        authority = trustme.CA.from_pem(
            credentials.ca.read_bytes(), credentials.ca_key.read_bytes()
        )
    except (OSError, ValueError) as error:
        raise BrokerError(
            f'The made-up certificates in {credentials.folder} are damaged: {error}.'
        ) from error
    names = dict.fromkeys([address, *HOST_NAMES])
    draft = credentials.server().with_suffix('.draft')
    draft.touch(mode=0o600)
    draft.write_bytes(_server_pem(authority, tuple(names)))
    draft.replace(credentials.server())


def _server_pem(authority: 'trustme.CA', names: tuple[str, ...]) -> bytes:
    """A private key and a certificate for these names."""
    certificate = authority.issue_cert(*names, common_name=names[0])
    return _private_key(certificate) + certificate.cert_chain_pems[0].bytes()


def _private_key(certificate: 'trustme.LeafCert') -> bytes:
    """The private key as PKCS #8 in PEM, the only form that Kafka reads."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load(folder: Path) -> Credentials:
    """The credentials that `create` wrote.

    Raises:
        BrokerError: a file is missing or cannot be read.
    """
    try:
        saved = json.loads((folder / PASSWORDS_FILE).read_text(encoding='utf-8'))
        passwords = {user: str(saved[user]) for user in (*USERS, BROKERS)}
        credentials = Credentials(folder, passwords)
        for path in _files(credentials):
            path.read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokerError(
            f'The made-up certificates and passwords in {folder} are damaged: {error}.'
        ) from error
    return credentials


def _files(credentials: Credentials) -> list[Path]:
    """All PEM files that a secure broker and its clients need."""
    files = [credentials.ca, credentials.server(), credentials.server(right_name=False)]
    for user in USERS:
        files += [credentials.certificate(user), credentials.key(user)]
    return files
