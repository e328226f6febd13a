"""Addresses that notifications may not reach, checked when a connection is opened: after DNS has answered.

The operator's place in the network is worth more than a policy author's. Without these checks, a sink could post to
the cloud's metadata service, to the API server, and to whatever listens beside the operator.
"""

import ipaddress
from collections.abc import Collection
from typing import Final

from msgspec import Struct

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
"""Metadata services that are not link-local: AWS, Google Cloud, Alibaba Cloud, Azure, Oracle Cloud."""

_NAT64: Final = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
_V4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")
_V4_BYTES: Final = 4


class RefusedAddressError(PermissionError):
    """A connection to this address is refused. The message names the address and the reason."""


class DestinationRules(Struct, frozen=True):
    """The rules for addresses.

    Attributes:
        allow_loopback: whether loopback addresses may be reached, for development.
        api_server: addresses and port of the API server.
    """

    allow_loopback: bool = False
    api_server: Collection[tuple[str, int]] = ()

    def check(self, host: str, port: int) -> None:
        """Check the address of a connection.

        Raises:
            RefusedAddressError: it may not be reached, or is no address.
        """
        problem = self._problem(host, port)
        if problem:
            raise RefusedAddressError(f"{host} is {problem}, which notifications must not reach")

    def _problem(self, host: str, port: int) -> str | None:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return "not an IP address"
        for candidate in (address, *_embedded(address)):
            problem = self._problem_of(candidate, port)
            if problem:
                return problem
        return None

    def _problem_of(self, address: Address, port: int) -> str | None:
        for text, api_port in self.api_server:
            # On a loopback address, other programs than the API server listen at other ports.
            if address == ipaddress.ip_address(text) and (port == api_port or not address.is_loopback):
                return "the API server"
        if address.is_loopback:
            return None if self.allow_loopback else "a loopback address"
        return _problem_of_kind(address)


def _problem_of_kind(address: Address) -> str | None:
    if address in _METADATA:
        return "a cloud's metadata service"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or address in _THIS_NETWORK:
        return "an unspecified address"
    if address.is_reserved and not _embedded(address):
        return "a reserved address"
    return None


def _embedded(address: Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses to which a gateway or the kernel may translate an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    last = ipaddress.IPv4Address(address.packed[-_V4_BYTES:])
    translated = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _NAT64):
        translated.append(last)
    if address in _V4_COMPATIBLE and not (address.is_loopback or address.is_unspecified):
        translated.append(last)
    return [each for each in translated if each is not None]
