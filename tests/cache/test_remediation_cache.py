"""The cached policies, runs and Remediations, by namespace."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.core.decide.builders import LATER, NS, a_policy, a_report, live_state_of
from tests.core.record.builders import NOW, a_remediation

from wfreport.api.remediation import LockClass, Remediation
from wfreport.cache.policies import CachedPolicy, PolicyCache
from wfreport.cache.remediation import MAX_KNOWN_VERDICTS, RemediationCache, RemediationIndex, RunHistory
from wfreport.cache.reports import ReportCache
from wfreport.core.decide.budget import action_times
from wfreport.core.decide.decision import decide
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.record.policy_status import PolicyVerdict

EXECUTED = [
    {
        "type": "Executed",
        "status": "True",
        "reason": "Executed",
        "message": "",
        "lastTransitionTime": "2026-11-22T10:00:00Z",
    }
]
CLOSED = {
    "type": "Succeeded",
    "status": "True",
    "reason": "RunSucceeded",
    "message": "",
    "lastTransitionTime": "2026-11-22T10:00:00Z",
}


def a_stored(namespace: str, name: str, *, state: str = "executed", minutes: int = 0) -> Remediation:
    """Return a Remediation in a namespace: intended, executed, or closed."""
    document = a_remediation(name).dump()
    document["metadata"] |= {
        "namespace": namespace,
        "uid": f"{namespace}-{name}",
        "resourceVersion": "1",
        "creationTimestamp": (NOW - timedelta(minutes=minutes)).isoformat(),
    }
    conditions = {"intended": [], "executed": EXECUTED, "closed": [*EXECUTED, CLOSED]}[state]
    return Remediation.model_validate({**document, "status": {"conditions": conditions}})


STATES = st.sampled_from(["intended", "executed", "closed", "deleted"])
CHANGES = st.tuples(st.sampled_from("xyz"), st.sampled_from("abc"), STATES, st.integers(0, 600))


@given(changes=st.lists(CHANGES, max_size=30))
def test_the_times_of_all_actions_are_those_of_the_actions(changes: list[tuple[str, str, str, int]]) -> None:
    """After any changes, in any order, the index derives the same as if it had been built anew."""
    index = RemediationIndex()
    for namespace, name, state, minutes in changes:
        if state == "deleted":
            index.remove((namespace, name))
        else:
            index.put(a_stored(namespace, name, state=state, minutes=minutes))
    actions = [action for namespace in "xyz" for action in index.actions_in(namespace)]
    assert len(actions) == len(list(index))
    since = NOW - timedelta(minutes=300)
    for lock in LockClass:
        assert index.times_everywhere()[lock] == action_times(actions, lock)
        flying = [one for one in actions if one.lock == lock and one.is_in_flight and one.at > since]
        assert index.in_flight(lock, since) == len(flying)
        largest = max(sum(one.namespace == namespace for one in flying) for namespace in "xyz")
        assert index.in_flight_of_largest(lock, since) == largest
    for namespace in "xyz":
        is_open = [not (one.is_final and one.has_outcome) for one in index.actions_in(namespace)]
        assert index.has_open(namespace) == any(is_open)
        assert index.uncounted_in(namespace) == sum(not one.counts for one in index.actions_in(namespace))
    for remediation in index:
        index.remove((remediation.metadata.namespace, remediation.metadata.name))
    assert vars(index) == vars(RemediationIndex())


def test_the_policies_of_a_namespace_are_ordered_and_go_with_the_last_one() -> None:
    cache = PolicyCache(50)
    for name in ("b", "a"):
        cache.put((NS, name), CachedPolicy({"metadata": {}}, a_policy(name=name)))
    cache.put(("elsewhere", "c"), CachedPolicy({"metadata": {}}, None, problem="invalid"))
    assert [policy.metadata.name for policy in cache.in_namespace(NS)] == ["a", "b"]
    assert cache.in_namespace("elsewhere") == cache.in_namespace("nosuch") == ()
    assert cache.namespaces() == {NS, "elsewhere"}
    cache.remove((NS, "a"))
    assert [policy.metadata.name for policy in cache.in_namespace(NS)] == ["b"]
    cache.remove((NS, "b"))
    assert not cache.has_any(NS)
    assert list(cache) == [("elsewhere", "c")]


POLICY_CHANGES = st.tuples(st.sampled_from("xy"), st.sampled_from("abcdef"), st.integers(0, 4))


@given(changes=st.lists(POLICY_CHANGES, max_size=40), maximum=st.integers(1, 4))
def test_the_oldest_policies_of_a_namespace_are_in_force(changes: list[tuple[str, str, int]], maximum: int) -> None:
    """After any changes, in any order; a policy that is created at time 0 is deleted instead."""
    cache, created = PolicyCache(maximum), dict[tuple[str, str], str]()
    for namespace, name, second in changes:
        key, at = (namespace, name), f"2026-11-22T10:00:0{second}Z"
        if second == 0:
            cache.remove(key)
            created.pop(key, None)
            continue
        before = {key for key in created if cache.is_in_force(key)}
        displaced = cache.place(key, at)
        created[key] = at
        assert {other for other in before - {key} if not cache.is_in_force(other)} <= {displaced}
        is_ignored = not cache.is_in_force(key)
        policy = None if is_ignored else a_policy(name=name)
        document = {"metadata": {"creationTimestamp": at}}
        cache.put(key, CachedPolicy(document, policy, is_ignored=is_ignored))
    for namespace in "xy":
        oldest = sorted((at, name) for (where, name), at in created.items() if where == namespace)
        expected = {(namespace, name) for _, name in oldest[:maximum]}
        assert {key for key in created if key[0] == namespace and cache.is_in_force(key)} == expected
        cached = {key for key in expected if (found := cache.get(key)) and found.policy is not None}
        assert [one.metadata.name for one in cache.in_namespace(namespace)] == sorted(name for _, name in cached)
        assert set(cache.admitted(namespace)) == expected - cached
    totals = [sum(where == namespace for where, _ in created) for namespace in "xy"]
    assert cache.count_ignored() == sum(max(0, total - maximum) for total in totals)
    for key in created:
        cache.remove(key)
    assert vars(cache) == vars(PolicyCache(maximum))


def test_thousands_of_policies_in_a_namespace_cost_no_more_than_the_maximum() -> None:
    cache = PolicyCache(50)
    for number in range(5_000):
        key, at = (NS, f"p-{number:04}"), f"2026-11-22T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        cache.place(key, at)
        is_ignored = not cache.is_in_force(key)
        policy = None if is_ignored else a_policy(name=key[1])
        cache.put(key, CachedPolicy({"metadata": {"creationTimestamp": at}}, policy, is_ignored=is_ignored))
    assert [policy.metadata.name for policy in cache.in_namespace(NS)] == [f"p-{number:04}" for number in range(50)]
    assert cache.count_ignored() == 4_950
    cache.remove((NS, "p-0007"))
    assert cache.admitted(NS) == [(NS, "p-0050")]


def test_a_policy_that_was_made_anew_takes_its_place_at_once() -> None:
    cache = PolicyCache(2)
    for name, at in (("a", "2026-11-22T01:00:00Z"), ("b", "2026-11-22T02:00:00Z"), ("c", "2026-11-22T03:00:00Z")):
        cache.put((NS, name), CachedPolicy({"metadata": {"creationTimestamp": at}}, a_policy(name=name)))
    assert [policy.metadata.name for policy in cache.in_namespace(NS)] == ["a", "b"]
    cache.place((NS, "a"), "2026-11-22T04:00:00Z")
    assert not cache.is_in_force((NS, "a"))
    assert [policy.metadata.name for policy in cache.in_namespace(NS)] == ["b", "c"]


def a_cache(*, foreign: int) -> RemediationCache:
    """Return a cache with ten runs, actions and policies of one namespace, and many of others."""
    cache = RemediationCache(PolicyCache(50), RemediationIndex(), RunHistory(), ReportCache())
    action, run, policy = a_stored(NS, "template"), a_report("other", "uid-of-other"), a_policy()
    for number in range(foreign + 10):
        namespace = NS if number < 10 else f"foreign-{number % 100}"
        metadata = action.metadata.model_copy(
            update={"namespace": namespace, "name": f"r-{number}", "uid": str(number)}
        )
        cache.remediations.put(action.model_copy(update={"metadata": metadata}))
        metadata = run.metadata.model_copy(update={"namespace": namespace, "name": f"report-{number}"})
        cache.runs.put(run.model_copy(update={"metadata": metadata}))
        metadata = policy.metadata.model_copy(update={"namespace": namespace, "name": f"p-{number}"})
        cache.policies.put(
            (namespace, f"p-{number}"), CachedPolicy({"metadata": {}}, policy.model_copy(update={"metadata": metadata}))
        )
    return cache


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of several tries."""
    times = []
    for _ in range(7):
        began = time.thread_time()
        for _ in range(20):
            work()
        times.append(time.thread_time() - began)
    return min(times)


def test_a_decision_costs_what_its_own_namespace_has() -> None:
    """A hundred times as many runs, actions and policies of others would make it a hundred times as slow."""
    report = a_report()

    def decision_seconds(cache: RemediationCache) -> float:
        def decide_once() -> None:
            cache.runs.put(report)
            assert cache.is_relevant(NS)
            cache.remediations.put(a_new)
            policies = cache.policies.in_namespace(NS)
            decide(report, live_state_of(report), policies, cache.history(NS), OperatorLimits(), LATER)

        a_new = a_stored(NS, "new")
        return cpu_seconds(decide_once)

    few, many = decision_seconds(a_cache(foreign=100)), decision_seconds(a_cache(foreign=10_000))
    assert many < 5 * few


def test_what_is_kept_of_a_run_does_not_grow_with_the_labels_that_a_user_gives_it() -> None:
    history = RunHistory()
    tracemalloc.start()
    for number in range(200):
        labels = {f"{number}-{key}".ljust(317, "k"): f"{number}-{key}".ljust(63, "v") for key in range(64)}
        history.put(a_report(f"run-{number}", f"uid-{number:04}", labels=labels))
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(history.in_namespace(NS)) == 200
    assert kept_bytes < 200 * 8192  # the labels alone are 24 kB a run


def test_runs_share_equal_verdicts() -> None:
    runs = RunHistory()
    for number in range(3):
        verdicts = tuple(PolicyVerdict(f"policy-{each}", reason="NoRuleMatches") for each in range(50))
        assert runs.record_verdicts((NS, f"r{number}"), LockClass.MUTATE, verdicts)
    kept = [one for by_lock in runs._verdicts[NS].values() for one in by_lock[LockClass.MUTATE]]
    assert len(kept) == 150
    assert len({id(one) for one in kept}) == 50
    for number in range(MAX_KNOWN_VERDICTS + 10):
        runs.record_verdicts((NS, "r0"), LockClass.MUTATE, (PolicyVerdict(f"policy-{number}"),))
    assert len(runs._known_verdicts) <= MAX_KNOWN_VERDICTS
