"""Captures failed pods as soon as they fail: container states, the ends of their logs, and their Events.

Captures have a queue of their own, so a reconcile never waits for a pod, however many fail. The evidence stays in the
``EvidenceCache`` until a reconcile has put it into the reports. Evidence that disappears first is read first: the pod
and its logs are deleted by podGC, its Events stay for an hour.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, field, structs

from wfreport.api.kubernetes import Event, Pod
from wfreport.api.reasons import Reason
from wfreport.cache.evidence import EvidenceCache
from wfreport.core.render.evidence import containers_to_read, needs_events
from wfreport.core.snapshot.model import PodEvidence
from wfreport.evidence.events_budget import EventsBudget
from wfreport.evidence.log_reader import LogReader
from wfreport.kube.errors import ApiError, ForbiddenError, InvalidError, NotFoundError, ServerError, UnreachableError
from wfreport.kube.objects import NamespacedName, ObjectMeta
from wfreport.kube.pods import LogGoneError, Pods
from wfreport.logs import kv, throttled
from wfreport.metrics import Metrics
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

TRIES: Final = 8
"""Attempts to capture a pod. With delays that double from 1 s they take two minutes; what could not be read by then is
reported as missing."""

KUBELET_TRIES: Final = 3
"""Attempts if a kubelet does not answer: each keeps a worker busy until it times out."""

_KUBELET_STATUS: Final = frozenset({500, 502, 504})


class _PendingCapture(Struct):
    """A pod that is being captured, and the progress so far.

    Attributes:
        pod_name: namespace and name of the pod.
        workflow: namespace and name of its Workflow.
        uid: uid of the pod.
        workflow_uid: uid of the Workflow that owns the pod; empty until the pod was read.
        tries: attempts so far.
        pod: the pod; None until it was read, and between two attempts: only the cache keeps pods, within its bounds.
        unread: containers whose log is still to be read; None until the pod was read.
        logs: ends of logs, by container.
        telling: the most telling line of each log, by container.
        redacted: number of secrets replaced, by container.
        with_more: containers whose log is longer than its end.
        events: the pod's Events; None until they were read.
        missing: what could not be read.
    """

    pod_name: NamespacedName
    workflow: NamespacedName
    uid: str
    workflow_uid: str = ""
    tries: int = 0
    pod: Pod | None = None
    unread: list[str] | None = None
    logs: dict[str, str] = field(default_factory=dict)
    telling: dict[str, str] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    with_more: set[str] = field(default_factory=set)
    events: Sequence[Event] | None = None
    missing: list[Reason] = field(default_factory=list)

    def add_gap(self, reason: Reason) -> None:
        if reason not in self.missing:
            self.missing.append(reason)

    def evidence(self, *, pending: bool) -> PodEvidence:
        missing = [*self.missing, Reason.CAPTURE_PENDING] if pending else self.missing
        return PodEvidence(
            pod=self.pod,
            events=self.events or (),
            logs=dict(self.logs),
            telling=dict(self.telling),
            redacted=dict(self.redacted),
            containers_with_more_log=frozenset(self.with_more),
            missing=tuple(missing),
        )


class Capturer:
    """Captures pods that were enqueued. The queue gives a pod to one worker at a time.

    A capture that fails for a transient reason goes on where it stopped: what was read is not read again.
    """

    def __init__(
        self,
        *,
        pods: Pods,
        logs: LogReader,
        queue: WorkQueue,
        cache: EvidenceCache,
        budget: EventsBudget,
        metrics: Metrics,
        notify: Callable[[NamespacedName], None],
    ) -> None:
        """Create a capturer; ``notify`` is called with each Workflow that has new evidence."""
        self._pods = pods
        self._logs = logs
        self._queue = queue
        self._cache = cache
        self._budget = budget
        self._metrics = metrics
        self._notify = notify
        self._captures: dict[NamespacedName, _PendingCapture] = {}

    def __len__(self) -> int:
        """Return the number of pods that are being captured or wait for it."""
        return len(self._captures)

    def is_capturing(self, pod: NamespacedName) -> bool:
        """Return whether evidence of this pod is on its way."""
        return pod in self._captures

    def enqueue(self, meta: ObjectMeta) -> None:
        """Capture a pod that has just failed."""
        name = (meta.namespace, meta.name)
        known = self._captures.get(name)
        if known is None or known.uid != meta.uid:
            self._captures[name] = _PendingCapture(name, (meta.namespace, meta.labels.workflow), meta.uid)
            self._queue.add(name, Priority.URGENT, min_resource_version=meta.version)

    def enqueue_listed(self, pod: Pod, workflow: str) -> PodEvidence:
        """Capture logs and Events of a pod that a reconcile has listed; return the evidence so far."""
        meta = pod.metadata
        name = (meta.namespace, meta.name)
        capture = _PendingCapture(name, (meta.namespace, workflow), meta.uid, _owner_uid(pod, workflow))
        self._captures[name] = capture
        self._queue.add(name, Priority.PROGRESS)
        return self._store(structs.replace(capture, pod=pod), pending=True)

    async def capture(self, request: Request) -> None:
        """Capture a pod, as far as possible now.

        Raises:
            ApiError: a transient error; try again.
        """
        capture = self._captures.get(request.name)
        if capture is None:
            return
        capture.tries += 1
        try:
            if await self._read_pod(capture, request.min_resource_version):
                await self._read_logs(capture)
                await self._read_events(capture)
        except ApiError as error:
            if error.transient and capture.tries < _max_tries(capture, error):
                if capture.tries == 1 and capture.pod:
                    self._notify(capture.workflow)
                capture.pod = None
                raise
            self._give_up(capture, error)
        self._finish(capture)

    async def _read_pod(self, capture: _PendingCapture, min_resource_version: int) -> bool:
        """Read the pod, unless it is cached; return whether it exists and a Workflow owns it."""
        capture.pod = self._cache.pod(capture.pod_name, capture.uid) if capture.workflow_uid else None
        if capture.pod is not None:
            return True
        pod = await self._pods.get(*capture.pod_name, min_resource_version=min_resource_version)
        if pod is None or pod.metadata.uid != capture.uid:
            return False
        capture.workflow_uid = _owner_uid(pod, capture.workflow[1])
        if not capture.workflow_uid:
            return False  # anyone can put Argo's label on a pod
        capture.pod = pod
        self._metrics.pods_captured.inc()
        self._store(capture, pending=True)
        return True

    async def _read_logs(self, capture: _PendingCapture) -> None:
        if capture.unread is None:
            capture.unread = self._containers_to_read(capture)
        while capture.unread:
            await self._read_log(capture, capture.unread[0])
            capture.unread.pop(0)

    def _containers_to_read(self, capture: _PendingCapture) -> list[str]:
        containers = containers_to_read(capture.pod) if capture.pod else []
        if not containers:
            return []
        gap = self._logs.find_gap(capture.workflow, cached=self._cache.pods_with_logs(capture.workflow))
        if gap:
            capture.add_gap(gap)
        return [] if gap else containers

    async def _read_log(self, capture: _PendingCapture, container: str) -> None:
        try:
            tail = await self._logs.read(capture.pod_name, container, capture.workflow)
        except (NotFoundError, LogGoneError):
            capture.add_gap(Reason.LOG_GONE)
        except InvalidError:
            pass  # the container never started, so it has no log
        except ForbiddenError as error:
            capture.add_gap(Reason.LOG_FORBIDDEN)
            self._log_failure("pod log read failed", capture, error)
        else:
            capture.logs[container], capture.redacted[container] = tail.text, tail.redacted
            capture.telling[container] = tail.telling
            if tail.was_cut:
                capture.with_more.add(container)

    async def _read_events(self, capture: _PendingCapture) -> None:
        if capture.events is not None or capture.pod is None:
            return
        needed = needs_events(capture.pod)
        if not self._budget.take(capture.pod_name[0], needed=needed):
            if needed:
                capture.add_gap(Reason.EVENTS_NOT_READ)
            return
        try:
            capture.events = await self._pods.list_events(capture.pod_name[0], capture.uid)
        except ForbiddenError as error:
            capture.add_gap(Reason.EVENTS_FORBIDDEN)
            self._log_failure("Event list failed", capture, error)

    def _give_up(self, capture: _PendingCapture, error: ApiError) -> None:
        self._log_failure("pod capture failed", capture, error)
        if capture.pod:  # without the pod, the next reconcile decides what is missing
            capture.add_gap(Reason.LOG_UNREACHABLE if capture.unread else Reason.EVENTS_NOT_READ)

    def _finish(self, capture: _PendingCapture) -> None:
        if self._captures.get(capture.pod_name) is capture:
            del self._captures[capture.pod_name]
        for reason in capture.missing:
            self._metrics.evidence_missing.labels(reason).inc()
        if capture.pod:
            self._store(capture, pending=False)
        self._notify(capture.workflow)

    def _store(self, capture: _PendingCapture, *, pending: bool) -> PodEvidence:
        evidence = capture.evidence(pending=pending)
        self._cache.put(capture.workflow, capture.workflow_uid, capture.pod_name[1], evidence)
        return evidence

    def _log_failure(self, message: str, capture: _PendingCapture, error: ApiError) -> None:
        namespace, name = capture.pod_name
        self._metrics.evidence_failed.labels(type(error).__name__).inc()
        pairs = kv(namespace=namespace, pod=name, error=type(error).__name__, reason=error.message)
        log.warning(message, extra=pairs | throttled(message, namespace))


def _max_tries(capture: _PendingCapture, error: ApiError) -> int:
    """Return how many attempts the error deserves."""
    is_kubelet = bool(capture.unread) and (isinstance(error, UnreachableError) or _is_proxied(error))
    return KUBELET_TRIES if is_kubelet else TRIES


def _is_proxied(error: ApiError) -> bool:
    """Return whether the API server passes on a failure of the kubelet."""
    return isinstance(error, ServerError) and error.status in _KUBELET_STATUS


def _owner_uid(pod: Pod, workflow: str) -> str:
    """Return the uid of the Workflow of this name that owns the pod; empty if none does."""
    owners = pod.metadata.owner_references
    return next((owner.uid for owner in owners if owner.kind == "Workflow" and owner.name == workflow), "")
