"""Certificates for the tests of the connection."""

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

PASS_PHRASE = 'sesame-Äffchen-42'


@pytest.fixture(scope='session')
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An authority's, a client's and a stranger's PEM texts, and the files that hold them."""
    folder = tmp_path_factory.mktemp('pems')
    authority = trustme.CA(organization_name='workshop')
    client, stranger = (
        authority.issue_cert('red@workshop.example'),
        trustme.CA().issue_cert('blue@workshop.example'),
    )
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    locked = serialization.BestAvailableEncryption(PASS_PHRASE.encode())
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
