"""Workflows that lists have read for reconciles to come."""

from __future__ import annotations

import asyncio

import pytest

from wfreport.kube import read_ahead
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.pages import PageSize
from wfreport.kube.read_ahead import MAX_BYTES, ReadAhead, WorkflowBody

NAME = ("ns", "a")


def listed(version: int, body: bytes = b"{}", name: str = "a") -> WorkflowBody:
    return WorkflowBody(ObjectMeta(name=name, namespace="ns", resource_version=str(version)), body)


def test_a_body_is_taken_once() -> None:
    ahead = ReadAhead()
    ahead.put(listed(7, b"seven"))
    assert ahead.take(NAME, min_resource_version=7) == b"seven"
    assert ahead.take(NAME, min_resource_version=7) is None


def test_a_body_older_than_what_is_known_is_dropped() -> None:
    ahead = ReadAhead()
    ahead.put(listed(7))
    assert ahead.take(NAME, min_resource_version=8) is None
    assert ahead.take(NAME, min_resource_version=0) is None


def test_a_body_without_a_version_is_never_used() -> None:
    ahead = ReadAhead()
    ahead.put(WorkflowBody(ObjectMeta(name="a", namespace="ns"), b"{}"))
    assert ahead.take(NAME, min_resource_version=0) is None


async def test_the_next_page_waits_until_bodies_are_taken() -> None:
    ahead = ReadAhead()
    await ahead.wait_for_room()
    for number in range(3):
        ahead.put(listed(7, bytes(MAX_BYTES // 2), str(number)))
    waiting = asyncio.create_task(ahead.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    ahead.take(("ns", "0"), min_resource_version=0)
    await asyncio.wait_for(waiting, 10)


async def test_bodies_that_nobody_takes_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "PATIENCE_SECONDS", 0.01)
    ahead = ReadAhead()
    ahead.put(listed(7, bytes(MAX_BYTES + 1)))
    await ahead.wait_for_room()
    assert ahead.take(NAME, min_resource_version=0) is None
    await ahead.wait_for_room()


def test_pages_grow_to_a_megabyte_and_shrink_after_a_huge_one() -> None:
    size, sizes = PageSize(first=5, most=200, page_bytes=1 << 20), []
    for item_bytes in (10_000, 10_000, 10_000, 1_500_000, 1_500_000, 100):
        sizes.append(size.items)
        size.observe(size.items, size.items * item_bytes)
    assert sizes == [5, 20, 80, 104, 1, 1]
    assert size.items == 4
    size.observe(0, 0)
    assert size.items == 4
