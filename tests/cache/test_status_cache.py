"""Cached report content: bounded by size, and used only in the version of the report's entry."""

from __future__ import annotations

import json

from msgspec.structs import replace

from wfreport.cache.reports import ReportCache, ReportEntry, entry_of
from wfreport.cache.statuses import REPORT_OVERHEAD_BYTES, StatusCache
from wfreport.kube.reports import StoredReport, stored_report


def stored(name: str, *, version: str = "1", summary: str = "x") -> StoredReport:
    meta = {
        "name": name,
        "namespace": "ns",
        "uid": f"uid-{name}",
        "resourceVersion": version,
        "creationTimestamp": "2026-11-01T00:00:00Z",
    }
    body = {"metadata": meta, "spec": {"workflowRef": {"name": "w"}}, "status": {"summary": summary}}
    return stored_report(json.dumps(body).encode())


def entry(name: str, version: str = "1") -> ReportEntry:
    return replace(entry_of(stored(name).head), resource_version=version)


def cache_of(*names: str, capacity_bytes: int) -> StatusCache:
    cache = StatusCache(capacity_bytes)
    for name in names:
        cache.put(("ns", name), stored(name))
    return cache


ONE = REPORT_OVERHEAD_BYTES + len(b'{"summary":"x"}')


def test_a_report_is_used_only_in_the_version_of_its_entry() -> None:
    cache = cache_of("a", capacity_bytes=ONE)
    assert cache.get(entry("a")) is not None
    assert cache.get(entry("a", version="2")) is None
    assert cache.get(entry("b")) is None


def test_the_least_recently_used_report_is_dropped_first() -> None:
    cache = cache_of("a", "b", capacity_bytes=2 * ONE)
    assert cache.get(entry("a"))
    cache.put(("ns", "c"), stored("c"))
    assert [name for name in "abc" if cache.get(entry(name))] == ["a", "c"]


def test_the_bound_is_the_size_of_the_reports_and_holds_when_one_is_replaced() -> None:
    cache = cache_of(*"abcd", capacity_bytes=4 * ONE)
    for _ in range(10):
        cache.put(("ns", "d"), stored("d"))
    assert all(cache.get(entry(name)) for name in "abcd")
    cache.put(("ns", "d"), stored("d", summary="x" * ONE))
    assert [name for name in "abcd" if cache.get(entry(name))] == ["b", "c", "d"]


def test_a_report_larger_than_the_cache_is_not_stored_and_does_no_harm() -> None:
    cache = cache_of("a", capacity_bytes=ONE)
    cache.put(("ns", "b"), stored("b", summary="x" * ONE))
    assert cache.get(entry("a")) is None
    assert cache.get(entry("b")) is None
    cache.put(("ns", "a"), stored("a"))
    assert cache.get(entry("a"))


def test_the_content_of_a_deleted_report_is_dropped() -> None:
    cache, reports = cache_of("a", "b", capacity_bytes=2 * ONE), ReportCache()
    reports.on_removed = cache.drop
    for name in "ab":
        reports.put(entry(name))
    reports.remove(("ns", "a"))
    assert [name for name in "ab" if cache.get(entry(name))] == ["b"]
