"""The end of a log of any length, within limits of memory and bytes."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.kube.test_client import Answer, FixedCredentials, client, serving

from wfreport.kube import pods
from wfreport.kube.errors import ForbiddenError, ThrottledError
from wfreport.kube.pods import LogEnd, LogGoneError, Pods

KIB = 1024


async def read(answer: Answer, *, lines: int = 3, max_bytes: int = 64) -> LogEnd:
    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        return await Pods(api, chunk_size=100).read_log("ns", "etl-1", "main", lines=lines, max_bytes=max_bytes)


def log_of(text: str) -> Answer:
    return lambda _: web.Response(text=text)


def refusal(status: int, **headers: str) -> Answer:
    return lambda _: web.json_response({"kind": "Status", "message": "no"}, status=status, headers=headers)


@pytest.mark.parametrize(
    ("log", "text", "has_more"),
    [
        ("", "", False),
        ("one\ntwo\n", "one\ntwo\n", False),
        ("one\ntwo\nthree\n", "one\ntwo\nthree\n", True),
        ("x" * 100 + "\nthe end\n", "the end\n", True),
        ("a\x00b\n", "a\ufffdb\n", False),
    ],
    ids=["empty", "short", "as many lines as requested", "cut at a line", "NUL"],
)
async def test_whole_lines_are_kept(log: str, text: str, has_more: bool) -> None:
    assert await read(log_of(log)) == LogEnd(text, has_more)


async def test_half_a_line_is_dropped_because_half_a_secret_is_not_recognized() -> None:
    with pytest.raises(LogGoneError, match="too long"):
        await read(log_of("password=" + "x" * 10_000))


async def test_endless_lines_are_read_up_to_the_limit_and_then_few_are_requested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pods, "LOG_READ_MAX_BYTES", 64 * KIB)
    line_counts: list[str] = []

    def endless(request: web.Request) -> web.Response:
        line_counts.append(request.query["tailLines"])
        few = request.query["tailLines"] == str(pods.FEW_LINES)
        return web.Response(text="the end\n" if few else ("x" * KIB + "\n") * 200)

    assert await read(endless, lines=100) == LogEnd("the end\n", has_more=False)
    assert line_counts == ["100", str(pods.FEW_LINES)]


async def test_the_kubelets_message_about_a_missing_log_is_not_a_log() -> None:
    with pytest.raises(LogGoneError):
        await read(log_of("unable to retrieve container logs for containerd://5f3c"))


@pytest.mark.parametrize(("answer", "kind"), [(refusal(403), ForbiddenError), (refusal(429), ThrottledError)])
async def test_a_refusal_raises_its_error(answer: Answer, kind: type[Any]) -> None:
    with pytest.raises(kind):
        await read(answer)


async def test_a_log_is_followed_line_by_line() -> None:
    queries: list[dict[str, str]] = []

    def answer(request: web.Request) -> web.Response:
        queries.append(dict(request.query))
        return web.Response(text="one\ntwo")

    async with serving(answer) as server, client(FixedCredentials(server, tokens=["x"])) as api:
        log = Pods(api, chunk_size=100).open_log("ns", "etl-1", "main", follow=True, tail_lines=2)
        async with log as lines:
            assert [line async for line in lines] == [b"one", b"two"]
    assert queries == [{"container": "main", "follow": "true", "tailLines": "2"}]


async def test_a_followed_log_ends_at_a_line_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "LINE_MAX_BYTES", 10)
    async with (
        serving(log_of("x" * KIB)) as server,
        client(FixedCredentials(server, tokens=["x"])) as api,
        Pods(api, chunk_size=100).open_log("ns", "p", "main", follow=False, tail_lines=None) as lines,
    ):
        assert [line async for line in lines] == []
