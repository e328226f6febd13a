"""In a cluster, each request reads with the bearer token that it carries, and with no other."""

from __future__ import annotations

import pytest
from tests.eventually import eventually_async
from tests.web.conftest import Worlds
from tests.web.events import following
from tests.web.reports import a_report

RIGHTS: dict[str, set[str | None]] = {"alice": {"team-a"}, "bob": {"team-b"}, "root": {None}}


def by(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_request_without_token_is_refused(worlds: Worlds) -> None:
    live = await worlds.in_cluster(RIGHTS)
    for header in ("", "Basic YTpi", "Bearer ", "Bearer a b", "Bearer " + "a" * 20_000, "Bearer é"):
        async with live.browser.get("/", headers={"Authorization": header}) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert "bearer token" in await response.text()
    assert not live.api.requests


async def test_the_api_server_checks_the_token(worlds: Worlds) -> None:
    live = await worlds.in_cluster(RIGHTS)
    assert "does not accept the credentials" in await live.text("/?namespace=team-a", status=401, headers=by("mallory"))


async def test_each_reader_sees_what_its_token_may_read(worlds: Worlds) -> None:
    live = await worlds.in_cluster(RIGHTS)
    for _ in range(2):  # the second time, the watches of all of them are open
        for token, own, other in (("alice", "team-a", "team-b"), ("bob", "team-b", "team-a")):
            assert f"summary of {own}-run" in await live.text(f"/?namespace={own}", headers=by(token))
            for path in (f"/?namespace={other}", f"/runs/{other}/{other}-run", "/", "/trends", "/remediations"):
                assert f"summary of {other}" not in await live.text(path, status=403, headers=by(token))
        assert "summary of team-b-run" in await live.text("/", headers=by("root"))


async def test_streams_are_apart_too(worlds: Worlds) -> None:
    live = await worlds.in_cluster(RIGHTS)
    async with (
        following(live, "/?namespace=team-a", **by("alice")) as alice,
        following(live, "/?namespace=team-b", **by("bob")) as bob,
    ):
        await alice.shows("summary of team-a-run")
        await bob.shows("summary of team-b-run")
        await live.api.put(a_report("team-b", "new"))
        await bob.shows("summary of new")
        await live.api.put(a_report("team-a", "newer"))
        await alice.shows("summary of newer")
        assert not [view for view in alice.views if "team-b" in view]


async def test_a_token_that_is_revoked_shows_nothing_more(worlds: Worlds) -> None:
    live = await worlds.in_cluster(dict(RIGHTS))
    assert "team-a-run" in await live.text("/?namespace=team-a", headers=by("alice"))
    del live.api.rights["alice"]
    for path in ("/?namespace=team-a", "/runs/team-a/team-a-run"):
        assert "summary of team-a-run" not in await live.text(path, status=401, headers=by("alice"))


async def test_the_watches_of_a_token_are_bounded(worlds: Worlds) -> None:
    live = await worlds.in_cluster({"root": {None}})
    for number in range(10):
        await live.text(f"/?namespace=ns-{number}", headers=by("root"))
    await eventually_async(lambda: 0 < live.api.watches["root"] <= 4)


async def test_open_connections_are_bounded_and_the_oldest_idle_one_goes_first(worlds: Worlds) -> None:
    live = await worlds.in_cluster({f"t{number}": {None} for number in range(5)}, tokens_max=2)
    for number in range(5):
        assert "team-a-run" in await live.text("/", headers=by(f"t{number}"))
    async with following(live, "/", **by("t0")) as first, following(live, "/", **by("t1")) as second:
        await first.shows("team-a-run")
        await second.shows("team-a-run")
        assert "Too many pages" in await live.text("/", status=503, headers=by("t2"))
        assert "team-a-run" in await live.text("/", headers=by("t1"))


async def test_probes_need_no_token_and_see_nothing(worlds: Worlds) -> None:
    live = await worlds.in_cluster(RIGHTS)
    assert await live.text("/healthz") == "ok\n"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_have_any_case(worlds: Worlds, scheme: str) -> None:
    live = await worlds.in_cluster(RIGHTS)
    assert "team-a-run" in await live.text("/?namespace=team-a", headers={"Authorization": f"{scheme} alice"})
