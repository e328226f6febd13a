"""Which proxy leads to a server: the environment is read as kubectl reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kube.test_login import kubeconfig

from wfreport.kube.credentials import Credentials, NoCredentialsError
from wfreport.kube.proxies import UnusableProxyError, proxy_for

SERVER = "https://api.prod.example.com:6443"
PROXY = "http://10.9.9.9:3128"


@pytest.mark.parametrize(
    ("environment", "server", "proxy"),
    [
        ({}, SERVER, None),
        ({"HTTPS_PROXY": PROXY}, SERVER, PROXY),
        ({"https_proxy": PROXY}, SERVER, PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, SERVER, PROXY),
        ({"HTTPS_PROXY": "10.9.9.9:3128"}, SERVER, PROXY),
        ({"HTTP_PROXY": PROXY}, SERVER, None),
        ({"HTTP_PROXY": PROXY}, "http://api.example.com", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://api.example.com", None),
        ({"HTTPS_PROXY": ""}, SERVER, None),
    ],
)
def test_the_scheme_of_the_server_chooses_the_variable(
    environment: dict[str, str], server: str, proxy: str | None
) -> None:
    assert proxy_for(server, environment) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "server", "is_direct"),
    [
        ("*", SERVER, True),
        ("api.prod.example.com", SERVER, True),
        ("API.Prod.Example.com", SERVER, True),
        ("example.com", SERVER, True),
        (".example.com", SERVER, True),
        ("*.example.com", SERVER, True),
        (".example.com", "https://example.com", False),
        ("example.com", "https://example.com.", True),
        ("example.com", "https://notexample.com", False),
        ("ample.com", SERVER, False),
        ("prod", SERVER, False),
        ("api.prod.example.com:6443", SERVER, True),
        ("api.prod.example.com:443", SERVER, False),
        ("example.com:443", "https://api.example.com", True),
        ("other.example, example.com", SERVER, True),
        ("other.example example.com", SERVER, True),
        (",,  ,", SERVER, False),
        ("10.0.0.1", "https://10.0.0.1", True),
        ("10.0.0.1:443", "https://10.0.0.1", True),
        ("10.0.0.1:444", "https://10.0.0.1", False),
        ("10.0.0.10", "https://10.0.0.1", False),
        ("10.0.0.0/8", "https://10.96.0.1:443", True),
        ("10.96.0.1/12", "https://10.96.0.1:443", True),
        ("172.16.0.0/12", "https://10.96.0.1:443", False),
        ("10.0.0.0/64", "https://10.96.0.1:443", False),
        ("10.0.0.0/8", "https://ten.example", False),
        ("fd00::/8", "https://[fd00::1]:6443", True),
        ("fd00::1", "https://[fd00::1]:6443", True),
        ("[fd00::1]:6443", "https://[fd00:0::1]:6443", True),
        ("[fd00::1]:443", "https://[fd00::1]:6443", False),
        ("", "https://localhost:6443", True),
        ("", "https://127.0.0.1:6443", True),
        ("", "https://[::1]:6443", True),
    ],
)
def test_no_proxy_lists_the_hosts_that_are_reached_directly(no_proxy: str, server: str, is_direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert proxy_for(server, {"HTTPS_PROXY": PROXY, name: no_proxy}) == (None if is_direct else PROXY)


@pytest.mark.parametrize("proxy", ["socks5://bob:hunter2@10.9.9.9", "http://", "http://bob:hunter2@10.9.9.9:port"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(proxy: str) -> None:
    with pytest.raises(UnusableProxyError, match="HTTPS_PROXY is not the URL of an HTTP proxy") as caught:
        proxy_for(SERVER, {"HTTPS_PROXY": proxy})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "user", [{"token": "t"}, {"token": "t", "auth-provider": {"name": "x"}}], ids=["plain", "package"]
)
def test_credentials_honour_the_environment_but_a_kubeconfigs_proxy_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: dict[str, object]
) -> None:
    def proxy(cluster: dict[str, str]) -> str | None:
        return Credentials(kubeconfig=kubeconfig(tmp_path, cluster=cluster, user=user)).load().proxy

    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    assert proxy({}) == PROXY
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,.svc,.cluster.local")
    assert proxy({}) is None
    assert proxy({"proxy-url": "http://own:3128"}) == "http://own:3128"
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://x")
    with pytest.raises(NoCredentialsError, match="HTTPS_PROXY"):
        proxy({})
