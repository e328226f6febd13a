"""The reports that are kept in memory: bounded by their size, and never used when the API server has another."""

from __future__ import annotations

import json
from dataclasses import replace

from wfreport.cache.reports import REPORT_OVERHEAD_BYTES, ReportEntry, StatusCache, entry_of
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


def row(name: str, version: str = "1") -> ReportEntry:
    return replace(entry_of(stored(name).head), resource_version=version)


def cache_of(*names: str, capacity_bytes: int) -> StatusCache:
    cache = StatusCache(capacity_bytes)
    for name in names:
        cache.put(("ns", name), stored(name))
    return cache


ONE = REPORT_OVERHEAD_BYTES + len(b'{"summary":"x"}')


def test_a_report_is_used_only_as_the_index_knows_it() -> None:
    cache = cache_of("a", capacity_bytes=ONE)
    assert cache.get(row("a")) is not None
    assert cache.get(row("a", version="2")) is None
    assert cache.get(row("b")) is None


def test_the_report_used_least_recently_goes_first() -> None:
    cache = cache_of("a", "b", capacity_bytes=2 * ONE)
    assert cache.get(row("a"))
    cache.put(("ns", "c"), stored("c"))
    assert [name for name in "abc" if cache.get(row(name))] == ["a", "c"]


def test_the_bound_is_the_size_of_the_reports_and_holds_whatever_is_written_again() -> None:
    cache = cache_of(*"abcd", capacity_bytes=4 * ONE)
    for _ in range(10):
        cache.put(("ns", "d"), stored("d"))
    assert all(cache.get(row(name)) for name in "abcd")
    cache.put(("ns", "d"), stored("d", summary="x" * ONE))
    assert [name for name in "abcd" if cache.get(row(name))] == ["b", "c", "d"]


def test_a_report_larger_than_the_cache_is_not_kept_and_spoils_nothing() -> None:
    cache = cache_of("a", capacity_bytes=ONE)
    cache.put(("ns", "b"), stored("b", summary="x" * ONE))
    assert cache.get(row("a")) is None
    assert cache.get(row("b")) is None
    cache.put(("ns", "a"), stored("a"))
    assert cache.get(row("a"))
