"""Addresses that notifications may not reach, in every form in which an IPv4 address can be written as IPv6."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfreport.remediation.destinations import DestinationRules, RefusedAddressError

RULES = DestinationRules(api_server=[("10.96.0.1", 443)])
REFUSED = {
    "169.254.169.254": "a link-local address",
    "169.254.0.1": "a link-local address",
    "fe80::1": "a link-local address",
    "fe80::1%eth0": "a link-local address",
    "127.0.0.1": "a loopback address",
    "127.8.8.8": "a loopback address",
    "::1": "a loopback address",
    "0.0.0.0": "an unspecified address",  # noqa: S104
    "0.1.2.3": "an unspecified address",
    "::": "an unspecified address",
    "224.0.0.1": "a multicast address",
    "ff02::1": "a multicast address",
    "255.255.255.255": "a reserved address",
    "10.96.0.1": "the API server",
    "fd00:ec2::254": "a cloud's metadata service",
    "168.63.129.16": "a cloud's metadata service",
    "localhost": "not an IP address",
    "": "not an IP address",
}


@pytest.mark.parametrize(("host", "kind"), REFUSED.items())
def test_these_addresses_are_refused_and_the_error_names_the_reason(host: str, kind: str) -> None:
    with pytest.raises(RefusedAddressError, match=kind):
        RULES.check(host, 80)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "192.168.1.1", "8.8.8.8", "2606:4700::1111", "fd12:3456::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
)
def test_other_addresses_may_be_reached(host: str) -> None:
    RULES.check(host, 443)


def forms_of(address: ipaddress.IPv4Address) -> list[ipaddress.IPv6Address]:
    """Return the IPv6 addresses that a kernel or a gateway translates to an IPv4 address."""
    number = int(address)
    return [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x0064_FF9B << 96) | number),
        ipaddress.IPv6Address((0x0064_FF9B_0001 << 80) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
        ipaddress.IPv6Address((0x2001_0000 << 96) | (number ^ 0xFFFF_FFFF)),
    ]


@given(
    st.sampled_from(["169.254.0.0/16", "127.0.0.0/8", "224.0.0.0/4", "0.0.0.0/8", "10.96.0.1/32"])
    .map(ipaddress.IPv4Network)
    .flatmap(lambda network: st.ip_addresses(v=4, network=str(network)))
)
def test_an_address_that_is_refused_is_refused_in_every_form(address: ipaddress.IPv4Address) -> None:
    for form in (address, *forms_of(address)):
        with pytest.raises(RefusedAddressError):
            RULES.check(str(form), 443)


def test_loopback_addresses_may_be_allowed_but_not_the_api_server_on_one() -> None:
    rules = DestinationRules(allow_loopback=True, api_server=[("127.0.0.1", 6443)])
    rules.check("127.0.0.1", 8080)
    rules.check("::1", 8080)
    for host in ("127.0.0.1", "::ffff:127.0.0.1"):
        with pytest.raises(RefusedAddressError, match="the API server"):
            rules.check(host, 6443)
    with pytest.raises(RefusedAddressError, match="link-local"):
        rules.check("169.254.169.254", 80)
