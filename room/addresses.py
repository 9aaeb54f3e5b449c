"""Network addresses: of this machine, and of those who visit it (used by `python -m room`).

The one idea to take away: a machine has several addresses. Which of them a server listens on
decides who can reach it.
"""

import ipaddress

__all__ = ['in_url', 'is_local']


def is_local(address: str | None, own: str | None = None) -> bool:
    """Whether a visitor sits at this machine.

    Args:
        address: the visitor's address.
        own: the address of this machine that the visitor connected to.

    >>> is_local('127.0.0.1'), is_local('192.0.2.7')
    (True, False)
    """
    if address and address == own:
        return True
    try:
        return ipaddress.ip_address(address or '').is_loopback
    except ValueError:
        return address == 'localhost'


def in_url(address: str) -> str:
    """An address as a URL has it: IPv6 in brackets (RFC 3986).

    >>> in_url('::1')
    '[::1]'
    """
    return f'[{address}]' if ':' in address else address
