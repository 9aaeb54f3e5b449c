"""Which addresses are this machine."""

import pytest

from room.addresses import is_local


@pytest.mark.parametrize(
    ('address', 'local'),
    [('127.0.0.1', True), ('::1', True), ('localhost', True), ('192.0.2.1', False), ('', False)],
)
def test_visitors_from_this_machine_are_known(address: str, local: bool) -> None:
    """Loopback addresses are this machine, and so is the very address that was connected to."""
    assert is_local(address) is local
    assert is_local(address, '192.0.2.1') is (local or address == '192.0.2.1')
    assert is_local(address, '') is local
