"""Composes what keeps a harmful reconcile from stopping the operator: watchdog, record on the Lease, quarantine."""

import http.client
import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from wfreport.api.names import ANNOTATION_RECONCILE_RECORD, KIND_REPORT
from wfreport.api.reasons import Reason
from wfreport.app.shared import Shared
from wfreport.kube.events import WARNING, InvolvedObject
from wfreport.kube.leases import BlockingLease
from wfreport.logs import kv
from wfreport.reconcile.abandonment import CONTROLLER, AbandonmentGuard
from wfreport.remediation.queues import RemediationQueues
from wfreport.runtime.lease import Lease
from wfreport.runtime.quarantine import Quarantine, ReconcileRecord
from wfreport.runtime.suspects import Mark
from wfreport.runtime.watchdog import Watchdog
from wfreport.runtime.workqueue import Priority, WorkQueue

log = logging.getLogger(__name__)


def build_quarantine(
    shared: Shared, record: ReconcileRecord, lease: Lease, guard: AbandonmentGuard, queues: RemediationQueues
) -> Quarantine:
    """Build the quarantine of all queues. Large responses are marked from now on."""
    quarantine = Quarantine(
        record,
        lease,
        shared.in_flight,
        queues=queues_by_controller(shared, queues),
        abandon={CONTROLLER: guard.abandon},
        announce=partial(_announce, shared),
        metrics=shared.metrics,
    )
    guard.quarantine = quarantine
    shared.kube.client.on_large_body = shared.in_flight.received_large_body
    return quarantine


def queues_by_controller(shared: Shared, remediation: RemediationQueues) -> Mapping[str, WorkQueue]:
    """Return the queue of each controller, as the workers name them."""
    own = shared.queues
    return {
        CONTROLLER: own.workflows,
        "capture": own.captures,
        "report_reader": own.reports,
        "argo_server": own.server,
        "archived_logs": own.server_logs,
        "remediation": remediation.runs,
        "early_pod_labels": remediation.pods,
        "policies": remediation.policies,
        "remediations": remediation.remediations,
        "notifier": remediation.notifications,
    }


async def _announce(shared: Shared, mark: Mark) -> None:
    """Record an Event about the reports that an abandoned key belongs to; keys of some controllers have none."""
    key, reports = (mark.namespace, mark.name), shared.reports
    report = reports.get(key) if mark.controller in _REPORT_KEYS else None
    entries = reports.of_workflow(key) if mark.controller in _WORKFLOW_KEYS else [report] if report else []
    message = (
        f"the operator died twice while it worked on this report (controller {mark.controller}). It does not try again "
        f"until the annotation {ANNOTATION_RECONCILE_RECORD} is removed from its Lease"
    )
    for entry in entries:
        involved = InvolvedObject(KIND_REPORT, entry.namespace, entry.name, entry.uid)
        await shared.kube.events.record(
            involved, Reason.RECONCILE_ABANDONED, message, event_type=WARNING, discriminator=mark.controller
        )


_REPORT_KEYS: Final = frozenset({"remediation", "report_reader"})
_WORKFLOW_KEYS: Final = frozenset({CONTROLLER, "early_pod_labels", "argo_server", "archived_logs"})


def are_empty(queues: Mapping[str, WorkQueue]) -> bool:
    """Return whether no key waits in any queue."""
    return not any(queue.depth(priority) for queue in queues.values() for priority in Priority)


def build_watchdog(shared: Shared, record: ReconcileRecord, lease: Lease | None) -> Watchdog:
    """Build the watchdog. Without a Lease it logs and counts, and nothing outlives the process."""
    return Watchdog(
        shared.in_flight,
        count_blocked=lambda controller: shared.metrics.event_loop_blocked.labels(controller).inc(),
        write_marks=_mark_writer(shared, record, lease) if lease else None,
        dump=sys.stderr,
    )


def _mark_writer(shared: Shared, record: ReconcileRecord, lease: Lease) -> Callable[[], bool]:
    """Return the function by which the watchdog's thread writes the record; it returns whether it was written."""
    settings, client = shared.settings, shared.kube.client
    blocking = BlockingLease(
        lambda: client.endpoint,
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=lease.identity,
    )

    def write_marks() -> bool:
        try:
            return blocking.annotate(record.text())
        except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
            log.warning("lease annotation failed", extra=kv(error=type(error).__name__, reason=str(error)))
            return False

    return write_marks
