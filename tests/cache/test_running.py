"""How often running Workflows are polled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from wfreport.api.argo import Metadata
from wfreport.api.kubernetes import Pod
from wfreport.cache.running import MAX_MOVED_LOCKS, MAX_PODS_BYTES, PollPolicy, RunningWorkflows
from wfreport.cache.stalls import pods_bytes
from wfreport.core.stall.model import PodsSeen
from wfreport.kube.objects import NamespacedName

KEY = ("ns", "a")


NOTHING: frozenset[NamespacedName] = frozenset()


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Cluster:
    """Running Workflows whose polls succeed at once."""

    def __init__(self, policy: PollPolicy, counts: dict[str, int], *, age_seconds: float = 0) -> None:
        self.time, self.age_seconds = Time(), age_seconds
        self.running = RunningWorkflows(policy, clock=self.time)
        self.polled_at: dict[NamespacedName, list[float]] = defaultdict(list)
        for namespace, count in counts.items():
            for number in range(count):
                self.poll((namespace, str(number)))

    def poll(self, key: NamespacedName) -> None:
        self.running.record_poll(key, uid="u", version=1, age_seconds=self.age_seconds)
        self.polled_at[key].append(self.time.now)

    def run(self, seconds: float) -> Iterator[int]:
        """Yield the size of each batch."""
        end = self.time.now + seconds
        while self.time.now < end:
            self.time.now += self.running.policy.batch_seconds
            batch = self.running.take_batch(NOTHING)
            for key in batch:
                self.poll(key)
            yield len(batch)

    def intervals(self, namespace: str) -> list[float]:
        polled = (times for key, times in self.polled_at.items() if key[0] == namespace)
        return [round(later - earlier, 6) for times in polled for earlier, later in pairwise(times)]


def test_thirty_workflows_of_any_age_are_polled_every_ten_seconds() -> None:
    for age_seconds in (0, 86_400):
        cluster = Cluster(PollPolicy(), {"ns": 30}, age_seconds=age_seconds)
        assert list(cluster.run(60)) == [30] * 6
        assert set(cluster.intervals("ns")) == {10}


def test_the_rate_wins_over_the_longest_interval() -> None:
    cluster = Cluster(PollPolicy(), {"ns": 300})
    assert sum(cluster.run(1000)) == 3000
    assert max(cluster.intervals("ns")) == 100
    assert cluster.running.longest_interval_seconds() == 100


def test_a_thousand_workflows_of_one_namespace_do_not_delay_the_only_one_of_another() -> None:
    cluster = Cluster(PollPolicy(), {"many": 1000, "one": 1, "two": 2})
    assert sum(cluster.run(600)) == 1800
    assert set(cluster.intervals("one")) == set(cluster.intervals("two")) == {10}


@settings(max_examples=examples(200))
@given(
    counts=st.dictionaries(st.sampled_from("abcde"), st.integers(1, 60), min_size=1),
    rate=st.sampled_from((0.1, 0.3, 1, 3, 7)),
    min_seconds=st.sampled_from((0.5, 2, 10, 45)),
)
def test_namespaces_have_equal_shares_of_each_batch_and_the_rate_is_never_exceeded(
    counts: dict[str, int], rate: float, min_seconds: float
) -> None:
    cluster, total = Cluster(PollPolicy(rate, min_seconds), counts), 0
    began_at = cluster.time.now
    for _ in range(20):
        cluster.time.now += cluster.running.policy.batch_seconds
        ready = {key for key, at in cluster.polled_at.items() if cluster.time.now - at[-1] >= min_seconds}
        batch = cluster.running.take_batch(NOTHING)
        shares = Counter(namespace for namespace, _ in batch)
        unserved = {namespace for namespace, _ in ready - set(batch)}
        assert all(shares[namespace] >= max(shares.values(), default=0) - 1 for namespace in unserved)
        for key in batch:
            cluster.poll(key)
        total += len(batch)
    assert total <= rate * (cluster.time.now - began_at) + 1


def test_old_workflows_wait_first_if_the_rate_does_not_suffice() -> None:
    time = Time()
    running = RunningWorkflows(PollPolicy(), clock=time)
    for number in range(60):
        running.record_poll(("ns", f"old-{number}"), uid="u", version=1, age_seconds=86_400)
        running.record_poll(("ns", f"young-{number}"), uid="u", version=1)
    time.now += 10
    assert {name.partition("-")[0] for _, name in running.take_batch(NOTHING)} == {"young"}


def test_a_workflow_that_was_reconciled_between_two_batches_does_not_wait_for_two_intervals() -> None:
    time = Time()
    running = RunningWorkflows(PollPolicy(), clock=time)
    running.record_poll(KEY, uid="u", version=1)
    time.now += 0.9
    assert running.take_batch(NOTHING) == []
    time.now += 0.2
    assert running.take_batch(NOTHING) == [KEY]


def test_a_workflow_that_is_reconciled_anyway_is_not_polled() -> None:
    cluster = Cluster(PollPolicy(), {"ns": 2})
    cluster.time.now += 10
    assert cluster.running.take_batch({("ns", "0")}) == [("ns", "1")]


def test_a_slow_reconcile_delays_the_next_poll() -> None:
    time = Time()
    running = RunningWorkflows(PollPolicy(), clock=time)
    began_at, time.now = time.now, time.now + 3
    running.record_poll(KEY, uid="u", version=1)
    running.cool_down(KEY, began_at=began_at)
    running.cool_down(("ns", "unknown"), began_at=began_at)
    time.now += 5
    assert running.take_batch(NOTHING) == []
    time.now += 1
    assert running.take_batch(NOTHING) == [KEY]


def test_reconciles_of_three_seconds_leave_thirty_workflows_polled_every_ten_seconds() -> None:
    """A busy API server takes so long; the promise of twelve seconds holds for it, too."""
    cluster = Cluster(PollPolicy(), {"ns": 30})
    for _ in range(6):
        cluster.time.now += cluster.running.policy.batch_seconds
        batch = cluster.running.take_batch(NOTHING)
        assert len(batch) == 30
        for key in batch:
            cluster.poll(key)
            cluster.running.cool_down(key, began_at=cluster.time.now - 3)


def test_a_rate_below_one_poll_a_batch_is_kept() -> None:
    cluster = Cluster(PollPolicy(per_second=0.04), {"ns": 5})
    assert sum(cluster.run(1000)) == pytest.approx(40, abs=1)


def test_polls_that_were_not_needed_are_not_made_up_for() -> None:
    cluster = Cluster(PollPolicy(), {})
    assert sum(cluster.run(600)) == 0
    for number in range(300):
        cluster.poll(("ns", str(number)))
    assert list(cluster.run(30)) == [30] * 3


def test_no_running_workflow_has_no_interval() -> None:
    assert RunningWorkflows(PollPolicy(), clock=Time()).longest_interval_seconds() == 0


def test_failed_pods_cause_one_extra_poll_per_10_seconds() -> None:
    time = Time()
    running = RunningWorkflows(PollPolicy(), clock=time)
    running.record_poll(KEY, uid="u", version=1)
    time.now += 4
    assert running.seconds_until_extra_poll(KEY) == 6
    time.now += 20
    assert running.seconds_until_extra_poll(KEY) == 0


def test_a_workflow_that_is_not_known_to_run_has_no_extra_poll() -> None:
    assert RunningWorkflows(PollPolicy(), clock=Time()).seconds_until_extra_poll(KEY) is None


def test_the_version_never_decreases() -> None:
    running = RunningWorkflows(PollPolicy(), clock=Time())
    running.record_poll(KEY, uid="u", version=7)
    assert running.record_poll(KEY, uid="u", version=5).version == 7


def test_a_workflow_of_the_same_name_and_another_uid_replaces_the_first() -> None:
    running = RunningWorkflows(PollPolicy(), clock=Time())
    running.record_poll(KEY, uid="u", version=7).queried_nodes.append(hash("node"))
    assert not running.has(KEY, "v")
    recreated = running.record_poll(KEY, uid="v", version=3)
    assert (recreated.version, list(recreated.queried_nodes), len(running)) == (3, [], 1)
    running.discard(KEY)
    assert len(running) == 0


def test_a_lock_moves_when_a_run_no_longer_waits_for_it() -> None:
    time = Time()
    running = RunningWorkflows(PollPolicy(), clock=time)
    names = [str(number) for number in range(MAX_MOVED_LOCKS + 2)]
    running.record_locks(running.record_poll(KEY, uid="u", version=1), frozenset(), frozenset(names[:2]))
    assert running.seconds_since_locks_moved(names) == {}
    time.now += 5
    running.discard(KEY)
    time.now += 3
    assert running.seconds_since_locks_moved(names) == {"0": 3, "1": 3}
    running.record_locks(running.record_poll(KEY, uid="u", version=1), frozenset(), frozenset(names[1:]))
    running.discard(KEY)
    assert "0" not in running.seconds_since_locks_moved(names)
    assert set(running.seconds_since_locks_moved(names).values()) == {0}
    assert len(running.seconds_since_locks_moved(names)) == MAX_MOVED_LOCKS


def seen(number: int, size: int) -> PodsSeen:
    metadata = Metadata(name=f"pod-{number}", labels={f"l{label}": "x" * 60 for label in range(size)})
    return PodsSeen({f"n{number}": Pod(metadata=metadata)})


def test_pods_are_remembered_within_a_bound_and_the_namespace_that_has_most_loses_the_oldest() -> None:
    running = RunningWorkflows(PollPolicy(), clock=Time())
    neighbour = running.record_poll(("small", "a"), uid="u", version=1).stall
    running.remember_pods(("small", "a"), neighbour, seen(0, 10))
    memories = []
    number = 3 * MAX_PODS_BYTES // pods_bytes(seen(0, 10_000))
    for each in range(number):
        memory = running.record_poll(("large", f"w{each}"), uid="u", version=1).stall
        running.remember_pods(("large", f"w{each}"), memory, seen(each, 10_000))
        memories.append(memory)
    kept = [memory.pods for memory in memories if memory.pods]
    assert sum(map(pods_bytes, kept)) <= MAX_PODS_BYTES
    assert memories[-1].pods
    assert not memories[0].pods
    assert neighbour.pods
    for each in range(number):
        running.discard(("large", f"w{each}"))
    running.remember_pods(("small", "a"), neighbour, None)
    assert running._pods.weight == 0
