"""Users and Argo's controller during a fault: Workflows are created, run and end, and some of them fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import urllib3
from tests.live.operator.harness import COMPLETED, WORKFLOWS
from tests.live.remediation.harness import RemediationCluster

from controlplane.errors import ApiError

FAILING_EVERY = 4
"""Every fourth run fails, and is resubmitted by the policy."""

RESUBMITTED = "wfreport.dev/attempt"
_RUNNING_AT_ONCE = 6


class Load:
    """Creates and ends Workflows in turn in some namespaces, in a thread, until it is stopped.

    Args:
        clusters: the namespaces.
        per_second: the number of Workflows that are created in a second.
        prefix: the beginning of their names.
    """

    def __init__(self, clusters: Sequence[RemediationCluster], *, per_second: float = 3, prefix: str = "run") -> None:
        self._clusters = clusters
        self._interval_seconds = 1 / per_second
        self._prefix = prefix
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._running: list[tuple[RemediationCluster, str]] = []
        self._problem: BaseException | None = None
        self.created = 0
        self.failed = 0

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all runs that are left, and wait for that."""
        self._stopped.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), "the load has not ended"
        assert self._problem is None, self._problem

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self._interval_seconds):
                self._create()
                if len(self._running) > _RUNNING_AT_ONCE:
                    self._end(*self._running.pop(0))
                if not self.created % 3:
                    self.end_resubmissions()
            for cluster, name in self._running:
                self._end(cluster, name)
        except BaseException as error:  # noqa: BLE001  (raised by stop)
            self._problem = error

    def _create(self) -> None:
        cluster = self._clusters[self.created % len(self._clusters)]
        name = f"{self._prefix}-{self.created}"
        _persist(lambda: cluster.create(name))
        self._running.append((cluster, name))
        self.created += 1

    def _end(self, cluster: RemediationCluster, name: str) -> None:
        number = int(name.rpartition("-")[2])
        fails = number % FAILING_EVERY == FAILING_EVERY - 1
        _persist(lambda: cluster.end(name, "Failed" if fails else "Succeeded"))
        self.failed += fails

    def end_resubmissions(self) -> None:
        """Let each Workflow that the operator created succeed."""
        for cluster in self._clusters:
            for workflow in workflows_of(cluster, f"{RESUBMITTED},{COMPLETED}!=true"):
                name = workflow["metadata"]["name"]
                _persist(lambda cluster=cluster, name=name: cluster.end(name, "Succeeded"))  # type: ignore[misc]


def workflows_of(cluster: RemediationCluster, selector: str = "") -> list[dict[str, Any]]:
    """Return the Workflows of a namespace; the API server may be away for a while."""
    query = {"labelSelector": selector} if selector else {}
    found: list[dict[str, Any]] = []

    def read() -> None:
        found[:] = cluster.plane.api.get(WORKFLOWS.format(cluster.namespace), **query)["items"]

    _persist(read)
    return found


def _persist(step: Callable[[], object]) -> None:
    """Repeat a step while the API server is away, full or busy; a Workflow that exists was created before."""
    tries = threading.Event()
    for _ in range(600):
        try:
            step()
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return
            if error.status not in {401, 403, 409, 429, 500, 503, 504}:
                raise
        except urllib3.exceptions.HTTPError:
            pass
        else:
            return
        tries.wait(0.2)
    raise AssertionError("the API server was away for two minutes")
