"""The client while Argo Server hangs, resets, sends no HTTP, is overloaded or refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.argoserver.fake_server import (
    HANG,
    NOT_HTTP,
    NOW,
    RESET,
    Reply,
    Request,
    Watcher,
    argo_server,
    script,
    sequence,
    serving,
)

from wfreport.argoserver.client import ServerEndpoint, read_body
from wfreport.argoserver.errors import (
    ArgoServerError,
    ServerBadResponseError,
    ServerFailedError,
    ServerForbiddenError,
    ServerNotFoundError,
    ServerRefusedError,
    ServerThrottledError,
    ServerTooLargeError,
    ServerTooNewError,
    ServerUnauthorizedError,
    ServerUnreachableError,
    ServerWithoutDatabaseError,
)
from wfreport.argoserver.tokens import TokenCommand, TokenFile
from wfreport.argoserver.version import fetch_version
from wfreport.argoserver.workflows import ServerWorkflows
from wfreport.metrics import Metrics

TOKEN = "eyJ0b2tlbi1vZi10aGUtdGVzdA.payload.signature"
OK = Reply.of({"version": "v4.1.2"})


async def _get(url: str, watcher: Watcher, **given: object) -> bytes:
    async with argo_server(url, watcher, **given) as server:  # type: ignore[arg-type]
        return await server.get(ServerEndpoint.VERSION, "/api/v1/version", read=read_body)


@pytest.mark.parametrize(
    ("fault", "timeout_seconds"),
    [(RESET, 60), (Reply(503, b"overloaded"), 60), (Reply(500, b"{}"), 60), (HANG, 1)],
    ids=["reset", "503", "500", "hang"],
)
async def test_transient_errors_are_retried_with_growing_pauses(fault: Reply, timeout_seconds: float) -> None:
    answer, requests = sequence(fault, fault, OK)
    watcher = Watcher()
    async with serving(answer) as url:
        assert await _get(url, watcher, timeout_seconds=timeout_seconds) == OK.body
    assert len(requests) == 3
    assert watcher.slept == [0.5, 1.0]
    assert watcher.codes[-1] == "version 200"


async def test_after_the_last_attempt_the_error_has_the_servers_message() -> None:
    answer, requests = sequence(Reply.of({"code": 13, "message": "the database is away"}, 500))
    async with serving(answer) as url:
        with pytest.raises(ServerFailedError, match="the database is away"):
            await _get(url, Watcher())
    assert len(requests) == 4


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7), ("Sun, 01 Nov 2026 12:00:09 GMT", 9), ("soon", 1), ("", 1), ("Sun, 01 Nov 2026 11:00:00 GMT", 0)],
)
async def test_retry_after_is_honoured_in_both_its_forms(retry_after: str, seconds: float) -> None:
    answer, _ = sequence(Reply.of({}, 429, Retry_After=retry_after), OK)
    watcher = Watcher()
    async with serving(answer) as url:
        await _get(url, watcher)
    assert watcher.slept == [seconds + 0.5]


async def test_a_long_wait_is_left_to_the_caller_and_holds_for_all_requests() -> None:
    answer, requests = sequence(Reply.of({}, 503, Retry_After="600"), OK)
    watcher = Watcher()
    async with serving(answer) as url, argo_server(url, watcher) as server:
        for _ in range(2):
            with pytest.raises(ServerThrottledError) as error:
                await fetch_version(server)
            assert error.value.retry_after_seconds == 600
        assert len(requests) == 1
        watcher.time += 600
        assert await fetch_version(server) == "v4.1.2"


@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    [
        (Reply.of({"code": 16, "message": "token not valid"}, 401), ServerUnauthorizedError, "token not valid"),
        (Reply.of({"code": 7, "message": "permission denied"}, 403), ServerForbiddenError, "permission denied"),
        (Reply.of({"code": 5, "message": "not found"}, 404), ServerNotFoundError, "not found"),
        (Reply.of({"code": 3, "message": "invalid"}, 400), ServerRefusedError, "invalid"),
        (
            Reply.of({"message": "getting archived workflows not supported"}, 500),
            ServerWithoutDatabaseError,
            "archived",
        ),
        (Reply(501, b"Not Implemented"), ServerBadResponseError, "Not Implemented"),
        (Reply(302, b"", {"Location": "https://sso/login"}), ServerBadResponseError, "redirects"),
        (Reply(400, b"Client sent an HTTP request to an HTTPS server.\n"), ServerBadResponseError, "begin with https:"),
        (NOT_HTTP, ServerBadResponseError, "not an HTTP response"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
async def test_permanent_errors_are_not_retried_and_have_their_own_class(
    reply: Reply, expected: type[ArgoServerError], words: str
) -> None:
    answer, requests = sequence(reply)
    async with serving(answer) as url:
        with pytest.raises(ArgoServerError, match=words) as error:
            await _get(url, Watcher())
    assert type(error.value) is expected
    assert len(requests) == 1
    assert error.value.advice


async def test_a_refused_connection_is_unreachable() -> None:
    watcher = Watcher()
    with pytest.raises(ServerUnreachableError, match="Cannot connect"):
        await _get("http://127.0.0.1:1", watcher)
    assert watcher.codes == ["version unreachable"] * 4


async def test_a_response_that_is_not_http_is_a_bad_response() -> None:
    watcher = Watcher()
    async with serving(lambda _: NOT_HTTP) as url:
        with pytest.raises(ServerBadResponseError, match="not an HTTP response"):
            await _get(url, watcher)
    assert watcher.codes == ["version bad_response"]


async def test_reading_stops_at_the_largest_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfreport.argoserver.client.MAX_BODY_BYTES", 1000)
    answer, _ = sequence(Reply(body=b" " * 100_000))
    async with serving(answer) as url:
        with pytest.raises(ServerTooLargeError, match="more than 1,000 bytes"):
            await _get(url, Watcher())


async def test_an_invalid_response_of_a_newer_major_version_is_too_new() -> None:
    def answer(request: Request) -> Reply:
        return Reply.of({"version": "v5.0.1"}) if request.target == "/api/v1/version" else Reply(body=b"[]")

    async with serving(answer) as url, argo_server(url) as server:
        with pytest.raises(ServerTooNewError, match=r"v5\.0\.1 is newer than v4"):
            await ServerWorkflows(server).fetch("team", "etl")


async def test_an_invalid_response_of_a_known_version_is_a_bad_response() -> None:
    def answer(request: Request) -> Reply:
        return OK if request.target == "/api/v1/version" else Reply(body=b"<html>")

    async with serving(answer) as url, argo_server(url) as server:
        with pytest.raises(ServerBadResponseError, match="not a Workflow"):
            await ServerWorkflows(server).fetch("team", "etl")


# Tokens


async def test_a_token_file_is_read_for_each_request_so_that_it_may_rotate(tmp_path: Path) -> None:
    answer, requests = sequence(OK)
    file = tmp_path / "token"
    async with serving(answer) as url, argo_server(url, tokens=TokenFile(file)) as server:
        for content in ("first\n", "Bearer v2:second"):
            file.write_text(content)
            await fetch_version(server)
    assert [request.headers["authorization"] for request in requests] == ["Bearer first", "Bearer v2:second"]


@pytest.mark.parametrize(
    ("output", "token"),
    [
        ("plain-token", "plain-token"),
        ('{"access_token":"oauth","token_type":"Bearer","expires_in":3600}', "oauth"),
        ('{"kind":"ExecCredential","status":{"token":"exec","expirationTimestamp":"2126-11-01T12:00:00Z"}}', "exec"),
    ],
)
async def test_a_command_may_print_each_usual_form_and_runs_once(tmp_path: Path, output: str, token: str) -> None:
    answer, requests = sequence(OK)
    tokens = TokenCommand(script(tmp_path, f"echo '{output}'"), clock=lambda: NOW)
    async with serving(answer) as url, argo_server(url, tokens=tokens) as server:
        await fetch_version(server)
        await fetch_version(server)
    assert [request.headers["authorization"] for request in requests] == [f"Bearer {token}"] * 2
    assert (tmp_path / "runs").read_text() == "x\n"


async def test_a_refused_token_is_renewed_once(tmp_path: Path) -> None:
    answer, requests = sequence(Reply(401), OK)
    tokens = TokenCommand(script(tmp_path, f"echo token-$(wc -l < {tmp_path}/runs)"), clock=lambda: NOW)
    async with serving(answer) as url, argo_server(url, tokens=tokens) as server:
        await fetch_version(server)
    assert [request.headers["authorization"] for request in requests] == ["Bearer token-1", "Bearer token-2"]


async def test_an_expired_token_is_not_sent(tmp_path: Path) -> None:
    answer, _ = sequence(OK)
    expired = '{"status":{"token":"old","expirationTimestamp":"2026-11-01T12:00:10Z"}}'
    tokens = TokenCommand(script(tmp_path, f"echo '{expired}'"), clock=lambda: NOW)
    async with serving(answer) as url, argo_server(url, tokens=tokens) as server:
        await fetch_version(server)
        await fetch_version(server)
    assert (tmp_path / "runs").read_text() == "x\nx\n"


@pytest.mark.parametrize(
    ("body", "words", "seconds"),
    [
        (f"echo {TOKEN} >&2; exit 3", "failed with exit code 3", 60),
        ("true", "provides no token", 60),
        (f"echo {TOKEN}; echo {TOKEN}", "not provide a token: one line", 60),
        ("sleep 60", "did not end within", 1),
    ],
)
async def test_an_error_of_a_command_shows_neither_arguments_nor_output(
    tmp_path: Path, body: str, words: str, seconds: float
) -> None:
    tokens = TokenCommand(script(tmp_path, body), clock=lambda: NOW, seconds=seconds)
    with pytest.raises(ServerUnauthorizedError, match=words) as error:
        await tokens.token()
    assert TOKEN not in str(error.value)
    assert "s3cr3t" not in str(error.value)


async def test_a_missing_command_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerUnauthorizedError, match="cannot be run: No such file"):
        await TokenCommand((str(tmp_path / "none"),), clock=lambda: NOW).token()
    with pytest.raises(ServerUnauthorizedError, match="cannot be read: No such file"):
        await TokenFile(tmp_path / "none").token()


async def test_the_token_is_in_no_error_and_no_metric_even_if_the_server_echoes_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    metrics = Metrics()
    replies = [
        Reply(status, f"you sent Authorization: Bearer {TOKEN}".encode())
        for status in (302, 400, 401, 403, 404, 429, 500)
    ]
    replies += [Reply(raw=f"Bearer {TOKEN} is no HTTP\r\n\r\n".encode()), RESET]
    for reply in replies:
        answer, requests = sequence(reply)
        async with serving(answer) as url, argo_server(url, tokens=TokenFile(file)) as server:
            server._observer = metrics
            with pytest.raises(ArgoServerError) as error:
                await fetch_version(server)
        assert requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        texts = f"{error.value!r} {error.value} {error.value.__cause__!r} {error.value.message}"
        assert TOKEN not in texts
    assert TOKEN not in metrics.exposition()[0].decode()
    assert 'wfreport_argo_server_requests_total{code="403",endpoint="version"} 1.0' in metrics.exposition()[0].decode()
