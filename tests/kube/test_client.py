"""Requests, rotating credentials, and faults of the server, which is a fake to inject them."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import ssl
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from controlplane.certs import Pki, create_pki
from controlplane.ports import free_ports
from wfreport.kube.aiohttp_transport import AiohttpTransport
from wfreport.kube.client import Client
from wfreport.kube.credentials import Credentials, Endpoint, NoCredentialsError
from wfreport.kube.errors import BadResponseError, UnauthorizedError, UnreachableError
from wfreport.kube.exchange import DirectTransport
from wfreport.kube.transport import HttpTransport

Answer = Callable[[web.Request], Any]


class CodeRecorder:
    def __init__(self) -> None:
        self.codes: list[str] = []

    def observe_request(self, _verb: str, _resource: str, code: str) -> None:
        self.codes.append(code)

    def observe_bytes(self, _verb: str, _resource: str, _count: int) -> None: ...


class FixedCredentials:
    """Credentials with a known sequence of tokens."""

    def __init__(self, server: str, *, tokens: list[str], proxy: str | None = None) -> None:
        self.server, self.tokens, self.proxy = server, tokens, proxy
        self.logins = 0
        self.error: Exception | None = None

    def load(self) -> Endpoint:
        self.logins += 1
        if self.logins > 1 and self.error:
            raise self.error
        return Endpoint(self.server, None, None, self.proxy, self.authorization())

    def authorization(self) -> str:
        if len(self.tokens) > 1:
            return f"Bearer {self.tokens.pop(0)}"
        return f"Bearer {self.tokens[0]}"


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        response = answer(request)
        if inspect.isawaitable(response):
            response = await response
        return response if isinstance(response, web.Response) else web.json_response(response)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


@pytest.fixture(params=["direct", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> HttpTransport:
    """Run a test with each transport."""
    name: HttpTransport = request.param
    return name


def client(
    credentials: Any,
    counts: CodeRecorder | None = None,
    timeout_seconds: float = 5,
    *,
    transport: HttpTransport = "direct",
) -> Client:
    return Client(
        observer=counts or CodeRecorder(),
        timeout_seconds=timeout_seconds,
        connections=4,
        transport=transport,
        credentials=credentials,
    )


def accepts(*tokens: str) -> Answer:
    def answer(request: web.Request) -> web.Response:
        is_valid = request.headers.get("Authorization") in {f"Bearer {token}" for token in tokens}
        return (
            web.json_response({"ok": True}) if is_valid else web.json_response({"reason": "Unauthorized"}, status=401)
        )

    return answer


# Certificates


@asynccontextmanager
async def serving_with(pki: Pki, port: int) -> AsyncIterator[None]:
    """Serve by TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pki.server_certificate, pki.server_key)
    app = web.Application()

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls, reuse_address=True).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_a_new_authority_in_the_file_is_trusted_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kubeconfig: Any, transport: HttpTransport
) -> None:
    monkeypatch.setattr("wfreport.kube.client.UNTRUSTED_SECONDS", 0)
    before, after, trusted = create_pki(tmp_path / "before"), create_pki(tmp_path / "after"), tmp_path / "ca.crt"
    trusted.write_bytes(before.ca.read_bytes())
    (port,) = free_ports(1)
    kubeconfig(server=f"https://127.0.0.1:{port}", cluster={"certificate-authority": str(trusted)}, token="t")
    async with AsyncExitStack() as stack:
        async with serving_with(before, port):
            connected = await stack.enter_async_context(client(Credentials(), transport=transport))
            assert await connected.request("get", "x", "/api")
        trusted.write_bytes(before.ca.read_bytes() + after.ca.read_bytes())
        async with serving_with(after, port):
            with pytest.raises(UnreachableError, match="certificate"):
                await connected.request("get", "x", "/api")
            assert await connected.request("get", "x", "/api")


# 401


async def test_a_token_that_is_refused_is_renewed_once_and_the_request_made_again(transport: HttpTransport) -> None:
    counts = CodeRecorder()
    async with serving(accepts("new")) as server:
        credentials = FixedCredentials(server, tokens=["old", "new"])
        async with client(credentials, counts, transport=transport) as api:
            assert json.loads(await api.request("get", "workflows", "/x")) == {"ok": True}
            assert await api.authorization() == "Bearer new"
    assert (credentials.logins, counts.codes) == (2, ["401", "200"])


async def test_a_token_that_is_refused_again_is_an_error_and_no_loop(transport: HttpTransport) -> None:
    counts = CodeRecorder()
    async with serving(accepts()) as server:
        credentials = FixedCredentials(server, tokens=["old", "new"])
        async with client(credentials, counts, transport=transport) as api:
            with pytest.raises(UnauthorizedError):
                await api.request("get", "workflows", "/x")
    assert (credentials.logins, counts.codes) == (2, ["401", "401"])


async def test_many_requests_that_are_refused_at_once_log_in_once(transport: HttpTransport) -> None:
    async with serving(accepts("new")) as server:
        credentials = FixedCredentials(server, tokens=["old", "new"])
        async with client(credentials, transport=transport) as api:
            await asyncio.gather(*(api.request("get", "workflows", "/x") for _ in range(20)))
    assert credentials.logins == 2


async def test_a_login_that_fails_leaves_the_old_credentials_for_the_next_try(transport: HttpTransport) -> None:
    async with serving(accepts("new")) as server:
        credentials = FixedCredentials(server, tokens=["old", "new"])
        credentials.error = NoCredentialsError("the plugin hangs")
        async with client(credentials, transport=transport) as api:
            with pytest.raises(UnauthorizedError, match="the plugin hangs"):
                await api.request("get", "workflows", "/x")
            credentials.error = None
            assert json.loads(await api.request("get", "workflows", "/x")) == {"ok": True}


async def test_a_token_that_cannot_be_renewed_in_time_is_used_until_it_is_refused(transport: HttpTransport) -> None:
    async with serving(accepts("old")) as server:
        credentials = FixedCredentials(server, tokens=["old"])
        async with client(credentials, transport=transport) as api:

            def refuse() -> str:
                raise UnauthorizedError("the token file is empty")

            credentials.authorization = refuse  # type: ignore[method-assign]
            api._fresh_until = 0
            assert json.loads(await api.request("get", "workflows", "/x")) == {"ok": True}


# The network


async def test_plain_http_goes_through_a_proxy(transport: HttpTransport) -> None:
    paths: list[str] = []

    def proxy(request: web.Request) -> dict[str, bool]:
        paths.append(request.raw_path)
        return {"ok": True}

    async with (
        serving(proxy) as at,
        client(FixedCredentials("http://api.invalid:6443", tokens=["x"], proxy=at), transport=transport) as api,
    ):
        assert json.loads(await api.request("get", "workflows", "/x")) == {"ok": True}
        async with api.open_session([]) as session, session.get("http://api.invalid:6443/y") as response:
            assert response.status == 200
    assert paths == ["http://api.invalid:6443/x", "http://api.invalid:6443/y"]


async def test_a_server_that_is_down_or_hangs_is_unreachable(transport: HttpTransport) -> None:
    counts = CodeRecorder()
    async with client(FixedCredentials("http://127.0.0.1:9", tokens=["x"]), counts, transport=transport) as api:
        with pytest.raises(UnreachableError):
            await api.request("get", "workflows", "/x")

    never = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/x", hang)
    server = TestServer(app)
    await server.start_server()
    async with client(
        FixedCredentials(str(server.make_url("")), tokens=["x"]),
        counts,
        timeout_seconds=0.1,
        transport=transport,
    ) as api:
        with pytest.raises(UnreachableError):
            await api.request("get", "workflows", "/x")
    never.set()
    await server.close()
    assert counts.codes == ["unreachable", "unreachable"]


async def test_a_redirect_is_an_error(transport: HttpTransport) -> None:
    def moved(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://login.example"})

    async with serving(moved) as server, client(FixedCredentials(server, tokens=["x"]), transport=transport) as api:
        with pytest.raises(BadResponseError, match="HTTP 302"):
            await api.request("get", "workflows", "/x")


@pytest.mark.parametrize(
    ("transport", "proxy", "expected"),
    [
        ("direct", None, DirectTransport),
        ("aiohttp", None, AiohttpTransport),
        ("direct", "http://127.0.0.1:9", AiohttpTransport),
    ],
)
async def test_the_transport_is_chosen_at_login(
    transport: HttpTransport, proxy: str | None, expected: type[object]
) -> None:
    async with client(FixedCredentials("http://127.0.0.1:9", tokens=["x"], proxy=proxy), transport=transport) as api:
        assert type(api._transport) is expected


async def test_a_request_is_the_same_by_either_transport(transport: HttpTransport) -> None:
    requests: list[tuple[str, str, bytes, dict[str, str]]] = []

    async def handle(request: web.Request) -> web.Response:
        shown = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type", "Authorization")
        headers = {name: request.headers.get(name, "") for name in shown}
        requests.append((request.method, request.raw_path, await request.read(), headers))
        return web.Response(body=b"{}")

    async with serving(handle) as server, client(FixedCredentials(server, tokens=["x"]), transport=transport) as api:
        params = {"labelSelector": "a=b,c in (d)", "limit": "5"}
        await api.request("list", "workflows", "/apis/x", params=params)
        await api.request("patch", "workflows", "/apis/x/y", body=b"{}", content_type="application/merge-patch+json")
    sent = {"User-Agent": "wfreport", "Accept": "application/json", "Accept-Encoding": "identity"}
    listed, patched = requests
    assert listed[0] == "GET"
    assert parse_qsl(urlsplit(listed[1]).query) == [("labelSelector", "a=b,c in (d)"), ("limit", "5")]
    assert listed[3] == sent | {"Content-Type": "", "Authorization": "Bearer x"}
    patch_type = {"Content-Type": "application/merge-patch+json", "Authorization": "Bearer x"}
    assert patched == ("PATCH", "/apis/x/y", b"{}", sent | patch_type)


# Kubeconfigs


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write a kubeconfig at the default path."""
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))

    def write(*, server: str = "https://127.0.0.1:6443", cluster: Any = None, **user: Any) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
            "users": [{"name": "u", "user": user}],
        }
        path.write_text(yaml.safe_dump(body))

    return write


def plugin(folder: Path, script: str) -> dict[str, Any]:
    """Return the kubeconfig entry of an exec plugin, a program that prints an ExecCredential."""
    path = folder / "plugin"
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(path),
            "interactiveMode": "Never",
        }
    }


def counting(folder: Path, *, valid_seconds: float) -> str:
    """Return a plugin that prints ``token-1``, ``token-2`` and so on."""
    expires = (datetime.now(UTC) + timedelta(seconds=valid_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251
    return f"""
import json, pathlib
calls = pathlib.Path({str(folder / "calls")!r})
n = int(calls.read_text()) + 1 if calls.exists() else 1
calls.write_text(str(n))
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                  "status": {{"token": f"token-{{n}}", "expirationTimestamp": {expires!r}}}}}))
"""


def test_an_exec_plugin_runs_again_when_its_token_expires(kubeconfig: Any, tmp_path: Path) -> None:
    kubeconfig(**plugin(tmp_path, counting(tmp_path, valid_seconds=-60)))
    credentials = Credentials()
    assert credentials.load().authorization == "Bearer token-2"  # token-1 has expired at once
    assert credentials.authorization() == "Bearer token-3"


def test_a_valid_token_is_not_renewed(kubeconfig: Any, tmp_path: Path) -> None:
    kubeconfig(**plugin(tmp_path, counting(tmp_path, valid_seconds=3600)))
    credentials = Credentials()
    credentials.load()
    assert credentials.authorization() == "Bearer token-1"


def test_an_exec_plugin_that_fails_does_not_make_us_anonymous(kubeconfig: Any, tmp_path: Path) -> None:
    kubeconfig(**plugin(tmp_path, "raise SystemExit('no network')"))
    with pytest.raises(NoCredentialsError, match="exec plugin"):
        Credentials().load()


def test_plain_http_needs_no_credentials(kubeconfig: Any) -> None:
    kubeconfig(server="http://127.0.0.1:8001/")
    assert Credentials().load() == Endpoint("http://127.0.0.1:8001", None, None, None, None)


def test_proxy_and_server_name_come_from_the_kubeconfig(kubeconfig: Any) -> None:
    kubeconfig(cluster={"proxy-url": "http://proxy:3128", "tls-server-name": "api.example"}, token="t")
    endpoint = Credentials().load()
    assert (endpoint.proxy, endpoint.server_name, endpoint.authorization) == (
        "http://proxy:3128",
        "api.example",
        "Bearer t",
    )
    assert endpoint.tls is not None


@pytest.mark.parametrize("server", ["10.0.0.1:6443", "api.example", "https://", "https://api:port", "https://[::1", ""])
def test_a_server_that_is_not_a_url_is_named(kubeconfig: Any, server: str) -> None:
    kubeconfig(server=server, token="t")
    with pytest.raises(NoCredentialsError, match=r"is not a URL such as https://"):
        Credentials().load()


def test_a_user_and_a_password_are_basic_authentication(kubeconfig: Any) -> None:
    kubeconfig(username="u", password="p")
    assert Credentials().load().authorization == "Basic " + base64.b64encode(b"u:p").decode()


def test_without_credentials_the_error_lists_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NoCredentialsError, match=r"no kubeconfig found and not running in a pod: .* \(tried .*none\)"):
        Credentials().load()


def test_a_pod_whose_user_has_no_home_uses_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_user(_user: int) -> NoReturn:
        raise KeyError

    for name in ("HOME", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", no_such_user)
    monkeypatch.setattr("wfreport.kube.login.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr("wfreport.kube.credentials._tls", lambda *_: None)
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_text("-")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert Credentials().load().authorization == "bearer t"


def test_a_service_accounts_token_is_read_again_when_it_rotates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text("-")
    (tmp_path / "namespace").write_text("wfreport-system\n")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    for module in ("credentials", "login"):
        monkeypatch.setattr(f"wfreport.kube.{module}.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr("wfreport.kube.credentials._tls", lambda *_: None)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    credentials = Credentials()
    assert credentials.load().authorization == "bearer first"
    (tmp_path / "token").write_text("second\n")
    assert credentials.authorization() == "bearer second"
    assert credentials.namespace() == "wfreport-system"
    (tmp_path / "token").write_text("\n")
    with pytest.raises(UnauthorizedError, match=r"the token file .*token is empty"):
        credentials.authorization()
