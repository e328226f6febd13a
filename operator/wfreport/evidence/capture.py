"""A pod that failed is read at once, before it is gone: its containers, the ends of their logs, its Events.

In a queue of its own: a look never waits for a pod, and however many pods fail, looks go on. What was read is held
until a look has put it into the report (``captured``). First what goes first: the pod and its logs go with podGC, its
Events stay for an hour.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from wfreport.api.kubernetes import Event, Pod
from wfreport.api.reasons import Reason
from wfreport.cache.evidence import EvidenceCache
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.evidence import LogLimits, containers_to_read, events_may_tell, shortened_log
from wfreport.core.snapshot.model import PodEvidence
from wfreport.kube.errors import ApiError, ForbiddenError, InvalidError, NotFoundError, ServerError, UnreachableError
from wfreport.kube.objects import NamespacedName, ObjectMeta
from wfreport.kube.pods import LogGoneError, Pods
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

TRIES: Final = 8
"""With delays that double from 1 s that is two minutes; then what could not be read is missing, and is said to be."""

KUBELET_TRIES: Final = 3
"""A machine that does not answer for a log would keep a worker busy."""

MARGIN_LINES: Final = 64
"""Read before the lines that are kept: a private key is redacted as a whole, and then the log is cut."""

MARGIN: Final = 4
"""So many times the bytes that are kept are read, for the same reason."""


_KUBELET_STATUS: Final = frozenset({500, 502, 504})


@dataclass(frozen=True, slots=True)
class CaptureRules:
    """What the settings say of captures.

    Attributes:
        log_tail_bytes: kept of a log; 0 reads none.
        no_logs_namespaces: glob patterns of namespaces whose logs are never read.
        logs_per_workflow: so many pods' logs are held of one Workflow: more would not fit its report.
    """

    log_tail_bytes: int = 8 * 1024
    no_logs_namespaces: Sequence[str] = ()
    logs_per_workflow: int = 50

    def reads_logs(self, namespace: str) -> bool:
        """Whether logs of this namespace may be read."""
        return self.log_tail_bytes > 0 and not any(fnmatchcase(namespace, glob) for glob in self.no_logs_namespaces)


class EventsBudget:
    """Events have no index: each list reads all Events of its namespace. So many are made in a time, and no more.

    Pods of which the Events tell more than the pod itself may use all of it, others a part.
    """

    def __init__(
        self, *, burst: int = 50, reserve: int = 40, per_second: float = 1, clock: Callable[[], float]
    ) -> None:
        """``reserve`` of ``burst`` is kept for those that need it."""
        self._burst, self._reserve, self._per_second = burst, reserve, per_second
        self._clock = clock
        self._left, self._at = float(burst), clock()

    def take(self, *, needed: bool) -> bool:
        """Whether one more list may be made now."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < (1 if needed else self._reserve + 1):
            return False
        self._left -= 1
        return True


@dataclass(slots=True)
class _PendingCapture:
    """A pod that is being captured, and how far that has come."""

    key: NamespacedName
    workflow: NamespacedName
    uid: str
    workflow_uid: str = ""
    tries: int = 0
    pod: Pod | None = None
    unread: list[str] | None = None
    logs: dict[str, str] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    with_more: set[str] = field(default_factory=set)
    events: Sequence[Event] | None = None
    missing: list[Reason] = field(default_factory=list)

    def lacks(self, reason: Reason) -> None:
        if reason not in self.missing:
            self.missing.append(reason)

    def evidence(self, *, pending: bool) -> PodEvidence:
        missing = [*self.missing, Reason.CAPTURE_PENDING] if pending else self.missing
        return PodEvidence(
            pod=self.pod,
            events=self.events or (),
            logs=dict(self.logs),
            redacted=dict(self.redacted),
            containers_with_more_log=frozenset(self.with_more),
            missing=tuple(missing),
        )


class Capturer:
    """Reads pods that are asked for. One pod is read by one worker at a time."""

    def __init__(
        self,
        *,
        pods: Pods,
        queue: WorkQueue,
        captured: EvidenceCache,
        rules: CaptureRules,
        redactor: Redactor,
        log_lines: Callable[[NamespacedName], int],
        metrics: Metrics,
        clock: Callable[[], float],
        notify: Callable[[NamespacedName], None],
    ) -> None:
        """``log_lines`` tells how many lines the reports of a Workflow want, ``notify`` is told of new evidence."""
        self._pods = pods
        self._queue = queue
        self._captured = captured
        self._rules = rules
        self._prose = TextSanitizer(redactor)
        self._budget = EventsBudget(clock=clock)
        self._log_lines = log_lines
        self._metrics = metrics
        self._notify = notify
        self._asked: dict[NamespacedName, _PendingCapture] = {}

    def __len__(self) -> int:
        """How many pods are being captured, or wait for it."""
        return len(self._asked)

    def is_coming(self, pod: NamespacedName) -> bool:
        """Whether evidence of this pod is on its way."""
        return pod in self._asked

    def enqueue(self, meta: ObjectMeta) -> None:
        """A pod failed: read it now."""
        key = (meta.namespace, meta.name)
        known = self._asked.get(key)
        if known is None or known.uid != meta.uid:
            self._asked[key] = _PendingCapture(key, (meta.namespace, meta.labels.workflow), meta.uid)
            self._queue.add(key, Priority.URGENT, min_resource_version=meta.version)

    def complete(self, pod: Pod, workflow: str) -> PodEvidence:
        """A look has read this pod: its logs and Events are still to be read. What there is of it so far."""
        meta = pod.metadata
        key = (meta.namespace, meta.name)
        asked = _PendingCapture(key, (meta.namespace, workflow), meta.uid, _owner_uid(pod, workflow), pod=pod)
        self._asked[key] = asked
        self._queue.add(key, Priority.PROGRESS)
        return self._hold(asked, pending=True)

    async def capture(self, request: Request) -> None:
        """Go on with a pod as far as that is possible now.

        Raises:
            ApiError: a transient one: come again.
        """
        asked = self._asked.get(request.name)
        if asked is None:
            return
        asked.tries += 1
        try:
            if await self._read_pod(asked, request.min_resource_version):
                await self._read_logs(asked)
                await self._read_events(asked)
        except ApiError as error:
            if error.transient and asked.tries < _patience(asked, error):
                if asked.tries == 1 and asked.pod:
                    self._notify(asked.workflow)
                raise
            self._give_up(asked, error)
        self._finish(asked)

    async def _read_pod(self, asked: _PendingCapture, not_older_than: int) -> bool:
        """Whether there is a pod to go on with."""
        if asked.pod is not None:
            return True
        pod = await self._pods.fetch(*asked.key, not_older_than=not_older_than)
        if pod is None or pod.metadata.uid != asked.uid:
            return False
        asked.workflow_uid = _owner_uid(pod, asked.workflow[1])
        if not asked.workflow_uid:
            return False  # somebody else's pod with Argo's label
        asked.pod = pod
        self._metrics.pods_captured.inc()
        self._hold(asked, pending=True)
        return True

    async def _read_logs(self, asked: _PendingCapture) -> None:
        if asked.unread is None:
            asked.unread = self._logs_wanted(asked)
        while asked.unread:
            await self._read_log(asked, asked.unread[0])
            asked.unread.pop(0)

    def _logs_wanted(self, asked: _PendingCapture) -> list[str]:
        wanted = containers_to_read(asked.pod) if asked.pod else []
        if not wanted:
            return []
        if not self._rules.reads_logs(asked.key[0]) or self._log_lines(asked.workflow) == 0:
            asked.lacks(Reason.LOG_DISABLED)
            return []
        if self._captured.logs_held(asked.workflow) >= self._rules.logs_per_workflow:
            asked.lacks(Reason.CAPTURE_LIMIT)
            return []
        return wanted

    async def _read_log(self, asked: _PendingCapture, container: str) -> None:
        lines, max_bytes = self._log_lines(asked.workflow), self._rules.log_tail_bytes * MARGIN
        try:
            end = await self._pods.read_log(*asked.key, container, lines=lines + MARGIN_LINES, max_bytes=max_bytes)
        except (NotFoundError, LogGoneError):
            asked.lacks(Reason.LOG_GONE)
        except InvalidError:
            pass  # it never started, so it said nothing
        except ForbiddenError as error:
            asked.lacks(Reason.LOG_FORBIDDEN)
            self._complain("logs cannot be read", asked, error)
        else:
            kept = shortened_log(end.text, self._prose, LogLimits(lines, self._rules.log_tail_bytes))
            asked.logs[container], asked.redacted[container] = kept.text, kept.redacted
            if end.has_more or kept.was_cut:
                asked.with_more.add(container)

    async def _read_events(self, asked: _PendingCapture) -> None:
        if asked.events is not None or asked.pod is None:
            return
        needed = events_may_tell(asked.pod)
        if not self._budget.take(needed=needed):
            if needed:
                asked.lacks(Reason.EVENTS_NOT_READ)
            return
        try:
            asked.events = await self._pods.list_events(asked.key[0], asked.uid)
        except ForbiddenError as error:
            asked.lacks(Reason.EVENTS_FORBIDDEN)
            self._complain("Events cannot be read", asked, error)

    def _give_up(self, asked: _PendingCapture, error: ApiError) -> None:
        self._complain("pod cannot be captured", asked, error)
        if asked.pod:  # else a look finds out what can be had of it
            asked.lacks(Reason.LOG_UNREACHABLE if asked.unread else Reason.EVENTS_NOT_READ)

    def _finish(self, asked: _PendingCapture) -> None:
        if self._asked.get(asked.key) is asked:
            del self._asked[asked.key]
        for reason in asked.missing:
            self._metrics.evidence_missing.labels(reason).inc()
        if asked.pod:
            self._hold(asked, pending=False)
        self._notify(asked.workflow)

    def _hold(self, asked: _PendingCapture, *, pending: bool) -> PodEvidence:
        evidence = asked.evidence(pending=pending)
        self._captured.put(asked.workflow, asked.workflow_uid, asked.key[1], evidence)
        return evidence

    def _complain(self, what: str, asked: _PendingCapture, error: ApiError) -> None:
        self._metrics.evidence_failed.labels(type(error).__name__).inc()
        pairs = kv(namespace=asked.key[0], error=type(error).__name__, reason=error.message)
        log.warning(what, extra=pairs | throttled(what, asked.key[0]))


def _patience(asked: _PendingCapture, error: ApiError) -> int:
    """How often to try, given what happened."""
    is_kubelet = bool(asked.unread) and (isinstance(error, UnreachableError) or _is_proxied(error))
    return KUBELET_TRIES if is_kubelet else TRIES


def _is_proxied(error: ApiError) -> bool:
    """Whether the API server speaks of the kubelet's failure, not of its own."""
    return isinstance(error, ServerError) and error.status in _KUBELET_STATUS


def _owner_uid(pod: Pod, workflow: str) -> str:
    """Uid of the Workflow of this name that owns the pod; empty for none."""
    owners = pod.metadata.owner_references
    return next((owner.uid for owner in owners if owner.kind == "Workflow" and owner.name == workflow), "")
