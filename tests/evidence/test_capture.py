"""A capture reads what is there, tries again what may come, gives up what will not, and holds no more than it may."""

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
from wfreport.evidence.capture import KUBELET_TRIES, TRIES, Capturer, CaptureRules, EventsBudget
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
    """Answers as it is told to; an exception is raised, and the last answer stays."""

    def __init__(self, pod: Any = None, log: Any = None, events: Any = ()) -> None:
        self.pods, self.logs, self.events = ([answer] for answer in (pod, log or LogEnd("boom\n", False), events))
        self.asked: list[str] = []

    async def fetch(self, *_: str, **_given: int) -> Pod | None:
        return self._answer("pod", self.pods)  # type: ignore[no-any-return]

    async def read_log(self, *_: str, **_given: int) -> LogEnd:
        return self._answer("log", self.logs)  # type: ignore[no-any-return]

    async def list_events(self, *_: str) -> Sequence[Event]:
        return self._answer("events", self.events)  # type: ignore[no-any-return]

    def _answer(self, what: str, answers: list[Any]) -> Any:
        self.asked.append(what)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    def __init__(self, server: Server, *, lines: int = 40, rules: CaptureRules | None = None) -> None:
        self.notified: list[NamespacedName] = []
        self.captured = EvidenceCache()
        self.queue = WorkQueue(QueueLimits(), clock=lambda: 0.0, jitter=lambda: 1.0)
        self.capturer = Capturer(
            pods=server,  # type: ignore[arg-type]
            queue=self.queue,
            captured=self.captured,
            rules=rules or CaptureRules(),
            redactor=Redactor(),
            log_lines=lambda _: lines,
            metrics=Metrics(),
            clock=lambda: 0.0,
            notify=self.notified.append,
        )

    def ask(self, uid: str = "p-1") -> None:
        self.capturer.enqueue(ObjectMeta(name=POD[1], namespace="ns", uid=uid, labels=Labels(workflow="etl")))

    async def capture(self, tries: int = 1) -> int:
        """Let it try, so often at the most; returns how often it did."""
        for n in range(1, tries + 1):
            try:
                await self.capturer.capture(Request(POD, Priority.URGENT, 7))
            except ApiError:
                continue
            return n
        return tries + 1

    @property
    def seen(self) -> PodEvidence | None:
        return self.captured.of(WORKFLOW, "u-1").get(POD[1])


def missing_of(seen: PodEvidence | None) -> tuple[Reason, ...]:
    assert seen
    return seen.missing


async def test_a_pod_its_log_and_its_events_are_read_in_the_order_in_which_they_go() -> None:
    server = Server(a_pod(reason="Evicted"), LogEnd("token ghp_16C7e42F292c6912E7710c838347Ae178B4a\n", False))
    world = World(server)
    world.ask()
    assert await world.capture() == 1
    assert server.asked == ["pod", "log", "events"]
    assert world.seen
    assert (world.seen.logs, world.seen.redacted, world.seen.missing) == ({"main": "token [redacted]"}, {"main": 1}, ())
    assert world.notified == [WORKFLOW]
    assert not world.capturer.is_coming(POD)


@pytest.mark.parametrize(
    "pod",
    [None, a_pod(uid="p-2"), a_pod(owner=OwnerReference(kind="Workflow", name="other", uid="u-1"))],
    ids=["gone", "another of its name", "somebody else's"],
)
async def test_only_the_pod_that_failed_is_read(pod: Pod | None) -> None:
    world = World(Server(pod))
    world.ask()
    await world.capture()
    assert world.seen is None
    assert world.notified == [WORKFLOW], "a look finds out what can be had"


@pytest.mark.parametrize(
    ("log", "missing"),
    [
        (ForbiddenError("no"), (Reason.LOG_FORBIDDEN,)),
        (NotFoundError("no"), (Reason.LOG_GONE,)),
        (LogGoneError("no"), (Reason.LOG_GONE,)),
        (InvalidError("it never started"), ()),
    ],
)
async def test_a_log_that_cannot_be_had_is_named_and_the_rest_is_kept(
    log: Exception, missing: tuple[Reason, ...]
) -> None:
    world = World(Server(a_pod(), log))
    world.ask()
    assert await world.capture() == 1
    assert world.seen
    assert world.seen.pod
    assert world.seen.missing == missing


async def test_what_may_come_is_tried_again_and_goes_on_where_it_stood() -> None:
    server = Server(a_pod())
    server.logs.insert(0, ThrottledError("slow down"))
    world = World(server)
    world.ask()
    with pytest.raises(ThrottledError):
        await world.capturer.capture(Request(POD, Priority.URGENT, 7))
    assert world.seen
    assert world.seen.is_pending
    assert world.notified == [WORKFLOW], "the report need not wait"
    assert await world.capture() == 1
    assert missing_of(world.seen) == ()
    assert server.asked.count("pod") == 1


@pytest.mark.parametrize(
    ("error", "tries"),
    [(ThrottledError("slow down"), TRIES), (UnreachableError("timeout"), KUBELET_TRIES),
     (ServerError("dial tcp", status=502), KUBELET_TRIES), (ServerError("starting", status=503), TRIES)],
)  # fmt: skip
async def test_patience_ends_and_is_shorter_for_a_machine_that_does_not_answer(error: ApiError, tries: int) -> None:
    world = World(Server(a_pod(), error))
    world.ask()
    assert await world.capture(tries=TRIES + 5) == tries
    assert world.seen
    assert world.seen.missing == (Reason.LOG_UNREACHABLE,)


@pytest.mark.parametrize(
    ("lines", "rules"),
    [(0, CaptureRules()), (40, CaptureRules(log_tail_bytes=0)), (40, CaptureRules(no_logs_namespaces=("n*",)))],
)
async def test_a_log_that_nobody_wants_is_not_asked_for(lines: int, rules: CaptureRules) -> None:
    server = Server(a_pod())
    world = World(server, lines=lines, rules=rules)
    world.ask()
    await world.capture()
    assert "log" not in server.asked
    assert world.seen
    assert world.seen.missing == (Reason.LOG_DISABLED,)


async def test_more_logs_than_a_report_holds_are_not_read() -> None:
    server = Server(a_pod())
    world = World(server, rules=CaptureRules(logs_per_workflow=1))
    world.captured.put(WORKFLOW, "u-1", "other", PodEvidence(None, logs={"main": "x"}))
    world.ask()
    await world.capture()
    assert "log" not in server.asked
    assert world.seen
    assert world.seen.missing == (Reason.CAPTURE_LIMIT,)


async def test_a_pod_that_a_look_has_read_is_not_read_again() -> None:
    server = Server()
    world = World(server)
    assert world.capturer.complete(a_pod(), "etl").is_pending
    await world.capture()
    assert server.asked[0] == "log"
    assert world.seen
    assert not world.seen.is_pending


def test_events_are_listed_so_often_and_no_more_and_the_rest_is_for_pods_that_need_them() -> None:
    now = [0.0]
    budget = EventsBudget(burst=3, reserve=2, per_second=1, clock=lambda: now[0])
    assert [budget.take(needed=False) for _ in range(2)] == [True, False]
    assert [budget.take(needed=True) for _ in range(3)] == [True, True, False]
    now[0] = 1.0
    assert budget.take(needed=True)


def test_no_more_is_held_than_there_may_be_and_what_came_first_goes_first() -> None:
    captured = EvidenceCache(EvidenceCacheLimits(pods=2))
    for name in ("a", "b", "c"):
        captured.put(WORKFLOW, "u-1", name, PodEvidence(None))
    assert sorted(captured.of(WORKFLOW, "u-1")) == ["b", "c"]
    small = EvidenceCache(EvidenceCacheLimits(max_bytes=10_000))
    for name in ("a", "b"):
        small.put(WORKFLOW, "u-1", name, PodEvidence(None, logs={"main": "x" * 5000}))
    assert list(small.of(WORKFLOW, "u-1")) == ["b"]
    small.discard(WORKFLOW)
    assert (len(small), small.held_bytes) == (0, 0)


def test_what_came_after_a_look_began_is_not_released_with_what_it_used() -> None:
    captured = EvidenceCache()
    old, new = PodEvidence(a_pod(), missing=(Reason.CAPTURE_PENDING,)), PodEvidence(a_pod())
    captured.put(WORKFLOW, "u-1", "a", old)
    captured.release(WORKFLOW, {"a": old})
    assert captured.of(WORKFLOW, "u-1") == {"a": old}, "more is to come"
    captured.put(WORKFLOW, "u-1", "a", new)
    captured.release(WORKFLOW, {"a": old})
    assert captured.of(WORKFLOW, "u-1") == {"a": new}
    captured.release(WORKFLOW, {"a": new})
    assert captured.of(WORKFLOW, "u-1") == {}
    captured.put(WORKFLOW, "u-2", "a", new)
    assert captured.of(WORKFLOW, "u-1") == {}, "another Workflow of its name"
