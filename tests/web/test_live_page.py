"""The live page: what it shows, and how it follows the runs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.eventually import eventually_async
from tests.web.conftest import Worlds
from tests.web.events import following
from tests.web.reports import a_remediation, a_report


def runs_in(page: str) -> list[str]:
    return re.findall(r'<tr data-run="[^/"]*/([^"]*)">', page)


async def test_the_list_shows_the_runs_of_the_namespace_newest_first(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    newer = a_report("team-a", "newer", phase="Running")
    newer["status"]["observedWorkflow"]["startedAt"] = "2026-05-02T12:00:00Z"
    await live.api.put(newer)
    page = await live.text("/")
    assert runs_in(page) == ["newer", "team-a-run"]
    assert "Namespace team-a" in page
    assert "2 runs." in page


async def test_all_namespaces(worlds: Worlds) -> None:
    live = await worlds.local(rights={None}, namespace=None)
    assert runs_in(await live.text("/")) == ["team-a-run", "team-b-run"]
    assert runs_in(await live.text("/?namespace=team-b")) == ["team-b-run"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("phase=Running", ["busy", "hung"]),
        ("phase=Nonsense", []),
        ("class=OOMKilled", ["failed", "team-a-run"]),
        ("owner=Infrastructure", []),
        ("owner=User&text=FAIL", ["failed"]),
        ("stuck=true", ["hung"]),
        ("template=etl", ["busy"]),
        ("template=CronWorkflow/etl", ["busy"]),
        ("text=summary+of+b", ["busy"]),
        ("phase=&class=&text=", ["busy", "failed", "hung", "team-a-run"]),
        ("limit=1", ["busy"]),
        ("limit=-5", ["busy", "failed", "hung", "team-a-run"]),
        ("limit=99999999999999999999", ["busy", "failed", "hung", "team-a-run"]),
    ],
)
async def test_filters_are_in_the_url_and_need_no_script(worlds: Worlds, query: str, found: list[str]) -> None:
    live = await worlds.local(rights={"team-a"})
    await live.api.put(a_report(name="busy", phase="Running", workflowSource={"cronWorkflow": "etl"}))
    await live.api.put(a_report(name="hung", phase="Running", stalled={"reason": "PodSilent", "since": None}))
    await live.api.put(a_report(name="failed"))
    assert runs_in(await live.text(f"/?{query}")) == found


async def test_the_form_has_the_filters_of_the_url_and_a_link_shows_more(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    await live.api.put(a_report(name="other"))
    page = await live.text("/?class=OOMKilled&owner=User&text=r&limit=1")
    assert "<option selected>OOMKilled</option>" in page
    assert 'name="text" value="r"' in page
    more = re.search(r'id="more-runs" href="([^"]*)"', page)
    assert more is not None
    path = more[1].replace("&amp;", "&").removeprefix(live.base)
    assert runs_in(await live.text(path)) == ["other", "team-a-run"]


async def test_the_list_is_live(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    async with following(live, "/?phase=Running") as stream:
        await stream.shows("0 of 1 run match")
        await live.api.put(a_report(name="new", phase="Running"))
        assert runs_in(await stream.shows("summary of new")) == ["new"]
        await live.api.put(a_report(name="new", phase="Succeeded"))
        assert runs_in(await stream.shows("0 of 2 runs match")) == []
        await live.api.delete("team-a", "new")
        await stream.shows("0 of 1 run match")


async def test_a_run_is_followed_to_its_end(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    await live.api.put(a_report(name="new", phase="Running"))
    page = await live.text("/runs/team-a/new")
    assert "Running</span></h1>" in page
    async with following(live, "/runs/team-a/new") as stream:
        await stream.shows("Running")
        await live.api.put(a_report(name="new", phase="Failed"))
        assert "It is a root cause" in await stream.shows("Failed (OOMKilled)")
        await live.api.delete("team-a", "new")
        await stream.shows("There is no report")


async def test_other_runs_do_not_disturb_the_page_of_a_run(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    async with following(live, "/runs/team-a/team-a-run") as stream:
        await stream.shows("summary of team-a-run")
        await live.api.put(a_report(name="other"))
        await live.api.put(a_report(name="team-a-run", phase="Running"))
        await stream.shows("Running")
    assert len(stream.views) == 2


async def test_who_has_the_content_is_not_sent_it_again(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    shown = re.search(r'data-digest="(\w+)"', await live.text("/"))
    assert shown is not None
    for path, headers in (("/?have=" + shown[1], {}), ("/?have=old", {"Last-Event-ID": shown[1]})):
        async with following(live, path, **headers) as stream:
            await live.api.put(a_report(name=f"new-{len(headers)}"))
            await stream.shows(f"new-{len(headers)}")
            assert len(stream.views) == 1
            assert stream.events[0]["id"] != shown[1]
        await live.api.delete("team-a", f"new-{len(headers)}")


async def test_all_viewers_share_one_watch_and_it_ends_after_them(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"}, idle_seconds=0)
    async with (
        following(live, "/") as first,
        following(live, "/?phase=Failed") as second,
        following(live, "/runs/team-a/team-a-run") as third,
    ):
        for stream in (first, second, third):
            await stream.shows("team-a-run")
        await eventually_async(lambda: live.api.watches["me"] == 1)
        await live.api.put(a_report(name="new"))
        await first.shows("summary of new")
        await second.shows("summary of new")
    await eventually_async(lambda: live.api.watches["me"] == 0)


async def test_a_watch_that_ends_is_opened_again(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    async with following(live, "/") as stream:
        await stream.shows("team-a-run")
        await eventually_async(lambda: live.api.watches["me"] == 1)
        await live.api.end_watches()
        await live.api.put(a_report(name="missed"))
        await stream.shows("summary of missed")


async def test_a_run_without_a_report_has_no_page_but_an_advice(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    text = await live.text("/runs/team-a/gone", status=404)
    assert "There is no report gone in namespace team-a" in text
    assert "kubectl wfreport show gone -n team-a" in text
    async with following(live, "/runs/team-a/team-a-run") as stream:
        await stream.shows("summary of team-a-run")
        await live.api.delete("team-a", "team-a-run")
        await stream.shows("There is no report team-a-run in namespace team-a")


async def test_trends_say_when_they_were_read(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    page = await live.text("/trends?template=team-a-run&since=")
    assert re.search(r"Read from all reports at \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", page)
    assert 'href="' in page
    assert '/trends?template=team-a-run">Read them again' in page


async def test_trends_have_plots_and_figures(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    source: dict[str, Any] = {"workflowSource": {"cronWorkflow": "etl"}, "timing": {"durationSeconds": 600}}
    for number in range(3):
        await live.api.put(a_report(name=f"good-{number}", phase="Succeeded", **source))
    page = await live.text("/trends?template=etl")
    assert "3 runs ended" in page
    assert "3 succeeded, 0 failed" in page
    assert "good-1: 10m00s" in page
    assert "<td>3/3 100%</td>" in page
    assert "1 run ended" in await live.text("/trends?template=team-a-run")
    assert "No run has ended" in await live.text("/trends?since=1h")
    assert "Ended within" in await live.text("/trends?since=tomorrow")


async def test_remediations_and_holds_are_shown_with_their_reasons(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    held = {"policyName": "retry-oom", "rule": "more", "reason": "BudgetExhausted", "message": "5 of 5 used"}
    await live.api.put(a_report(name="waiting", remediation={"attempts": 0, "held": held}))
    await live.api.put(a_remediation("team-a", "act-1", target="waiting"), "remediations")
    await live.api.put(a_remediation("team-b", "act-2", target="other"), "remediations")
    page = await live.text("/remediations")
    for shown in ("retry-oom, more", "BudgetExhausted", "5 of 5 used", "act-1", "Resubmit"):
        assert shown in page
    assert "act-2" not in page
    live.api.forbidden_kinds.add("remediations")
    page = await live.text("/remediations")
    assert "5 of 5 used" in page
    assert "You lack a right: get, list and watch remediations.wfreport.dev in namespace team-a" in page
    assert "act-1" not in page


async def test_a_run_shows_the_remediations_of_its_chain(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    await live.api.put(a_report(name="again", remediation={"attempts": 1, "rootUid": "root"}))
    await live.api.put(a_remediation("team-a", "act-1", target="again"), "remediations")
    assert "act-1" in await live.text("/runs/team-a/again")
    live.api.forbidden_kinds.add("remediations")
    page = await live.text("/runs/team-a/again")
    assert "act-1" not in page
    assert "remediations.wfreport.dev" in page


async def test_a_run_has_its_next_steps_by_what_still_exists(worlds: Worlds) -> None:
    live = await worlds.local(rights={"team-a"})
    page = await live.text("/runs/team-a/team-a-run")
    assert "What to do next" in page
    assert "Raise the memory limit of container main" in page
    assert "argo retry" not in page, "the Workflow is gone"
