"""Which security options fit together. What contradicts itself is in tests/test_settings.py."""

from collections.abc import Callable

import pytest

import settings

CREDENTIALS = {
    'SASL_MECHANISM': 'PLAIN',
    'SASL_PLAIN_USERNAME': 'red',
    'SASL_PLAIN_PASSWORD': 'sesame',
}
Use = Callable[[dict[str, str]], None]


@pytest.mark.parametrize(
    ('variables', 'protocol'),
    [
        ({}, 'PLAINTEXT'),
        ({'SSL_CAFILE': 'ca path'}, 'SSL'),
        ({**CREDENTIALS, 'SSL_CAFILE': 'ca path'}, 'SASL_SSL'),
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
