"""Nobody but the reader may use the live page, and no text of a run becomes markup."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from base64 import b64encode
from contextlib import ExitStack
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.eventually import eventually_async
from tests.web.conftest import Live, Worlds
from tests.web.events import following
from tests.web.reports import a_remediation, a_report
from yarl import URL

from wfreport.cli.web.guard import host_name
from wfreport.cli.web.server import open_in_browser

PATHS = ("/", "/trends", "/remediations", "/runs/team-a/team-a-run")
HOSTILE = (
    '</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>" onfocus="alert(3) \u202e\u0000{{ 7777*7 }}'
)


async def refused(live: Live, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    async with live.browser.request(method, path, headers=headers) as response:
        body = await response.text()
        assert "team-a" not in body
        return response.status, body


@pytest.mark.parametrize("secret", ["x", "s" * 42, "s" * 44, "S" * 43, "%73" * 42, "é", "..", "s" * 43 + "%00"])
async def test_without_the_secret_there_is_nothing(worlds: Worlds, secret: str) -> None:
    live = await worlds.local(rights={None})
    before = live.api.requests.total()
    for path in (*PATHS, "/events/", "/events/runs/team-a/team-a-run", "/nothing"):
        assert await refused(live, f"/{secret}{path}") == (404, "not found\n")
    assert live.api.requests.total() == before


async def test_an_unknown_path_is_refused_in_the_same_way(worlds: Worlds) -> None:
    live = await worlds.local(rights={None})
    assert await refused(live, f"{live.base}/nothing") == (404, "not found\n")
    assert await refused(live, "/") == (404, "not found\n")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost.", "", "[::2]:1"]
)
async def test_a_name_that_was_rebound_to_loopback_is_refused(worlds: Worlds, host: str) -> None:
    live = await worlds.local(rights={None})
    for path in (*PATHS, "/events/"):
        assert (await refused(live, live.base + path, Host=host))[0] == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:9000", "127.0.0.1:1"])
async def test_the_names_of_loopback_are_served_also_through_a_forwarded_port(worlds: Worlds, host: str) -> None:
    live = await worlds.local(rights={None})
    assert "team-a-run" in await live.text("/", headers={"Host": host})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_only_get_and_head_are_allowed(worlds: Worlds, method: str) -> None:
    live = await worlds.local(rights={None})
    for path in (*PATHS, "/events/"):
        assert (await refused(live, live.base + path, method))[0] == 405


async def test_head_has_no_body(worlds: Worlds) -> None:
    live = await worlds.local(rights={None})
    async with live.browser.head(f"{live.base}/") as response:
        assert response.status == 200
        assert await response.read() == b""


async def test_every_response_forbids_frames_caches_referrers_and_foreign_script(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    good = [live.base + path for path in (*PATHS, "/?namespace=team-b", "/events/", "/nothing")]
    for path in (*good, "/wrong/", "/healthz"):
        async with live.browser.get(path) as response:
            headers = response.headers
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert not {"Set-Cookie", "Server", "Access-Control-Allow-Origin"} & set(headers)


async def test_the_policy_allows_our_script_and_style_by_hash_and_nothing_else(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    async with live.browser.get(f"{live.base}/") as response:
        policy, page = response.headers["Content-Security-Policy"], await response.text()
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert f"{directive} 'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert " style=" not in page


class Markup(HTMLParser):
    """Collects what could run in a browser, and how often an id is used."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[dict[str, Any]] = []
        self.attributes: set[str] = set()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        found = dict(attrs)
        if tag == "script":
            self.scripts.append(found)
        if tag == "a":
            self.links.append(found.get("href") or "")
        if "id" in found:
            self.ids.append(found["id"] or "")


def harmless(page: str, *, scripts: int) -> Markup:
    found = Markup()
    found.feed(page)
    runnable = [script for script in found.scripts if script.get("type") != "text/plain"]
    assert len(runnable) == scripts, runnable
    assert not {name for name in found.attributes if name.startswith("on") or name in ("src", "style", "srcdoc")}
    assert not found.tags & {"img", "iframe", "object", "embed", "base"}
    assert all(link.startswith(("/", "#", "https://")) for link in found.links), found.links
    assert len(found.ids) == len(set(found.ids))
    return found


def hostile_report() -> dict[str, Any]:
    report = a_report(name="hostile", summary=HOSTILE)
    report["spec"]["workflowRef"]["name"] = HOSTILE
    status = report["status"]
    status |= {"step": HOSTILE, "reason": HOSTILE, "workflowSource": {"cronWorkflow": HOSTILE}}
    status["timing"] = {"durationSeconds": 60}
    status["links"] = {"ui": "javascript:alert(4)"}
    status["failures"][0] |= {
        "displayName": HOSTILE, "message": HOSTILE,
        "logTail": {"text": HOSTILE, "lines": 1, "bytes": 9, "truncated": False},
    }  # fmt: skip
    status["remediation"] = {
        "attempts": 1, "rootUid": "root", "held": {"policyName": HOSTILE, "reason": HOSTILE, "message": HOSTILE},
    }  # fmt: skip
    return report


async def test_hostile_names_and_logs_stay_text_on_every_page(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    await live.api.put(hostile_report())
    remediation = a_remediation("team-a", "act-1", target="hostile")
    remediation["spec"] |= {"rule": HOSTILE, "message": HOSTILE, "fingerprint": HOSTILE}
    remediation["metadata"]["name"] = HOSTILE
    await live.api.put(remediation, "remediations")
    for path in (*PATHS, "/runs/team-a/hostile"):
        page = await live.text(path)
        harmless(page, scripts=1)
        assert "\u202e" not in page
        assert "54439" not in re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
        if path != "/runs/team-a/team-a-run":
            assert "alert(1)" in page, path


@pytest.mark.parametrize("path", ["/", "/trends", "/remediations"])
async def test_hostile_filters_stay_text(worlds: Worlds, path: str) -> None:
    live = await worlds.local(rights={"team-a"})
    for query in ("text", "namespace", "phase", "class", "owner", "template", "since", "have"):
        async with live.browser.get(f"{live.base}{path}", params={query: HOSTILE.replace("\0", "")}) as response:
            harmless(await response.text(), scripts=1)
            assert response.status in (200, 403, 404)


@pytest.mark.parametrize(
    "path", ["/runs/%2e%2e/x", "/runs/team-a/%2e%2e%2f%2e%2e", "/runs/team-a/a%00b", "/?namespace=../x"]
)
async def test_a_path_cannot_leave_the_reports(worlds: Worlds, path: str) -> None:
    live = await worlds.local(rights={None})
    async with live.browser.session.get(URL(f"{live.browser.make_url('')}{live.base}{path}", encoded=True)) as response:
        await response.read()
        assert response.status in (200, 404)
    assert all(
        "workflowreports" in requested or requested.endswith("remediations") for _, requested in live.api.requests
    )


async def test_hostile_texts_cannot_end_an_event_of_the_stream(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    await live.api.put(
        a_report(name="hostile", summary=f"a\n\nevent: problem\ndata: {json.dumps('gotcha')}\n\n{HOSTILE}")
    )
    async with following(live, "/") as stream:
        harmless(await stream.shows("gotcha"), scripts=0)
        assert not stream.problems


async def test_a_missing_right_is_named_and_nothing_else_is_shown(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    for path in (
        "/?namespace=team-b",
        "/trends?namespace=team-b",
        "/remediations?namespace=team-b",
        "/runs/team-b/team-b-run",
    ):
        page = await live.text(path, status=403)
        assert "You lack a right: get, list and watch workflowreports.wfreport.dev in namespace team-b" in page
        assert "summary of team-b-run" not in page
    async with live.browser.get(f"{live.base}/events/?namespace=team-b") as response:
        assert response.status == 403
    everywhere = await worlds.local(rights={"team-a"}, namespace=None)
    assert "in all namespaces. " in await everywhere.text("/", status=403)


async def test_a_right_that_is_lost_ends_the_stream_and_empties_the_page(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    async with following(live, "/") as stream:
        await stream.shows("team-a-run")
        await eventually_async(lambda: live.api.watches["me"] == 1)
        live.api.rights["me"] = set()
        await live.api.end_watches()
        await eventually_async(lambda: stream.ended)
        assert "You lack a right" in stream.problems[0]
    assert "summary of team-a-run" not in await live.text("/", status=403)


async def test_a_right_that_is_lost_counts_at_once_for_a_page_although_the_watch_goes_on(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    async with following(live, "/") as stream:
        await stream.shows("team-a-run")
        live.api.rights["me"] = set()
        assert "summary of team-a-run" not in await live.text("/", status=403)


async def test_streams_are_bounded(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"}, streams_max=2)
    async with following(live, "/") as first, following(live, "/"):
        await first.shows("team-a-run")
        async with live.browser.get(f"{live.base}/events/") as response:
            assert response.status == 503
            assert "Too many pages" in await response.text()

    # the server learns of a viewer that left when it next writes to it
    while True:
        async with live.browser.get(f"{live.base}/events/") as response:
            if response.status == 200:
                break


async def test_a_viewer_that_does_not_read_holds_nothing_up(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    url = live.browser.make_url(f"{live.base}/events/")
    with socket.create_connection((url.host or "", url.port or 0)) as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        idle.sendall(f"GET {url.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        async with following(live, "/") as stream:
            for number in range(20):
                await live.api.put(a_report(name=f"run-{number}", summary="x" * 400))
                await asyncio.sleep(0)
            await stream.shows("run-19")


async def test_a_cluster_without_reports_is_explained(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    live.api.missing_kinds.add("workflowreports")
    assert "wfreport&#39;s CRDs are installed" in await live.text("/", status=404)


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:1", "a"), ("A", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a:b", "a:b"), ("", ""), ("a:", "a:")],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name


async def test_a_report_of_another_version_is_explained(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    report = a_report(name="newer")
    report["status"]["failures"][0]["owner"] = "Nobody"
    await live.api.put(report)
    assert "cannot read status.failures[0].owner of the report; update wfreport" in await live.text(
        "/runs/team-a/newer"
    )
    assert "summary of newer" in await live.text("/")


def test_the_browser_gets_the_url_by_a_file_that_only_the_user_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def note(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", note)
    with ExitStack() as resources:
        assert open_in_browser("http://127.0.0.1:1/secret/", resources)
        assert "secret" not in opened[0]
        file = Path(opened[0].removeprefix("file://"))
        assert "url=http://127.0.0.1:1/secret/" in file.read_text()
        assert file.stat().st_mode & 0o077 == 0
        assert file.parent.stat().st_mode & 0o077 == 0
    assert not file.exists()
