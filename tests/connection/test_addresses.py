"""Bootstrap servers, as people write them."""

from typing import Any

import pytest

from connection.addresses import bootstrap_addresses
from errors import SettingsError


@pytest.mark.parametrize(
    ('servers', 'pairs'),
    [
        ('localhost', [('localhost', 9092)]),
        ('a:1, b:2', [('a', 1), ('b', 2)]),
        (['a:1', 'b'], [('a', 1), ('b', 9092)]),
        ('[::1]:9093', [('::1', 9093)]),
        ('[::1]', [('::1', 9092)]),
    ],
)
def test_addresses_are_read_as_people_write_them(
    servers: Any, pairs: list[tuple[str, int]]
) -> None:
    """Lists, spaces after commas, IPv6 in brackets; the port is 9092 where none is said."""
    assert bootstrap_addresses({'bootstrap_servers': servers}) == pairs


@pytest.mark.parametrize(
    'server', ['', 'a:', 'a:0', 'a:65536', 'a:b', 'a b', 'ftp://a', '::1', 'a:1:2', 'a:1/path']
)
def test_what_is_no_address_is_told(server: str) -> None:
    """Whatever cannot be an address is named in the error, before anything is tried."""
    with pytest.raises(SettingsError, match='is not a valid address'):
        bootstrap_addresses({'bootstrap_servers': server})
