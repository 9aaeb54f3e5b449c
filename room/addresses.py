"""Network addresses: of this machine, and of those who visit it (used by `python -m room`).

The one idea to take away: a machine has several addresses. Which of them a server listens on
decides who can reach it.
"""

import contextlib
import ipaddress
import socket

__all__ = ['address_of_this_machine', 'in_url', 'is_local']

# Addresses that are reserved for documentation (RFC 5737 and RFC 3849): nobody is there.
NOBODY = {socket.AF_INET: '192.0.2.1', socket.AF_INET6: '2001:db8::1'}
LOOPBACK = {socket.AF_INET: '127.0.0.1', socket.AF_INET6: '::1'}
DISCARD_PORT = 9


def address_of_this_machine(family: int = socket.AF_INET) -> str:
    """The address by which others in this network reach this machine.

    Nothing is sent to find out: connecting a UDP socket only asks the operating system for a route.

    Args:
        family: ``socket.AF_INET`` or ``socket.AF_INET6``.

    Returns:
        An address; the loopback address if this machine is in no network.
    """
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((NOBODY[socket.AddressFamily(family)], DISCARD_PORT))
        return str(probe.getsockname()[0])
    return LOOPBACK[socket.AddressFamily(family)]


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
