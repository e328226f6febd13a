"""The live page on loopback: what it shows, and to whom."""

from __future__ import annotations

from tests.web.conftest import Worlds


async def test_the_list_shows_the_runs_of_the_namespace(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    page = await live.text("/")
    assert "team-a-run" in page
    assert "team-b-run" not in page
