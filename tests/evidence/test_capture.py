"""Captures of failed pods: what is read, what is retried, what is given up, and how much is cached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from wfreport.api.argo import Metadata, OwnerReference
from wfreport.api.kubernetes import ContainerState, ContainerStatus, Event, Pod, PodStatus, StateTerminated
from wfreport.api.reasons import Reason
from wfreport.cache.evidence import EvidenceCache, EvidenceCacheLimits
from wfreport.core.redact.redactor import Redactor
from wfreport.core.snapshot.model import PodEvidence
from wfreport.evidence.capture import KUBELET_TRIES, TRIES, Capturer
from wfreport.evidence.events_budget import EventsBudget
from wfreport.evidence.log_reader import LogReader, LogRules
from wfreport.kube.errors import (
    ApiError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServerError,
    ThrottledError,
    UnreachableError,
)
from wfreport.kube.objects import Labels, NamespacedName, ObjectMeta
from wfreport.kube.pods import LogEnd, LogGoneError
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import Priority, QueueLimits, Request, WorkQueue

WORKFLOW: NamespacedName = ("ns", "etl")
POD: NamespacedName = ("ns", "etl-work-1")
OWNER = OwnerReference(kind="Workflow", name="etl", uid="u-1")


def a_pod(uid: str = "p-1", owner: OwnerReference = OWNER, reason: str = "") -> Pod:
    state = ContainerState(terminated=StateTerminated(exit_code=3, reason="Error"))
    return Pod(
        metadata=Metadata(name=POD[1], namespace="ns", uid=uid, owner_references=[owner]),
        status=PodStatus(phase="Failed", reason=reason, container_statuses=[ContainerStatus(name="main", state=state)]),
    )


class Server:
    """Returns prepared responses, the last of each kind forever; an exception among them is raised."""

    def __init__(self, pod: Any = None, log: Any = None, events: Any = ()) -> None:
        self.pods, self.logs, self.events = ([response] for response in (pod, log or LogEnd("boom\n", False), events))
        self.requests: list[str] = []

    async def get(self, *_: str, **_options: int) -> Pod | None:
        return self._respond("pod", self.pods)  # type: ignore[no-any-return]

    async def read_log(self, *_: str, **_options: int) -> LogEnd:
        return self._respond("log", self.logs)  # type: ignore[no-any-return]

    async def list_events(self, *_: str) -> Sequence[Event]:
        return self._respond("events", self.events)  # type: ignore[no-any-return]

    def _respond(self, what: str, responses: list[Any]) -> Any:
        self.requests.append(what)
        response = responses.pop(0) if len(responses) > 1 else responses[0]
        if isinstance(response, Exception):
            raise response
        return response


class World:
    def __init__(self, server: Server, *, lines: int = 40, rules: LogRules | None = None) -> None:
        self.notified: list[NamespacedName] = []
        self.cache = EvidenceCache()
        self.queue = WorkQueue(QueueLimits(), clock=lambda: 0.0, jitter=lambda: 1.0)
        pods: Any = server
        self.capturer = Capturer(
            pods=pods,
            logs=LogReader(pods, rules or LogRules(), Redactor(), log_lines=lambda _: lines),
            queue=self.queue,
            cache=self.cache,
            budget=EventsBudget(),
            metrics=Metrics(),
            notify=self.notified.append,
        )

    def enqueue(self, uid: str = "p-1") -> None:
        self.capturer.enqueue(ObjectMeta(name=POD[1], namespace="ns", uid=uid, labels=Labels(workflow="etl")))

    async def capture(self, tries: int = 1) -> int:
        """Let it try at most this often; return how often it did."""
        for n in range(1, tries + 1):
            try:
                await self.capturer.capture(Request(POD, Priority.URGENT, 7))
            except ApiError:
                continue
            return n
        return tries + 1

    @property
    def evidence(self) -> PodEvidence | None:
        return self.cache.of(WORKFLOW, "u-1").get(POD[1])


def missing_of(evidence: PodEvidence | None) -> tuple[Reason, ...]:
    assert evidence
    return evidence.missing


async def test_pod_log_and_events_are_read_in_the_order_in_which_they_disappear() -> None:
    server = Server(a_pod(reason="Evicted"), LogEnd("token ghp_16C7e42F292c6912E7710c838347Ae178B4a\n", False))
    world = World(server)
    world.enqueue()
    assert await world.capture() == 1
    assert server.requests == ["pod", "log", "events"]
    assert world.evidence
    assert (world.evidence.logs, world.evidence.redacted, world.evidence.missing) == (
        {"main": "token [redacted]"},
        {"main": 1},
        (),
    )
    assert world.notified == [WORKFLOW]
    assert not world.capturer.is_capturing(POD)


@pytest.mark.parametrize(
    "pod",
    [None, a_pod(uid="p-2"), a_pod(owner=OwnerReference(kind="Workflow", name="other", uid="u-1"))],
    ids=["gone", "another pod of that name", "of another Workflow"],
)
async def test_only_the_pod_that_failed_is_read(pod: Pod | None) -> None:
    world = World(Server(pod))
    world.enqueue()
    await world.capture()
    assert world.evidence is None
    assert world.notified == [WORKFLOW], "the next reconcile decides what is missing"


@pytest.mark.parametrize(
    ("log", "missing"),
    [
        (ForbiddenError("no"), (Reason.LOG_FORBIDDEN,)),
        (NotFoundError("no"), (Reason.LOG_GONE,)),
        (LogGoneError("no"), (Reason.LOG_GONE,)),
        (InvalidError("it never started"), ()),
    ],
)
async def test_a_log_that_cannot_be_read_is_reported_missing_and_the_rest_is_stored(
    log: Exception, missing: tuple[Reason, ...]
) -> None:
    world = World(Server(a_pod(), log))
    world.enqueue()
    assert await world.capture() == 1
    assert world.evidence
    assert world.evidence.pod
    assert world.evidence.missing == missing


async def test_a_transient_error_is_retried_where_the_capture_stopped() -> None:
    server = Server(a_pod())
    server.logs.insert(0, ThrottledError("slow down"))
    world = World(server)
    world.enqueue()
    with pytest.raises(ThrottledError):
        await world.capturer.capture(Request(POD, Priority.URGENT, 7))
    assert world.evidence
    assert world.evidence.is_pending
    assert world.notified == [WORKFLOW], "the report does not wait for the retry"
    assert await world.capture() == 1
    assert missing_of(world.evidence) == ()
    assert server.requests.count("pod") == 1


@pytest.mark.parametrize(
    ("error", "tries"),
    [(ThrottledError("slow down"), TRIES), (UnreachableError("timeout"), KUBELET_TRIES),
     (ServerError("dial tcp", status=502), KUBELET_TRIES), (ServerError("starting", status=503), TRIES)],
)  # fmt: skip
async def test_retries_are_bounded_and_fewer_if_the_kubelet_does_not_answer(error: ApiError, tries: int) -> None:
    world = World(Server(a_pod(), error))
    world.enqueue()
    assert await world.capture(tries=TRIES + 5) == tries
    assert world.evidence
    assert world.evidence.missing == (Reason.LOG_UNREACHABLE,)


@pytest.mark.parametrize(
    ("lines", "rules"),
    [(0, LogRules()), (40, LogRules(log_tail_bytes=0)), (40, LogRules(no_logs_namespaces=("n*",)))],
)
async def test_a_log_that_is_switched_off_is_not_read(lines: int, rules: LogRules) -> None:
    server = Server(a_pod())
    world = World(server, lines=lines, rules=rules)
    world.enqueue()
    await world.capture()
    assert "log" not in server.requests
    assert world.evidence
    assert world.evidence.missing == (Reason.LOG_DISABLED,)


async def test_logs_beyond_what_fits_a_report_are_not_read() -> None:
    server = Server(a_pod())
    world = World(server, rules=LogRules(logs_per_workflow=1))
    world.cache.put(WORKFLOW, "u-1", "other", PodEvidence(None, logs={"main": "x"}))
    world.enqueue()
    await world.capture()
    assert "log" not in server.requests
    assert world.evidence
    assert world.evidence.missing == (Reason.CAPTURE_LIMIT,)


async def test_pods_that_wait_for_their_capture_are_kept_within_the_bounds_of_the_cache() -> None:
    server = Server(a_pod())
    world = World(server)
    world.capturer._cache = world.cache = EvidenceCache(EvidenceCacheLimits(pods=1))
    world.capturer.enqueue_listed(a_pod(), "etl")
    assert world.capturer._captures[POD].pod is None
    world.cache.put(("ns", "other"), "u-2", "other", PodEvidence(None))
    assert await world.capture() == 1
    assert server.requests[:2] == ["pod", "log"], "a pod that was dropped is read again"
    assert world.evidence
    assert not world.evidence.is_pending


async def test_a_listed_pod_is_not_read_again() -> None:
    server = Server()
    world = World(server)
    assert world.capturer.enqueue_listed(a_pod(), "etl").is_pending
    await world.capture()
    assert server.requests[0] == "log"
    assert world.evidence
    assert not world.evidence.is_pending


def test_event_lists_have_a_budget_and_part_of_it_is_reserved_for_pods_that_need_them() -> None:
    now = [0.0]
    budget = EventsBudget(burst=3, reserve=2, per_second=1, clock=lambda: now[0])
    assert [budget.take("ns", needed=False) for _ in range(2)] == [True, False]
    assert [budget.take("ns", needed=True) for _ in range(3)] == [True, True, False]
    now[0] = 1.0
    assert budget.take("ns", needed=True)


def test_a_namespace_with_very_many_evictions_leaves_event_lists_to_the_others() -> None:
    now = [0.0]
    budget = EventsBudget(clock=lambda: now[0])
    assert sum(budget.take("flood", needed=True) for _ in range(1000)) == 40
    assert sum(budget.take("neighbour", needed=True) for _ in range(5)) == 5
    for _ in range(100):
        now[0] += 1
        budget.take("flood", needed=True)
    assert sum(budget.take("neighbour", needed=True) for _ in range(5)) == 5


def test_a_namespace_alone_has_the_whole_rate_of_event_lists_and_two_share_it() -> None:
    now = [0.0]
    budget = EventsBudget(clock=lambda: now[0])
    for _ in range(1000):
        budget.take("flood", needed=True)
    lists = {"flood": 0, "other": 0}
    for second in range(400):
        now[0] += 1
        for namespace in ("flood", "other") if second >= 200 else ("flood",):
            lists[namespace] += budget.take(namespace, needed=True)
    assert 280 <= lists["flood"] <= 310
    assert 90 <= lists["other"] <= 130


def test_a_namespace_that_fills_the_cache_loses_its_own_evidence_only() -> None:
    cache = EvidenceCache()
    neighbour = ("neighbour", "wf")
    cache.put(neighbour, "u-9", "pod", PodEvidence(None, logs={"main": "x" * 5000}))
    for number in range(3000):
        cache.put(WORKFLOW, "u-1", str(number), PodEvidence(None, logs={"main": "x" * 30_000}))
    assert list(cache.of(neighbour, "u-9")) == ["pod"]
    assert len(cache) > 900
    assert cache.size_bytes <= 32 << 20


def test_the_cache_is_bounded_and_evicts_the_oldest_evidence() -> None:
    cache = EvidenceCache(EvidenceCacheLimits(pods=2))
    for name in ("a", "b", "c"):
        cache.put(WORKFLOW, "u-1", name, PodEvidence(None))
    assert sorted(cache.of(WORKFLOW, "u-1")) == ["b", "c"]
    small = EvidenceCache(EvidenceCacheLimits(max_bytes=10_000))
    for name in ("a", "b"):
        small.put(WORKFLOW, "u-1", name, PodEvidence(None, logs={"main": "x" * 5000}))
    assert list(small.of(WORKFLOW, "u-1")) == ["b"]
    small.discard(WORKFLOW)
    assert (len(small), small.size_bytes) == (0, 0)


def test_evidence_that_arrived_during_a_reconcile_is_not_released_with_older_evidence() -> None:
    cache = EvidenceCache()
    old, new = PodEvidence(a_pod(), missing=(Reason.CAPTURE_PENDING,)), PodEvidence(a_pod())
    cache.put(WORKFLOW, "u-1", "a", old)
    cache.release(WORKFLOW, {"a": old})
    assert cache.of(WORKFLOW, "u-1") == {"a": old}, "more is being read"
    cache.put(WORKFLOW, "u-1", "a", new)
    cache.release(WORKFLOW, {"a": old})
    assert cache.of(WORKFLOW, "u-1") == {"a": new}
    cache.release(WORKFLOW, {"a": new})
    assert cache.of(WORKFLOW, "u-1") == {}
    cache.put(WORKFLOW, "u-2", "a", new)
    assert cache.of(WORKFLOW, "u-1") == {}, "another Workflow of its name"
