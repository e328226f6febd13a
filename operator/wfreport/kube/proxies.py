"""The HTTP proxy for a server, as Go's `golang.org/x/net/http/httpproxy` and so kubectl choose it.

``HTTPS_PROXY`` is for https servers and ``HTTP_PROXY`` for http ones; the lower-case names are read if the upper-case
ones are not set. ``NO_PROXY`` lists the hosts that are reached directly, separated by commas or spaces:

* ``*``: all hosts;
* ``10.0.0.1``, ``fd00::1``: an address; ``10.0.0.0/8``: the addresses of a network;
* ``example.com``: this host and its subdomains; ``.example.com`` or ``*.example.com``: its subdomains;
* each of them, except a network, may have a port: ``example.com:6443``.

``localhost`` and loopback addresses are always reached directly. A kubeconfig's ``proxy-url`` is not subject to
``NO_PROXY``, as in kubectl.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PROXY_SCHEMES: Final = frozenset({"http", "https"})


class UnusableProxyError(ValueError):
    """The proxy's URL cannot be used. The message names the variable, and not the URL: it may contain a password."""


def proxy_for(server: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for a server, with its scheme; None if the server is to be reached directly.

    Raises:
        UnusableProxyError: the proxy is not an HTTP proxy.
    """
    parts = urlsplit(server)
    name = f"{parts.scheme}_proxy"
    proxy = environment.get(name.upper()) or environment.get(name)
    if not proxy or _is_direct(parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0), environment):
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    try:
        usable = urlsplit(url).scheme in _PROXY_SCHEMES and bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UnusableProxyError(f"{name.upper()} is not the URL of an HTTP proxy such as http://10.0.0.1:3128")
    return url


def _is_direct(host: str, port: int, environment: Mapping[str, str]) -> bool:
    host = host.rstrip(".").lower()
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = re.split(r"[\s,]+", environment.get("NO_PROXY") or environment.get("no_proxy") or "")
    return any(_matches(entry.lower(), host, address, port) for entry in entries if entry)


def _matches(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _contains(entry, address)
    name, own_port = _split(entry)
    if own_port not in {"", str(port)}:
        return False
    if address is not None:
        return _address(name) == address
    domain = name.removeprefix("*").rstrip(".")
    return host.endswith(domain if domain.startswith(".") else f".{domain}") or host == domain


def _split(entry: str) -> tuple[str, str]:
    """Split an entry into its host and its port. An IPv6 address has brackets if it has a port."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
    return name, port


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _contains(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
