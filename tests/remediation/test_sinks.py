"""Deliveries to real endpoints: by the process that sends by Apprise, and as CloudEvents."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from aiohttp import web
from tests.eventually import eventually, eventually_async
from tests.live.remediation.webhook import (
    connections_to,
    endless_endpoint,
    hanging_endpoint,
    redirecting_endpoint,
    webhook,
)

from controlplane.certs import create_pki
from wfreport.api.actions import Apprise, CloudEvents, Sink
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.record.notification import Notification, Stage
from wfreport.kube.aiohttp_transport import system_authorities
from wfreport.kube.errors import NotFoundError
from wfreport.remediation.apprise_client import AppriseClient
from wfreport.remediation.sinks import SinkError, SinkRules, Sinks
from wfreport.settings import Settings

MESSAGE = Notification(
    id="uid-failed", stage=Stage.FAILED, at=datetime(2026, 1, 1, tzinfo=UTC), subject="data/etl", title="t", body="b"
)
SOON_SECONDS = 15
"""Less than the timeout of a delivery: what ends within it has not waited for one."""


class Secrets:
    """Secrets with the label for notifications, one per namespace."""

    def __init__(self) -> None:
        self.urls: dict[str, str] = {}
        self.version = 0

    def put(self, namespace: str, urls: str) -> None:
        if self.urls.get(namespace) != urls:
            self.version += 1
        self.urls[namespace] = urls

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        if namespace not in self.urls:
            raise NotFoundError("not found", status=404)
        metadata = {
            "name": name,
            "namespace": namespace,
            "labels": {"wfreport.dev/notify": "true"},
            "resourceVersion": str(self.version),
        }
        return {"metadata": metadata, "data": {"urls": base64.b64encode(self.urls[namespace].encode()).decode()}}


class Deliveries:
    """The sinks under test, and their Secrets."""

    def __init__(
        self, apprise: AppriseClient, *, loopback: bool = True, api_server: Collection[tuple[str, int]] = ()
    ) -> None:
        async def addresses() -> Collection[tuple[str, int]]:
            return api_server

        self.secrets = Secrets()
        self.apprise = apprise
        rules = SinkRules(Settings().apprise_schemas, loopback, addresses)
        secrets: Any = self.secrets
        self.sinks = Sinks(secrets, rules, self.apprise)

    async def by_apprise(self, *urls: str, namespace: str = "data") -> None:
        self.secrets.put(namespace, "\n".join(urls))
        await self.sinks.send(namespace, Sink(name="team", apprise=Apprise(secret_name="notify")), MESSAGE)

    async def as_event(self, url: str) -> None:
        await self.sinks.send("data", Sink(name="hook", cloud_events=CloudEvents(url=url)), MESSAGE)


@asynccontextmanager
async def deliveries() -> AsyncIterator[Deliveries]:
    """Yield deliveries with a process of their own."""
    made = Deliveries(AppriseClient(Settings().sender_environment))
    try:
        yield made
    finally:
        made.sinks.close()
        await eventually_async(lambda: made.apprise.pid is None)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def apprise() -> AsyncIterator[AppriseClient]:
    """One process for all tests that leave it running: it takes a second to start."""
    client = AppriseClient(Settings().sender_environment)
    yield client
    client.close()


def as_json(url: str) -> str:
    """Return Apprise's URL for posting JSON to an HTTP endpoint."""
    return url.replace("http://", "json://")


# Which URLs are allowed


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("discord://id/token?template={file}", "argument template is not allowed for the schema discord"),
        ("discord://id/token?template={url}/latest/meta-data", "argument template is not allowed"),
        ("discord://id/token?TEMPLATE=file://{file}", "argument template is not allowed"),
        ("discord://id/token?%74emplate={file}", "argument template is not allowed"),
        ("https://discord.com/api/webhooks/1/2?template={file}", "argument template is not allowed"),
        ("slack://TokenA/TokenB/TokenC?template={file}", "argument template is not allowed for the schema slack"),
        ("workflows://h/w/s?template={file}", "argument template is not allowed"),
        ("tgram://123:abc/1?template={file}", "argument template is not allowed"),
        ("json://h?attach={file}", "argument attach is not allowed"),
        ("json://h?rto=86400&cto=86400", "argument rto is not allowed"),
        ("json://h?cto=86400", "argument cto is not allowed"),
        ("json://h?retry=100", "argument retry is not allowed"),
        ("json://h?wait=60", "argument wait is not allowed"),
        ("jsons://h?verify=no", "argument verify is not allowed"),
        ("jsons://h?redirect=yes", "argument redirect is not allowed"),
        ("json://h?method=GET", "argument method is not allowed"),
        ("json://h?%2BAuthorization=x", "arguments that begin with + are not allowed"),
        ("json://h?+Authorization=x", "arguments that begin with + are not allowed"),
        ("json://h?-param=x", "arguments that begin with - are not allowed"),
        ("json://h?:field=x", "arguments that begin with : are not allowed"),
        ("mailto://u:p@h?pgppub={file}", "argument pgppub is not allowed"),
        ("json://h?t0psecret", "argument number 1 is not allowed for the schema json"),
        ("syslog://", "the schema syslog is not allowed"),
        ("apprise://h/token", "the schema apprise is not allowed"),
        ("file:///etc/passwd", "its schema, which is unknown to Apprise, is not allowed"),
        ("t0psecret://h", "its schema, which is unknown to Apprise, is not allowed"),
        ("t0psecret", "its schema, which is unknown to Apprise, is not allowed"),
        ("slack://t0psecret", "a part that the schema slack requires is missing or invalid"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_url_that_is_not_allowed_is_refused_with_its_reason_and_without_its_secrets(
    apprise: AppriseClient, tmp_path: Path, url: str, problem: str
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"content": "t0psecret"}))
    with webhook([]) as (address, received):
        with pytest.raises(RefusedError, match=r"sink team: Secret notify, key urls: URL 2: ") as refusal:
            await Deliveries(apprise).by_apprise(as_json(address), url.format(file=file, url=address))
        assert problem in refusal.value.message
        assert "t0psecret" not in refusal.value.message
        assert str(file) not in refusal.value.message
        assert received == []  # of several URLs, none is used


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts?image=no&footer=no",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        (
            "https://prod-1.westeurope.logic.azure.com:443/workflows/643e69f83c8944/triggers/manual/paths/invoke"
            "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu"
        ),
        "mailtos://ops:pass@example.com?smtp=smtp.example.com&from=wfreport@example.com&to=team@example.com&mode=ssl",
        "pagerduty://1BRTD4JDintegrationkey@apikey/source/component?severity=critical",
        "opsgenie://1234567890abcdef/@team?priority=p1&tags=etl",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?avatar=no",
        "tgram://123456789:ABCdef0123456789ABCdef0123456789abc/12315544/?silent=yes",
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_urls_of_common_services_are_allowed(apprise: AppriseClient, url: str) -> None:
    # The last URL makes the sink refused before anything is sent, so that the test needs no network.
    with pytest.raises(RefusedError, match=r"URL 2: the schema syslog is not allowed"):
        await Deliveries(apprise).by_apprise(url, "syslog://")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        (["json://localhost:9"] * 51, "51 URLs, at most 50 are allowed"),
        (["#" + "x" * 1023] * 1024, "bytes of base64, at most 65536 are allowed"),
    ],
    ids=["many", "large"],
)
async def test_a_secret_of_very_many_urls_is_refused(apprise: AppriseClient, urls: list[str], problem: str) -> None:
    with pytest.raises(RefusedError, match=problem):
        await Deliveries(apprise).by_apprise(*urls)


async def test_a_secret_that_was_refused_is_tried_again_once_it_has_changed() -> None:
    async with deliveries() as made:
        with webhook([]) as (address, received):
            with pytest.raises(RefusedError, match="method"):
                await made.by_apprise(f"{as_json(address)}?method=GET")
            made.apprise.close()
            with pytest.raises(RefusedError, match="method"):
                await made.by_apprise(f"{as_json(address)}?method=GET")
            assert made.apprise.pid is None  # nothing was started for it
            await made.by_apprise(as_json(address))
            assert len(received) == 1


# Which addresses are allowed


@pytest.mark.asyncio(loop_scope="module")
async def test_neither_apprise_nor_cloudevents_reaches_a_loopback_address_in_any_spelling(
    apprise: AppriseClient,
) -> None:
    made = Deliveries(apprise, loopback=False)
    with webhook([]) as (address, received):
        port = address.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
            for send, scheme in ((made.by_apprise, "json"), (made.as_event, "http")):
                with pytest.raises((RefusedError, SinkError)):
                    await send(f"{scheme}://{host}:{port}/")
        assert received == []


@pytest.mark.asyncio(loop_scope="module")
async def test_metadata_service_and_api_server_are_refused_with_the_reason(apprise: AppriseClient) -> None:
    with webhook([]) as (address, received):
        port = int(address.rpartition(":")[2])
        made = Deliveries(apprise, api_server=[("127.0.0.1", port)])
        for target, reason in (("169.254.169.254", "a link-local address"), (f"127.0.0.1:{port}", "API server")):
            with pytest.raises(RefusedError, match=f"sink team: .* is .*{reason}"):
                await made.by_apprise(f"json://{target}/")
            with pytest.raises(RefusedError, match=f"sink hook: .* is .*{reason}"):
                await made.as_event(f"http://{target}/")
        assert received == []


@pytest.mark.asyncio(loop_scope="module")
async def test_an_endpoint_with_a_certificate_of_a_trusted_authority_is_reached_and_no_other(
    apprise: AppriseClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = create_pki(tmp_path / "pki")
    made, received = Deliveries(apprise), list[str]()

    async def receive(request: web.Request) -> web.Response:
        received.append((await request.json())["id"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/", receive)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pki.server_certificate, pki.server_key)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
        system_authorities.cache_clear()
        with pytest.raises(SinkError, match=aiohttp.ClientConnectorCertificateError.__name__):
            await made.as_event(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca))
        system_authorities.cache_clear()
        await made.as_event(url)
    finally:
        system_authorities.cache_clear()
        await runner.cleanup()
    assert received == [MESSAGE.id]


@pytest.mark.asyncio(loop_scope="module")
async def test_redirects_are_not_followed(apprise: AppriseClient) -> None:
    made = Deliveries(apprise)
    with webhook([]) as (address, received), redirecting_endpoint(address) as redirecting:
        with pytest.raises(SinkError):
            await made.by_apprise(as_json(redirecting))
        with pytest.raises(SinkError, match="answered 307"):
            await made.as_event(redirecting)
        assert received == []


@pytest.mark.asyncio(loop_scope="module")
async def test_an_error_names_what_the_system_says_and_nothing_of_the_url(apprise: AppriseClient) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://user:pass@127.0.0.1:{closed.getsockname()[1]}/hooks/token"
        with pytest.raises(SinkError) as refused:
            await Deliveries(apprise).as_event(url)
    assert str(refused.value) == "ClientConnectorError: Connection refused"


# Deliveries that hang


@pytest.mark.asyncio(loop_scope="module")
async def test_endpoints_that_hang_delay_neither_other_namespaces_nor_the_end_of_the_operator() -> None:
    async with deliveries() as made:
        with hanging_endpoint() as port, webhook([]) as (address, received):
            hosts = [f"127.0.0.{number}" for number in range(2, 8)]
            hanging = [asyncio.create_task(made.by_apprise(f"json://{host}:{port}/", namespace=host)) for host in hosts]
            await eventually_async(lambda: len(connections_to(port)) == len(hosts))
            async with asyncio.timeout(SOON_SECONDS):
                await made.by_apprise(as_json(address), namespace="victim")
                await made.as_event(f"{address}/event")
            assert len(received) == 2
            pid = made.apprise.pid
            assert pid is not None
            sending = psutil.Process(pid).children()
            made.sinks.close()
            async with asyncio.timeout(SOON_SECONDS):
                results = await asyncio.gather(*hanging, return_exceptions=True)
            # On a slow machine Apprise gives up on an endpoint before the operator stops.
            assert {str(result) for result in results} <= {
                "the operator stops",
                "Apprise could not deliver",
            }
            eventually(lambda: not any(process.is_running() for process in sending))
            assert made.apprise.pid is None


@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_without_end_takes_neither_all_memory_nor_other_messages(apprise: AppriseClient) -> None:
    made = Deliveries(apprise)
    with endless_endpoint() as endless, webhook([]) as (address, received):
        with pytest.raises(SinkError, match=r"^(Apprise could not deliver|MemoryError|the process)"):
            await made.by_apprise(as_json(endless))
        await made.as_event(endless)  # its answer is not read
        await made.by_apprise(as_json(address))
        assert len(received) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_delivery_that_is_cancelled_leaves_no_process(apprise: AppriseClient) -> None:
    made = Deliveries(apprise)
    with hanging_endpoint() as port:
        hanging = asyncio.create_task(made.by_apprise(f"json://127.0.0.1:{port}/"))
        await eventually_async(lambda: connections_to(port))
        assert made.apprise.pid is not None
        server = psutil.Process(made.apprise.pid)
        hanging.cancel()
        await eventually_async(lambda: not server.children())
        assert made.apprise.pid == server.pid


@pytest.mark.asyncio(loop_scope="module")
async def test_a_process_that_was_killed_is_replaced_for_the_next_message() -> None:
    async with deliveries() as made:
        with webhook([]) as (address, received):
            await made.by_apprise(as_json(address))
            assert made.apprise.pid is not None
            psutil.Process(made.apprise.pid).kill()
            await eventually_async(lambda: made.apprise.pid is None)
            await made.by_apprise(as_json(address))
            assert len(received) == 2


@pytest.mark.asyncio(loop_scope="module")
async def test_an_endpoint_that_hangs_does_not_delay_the_messages_of_other_namespaces_to_the_same_host(
    apprise: AppriseClient,
) -> None:
    made = Deliveries(apprise)
    with hanging_endpoint() as port, webhook([]) as (address, received):
        hanging = [
            asyncio.create_task(made.as_event(f"http://127.0.0.1:{port}/a")),
            asyncio.create_task(made.by_apprise(f"json://127.0.0.1:{port}/", namespace="tenant")),
        ]
        await eventually_async(lambda: len(connections_to(port)) == len(hanging))
        async with asyncio.timeout(SOON_SECONDS):
            await made.as_event(f"{address}/event")
            await made.by_apprise(as_json(address), namespace="victim")
        assert len(received) == 2, "both went to 127.0.0.1, where the others hang"
        for delivery in hanging:
            delivery.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


# The process itself


def test_the_operator_never_imports_apprise() -> None:
    program = "import sys, wfreport.app.application; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.asyncio(loop_scope="module")
async def test_the_process_has_none_of_the_operators_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFREPORT_ARGO_SERVER_TOKEN", "t0psecret")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    inherited = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    async with deliveries() as made:
        with webhook([]) as (address, _):
            await made.by_apprise(as_json(address))
        assert made.apprise.pid is not None
        server = psutil.Process(made.apprise.pid)
        environment = server.environ()
        assert "t0psecret" not in json.dumps(environment)
        assert environment["https_proxy"] == "http://proxy:3128"
        assert server.cwd() == "/"
        assert server.num_fds() == 4  # the standard streams and the control socket
    os.close(inherited)


IN_SANDBOX = """
import os, socket, sys
from wfreport.remediation.apprise_sandbox import Sandbox
from wfreport.remediation.destinations import DestinationRules
Sandbox(DestinationRules(), {{}}).enter()
try:
    {code}
except PermissionError:
    os._exit(13)
"""


@pytest.mark.parametrize(
    ("code", "is_allowed"),
    [
        ("open('{folder}/token')", False),
        ("os.open('{folder}/token', os.O_RDONLY)", False),
        ("open('{folder}/new', 'w')", False),
        ("open('/etc/passwd')", False),
        ("open('/etc/ssl-of-somebody-else')", False),
        ("open('/usr/share/zoneinfo/../../../etc/passwd')", False),
        ("os.remove('{folder}/token')", False),
        ("os.system('true')", False),
        ("os.fork()", False),
        ("__import__('subprocess').Popen(['true'])", False),
        ("socket.create_connection(('127.0.0.1', 9))", False),
        ("socket.create_connection(('localhost', 9))", False),
        ("socket.socket(socket.AF_UNIX).connect('/dev/log')", False),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('169.254.169.254', 53))", False),
        ("import wave, xmlrpc.client", True),
        ("open(os.__file__)", True),
    ],
)
def test_the_sandbox_refuses_files_loopback_addresses_and_programs(tmp_path: Path, code: str, is_allowed: bool) -> None:
    (tmp_path / "token").write_text("t0psecret")
    program = IN_SANDBOX.format(code=code.format(folder=tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "operator")}
    ended = subprocess.run([sys.executable, "-B", "-c", program], check=False, env=environment)
    assert ended.returncode == (0 if is_allowed else 13)
    assert (tmp_path / "token").exists()


HANGING_WORKER = """
import signal, socket, sys
from wfreport.remediation.apprise_server import serve
serve(socket.socket(fileno=int(sys.argv[1])), lambda connection: signal.pause(), seconds=0.1)
"""


def test_a_worker_that_takes_too_long_is_killed() -> None:
    import socket  # noqa: PLC0415

    ours, theirs = socket.socketpair()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "operator")}
    with ours:
        with theirs:
            server = subprocess.Popen(
                [sys.executable, "-c", HANGING_WORKER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
            )
        connection, workers = socket.socketpair()
        with connection:
            with workers:
                socket.send_fds(ours, [b"\n"], [workers.fileno()])
            connection.settimeout(30)
            assert connection.recv(1) == b""  # the worker has ended, and only a signal ends it
        assert server.poll() is None
    assert server.wait(30) == 0  # it ends with the operator
