"""A policy heals a run: with the real Argo, or with recordings of such resubmissions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from controlplane.recording import RecordedEvent, load_recording
from controlplane.replay import replay
from controlplane.waiting import wait_until
from demo.healed import ATTEMPTS, HEALED, recorded_name
from demo.running import DEADLINE_SECONDS, HERE, NAMESPACE, Demo, reports, wait_for_reports

_LABEL_ATTEMPT: Final = "wfreport.dev/attempt"
_WORKFLOWS: Final = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"


def wait_until_allowed(demo: Demo) -> None:
    """Wait until the operator has checked the policy and its own rights."""
    path = f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/remediationpolicies/oom-ladder"

    def is_allowed() -> bool:
        demo.operator.ensure_running()
        conditions = (demo.plane.api.get(path).get("status") or {}).get("conditions", [])
        return any((one["type"], one["status"]) == ("RemediationAllowed", "True") for one in conditions)

    wait_until(is_allowed, what="the policy to be allowed to act", timeout_seconds=DEADLINE_SECONDS)


def run(demo: Demo, submit: Callable[[], None]) -> None:
    """Submit the run, and wait until a resubmission of it has succeeded."""
    submit()
    if demo.replayed:
        for attempt in range(1, ATTEMPTS + 1):
            _play_resubmission(demo, attempt)
    wait_for_reports(demo, lambda current: bool(_healed(current)))
    wait_until(lambda: _outcome_is_known(demo), what="the outcome of the remediation", timeout_seconds=60)


def healed_run(demo: Demo) -> str:
    """Return the name of the resubmission that succeeded."""
    return _healed(reports(demo.plane))


def _healed(current: Mapping[str, Mapping[str, Any]]) -> str:
    for name, report in current.items():
        status = report.get("status") or {}
        has_succeeded = (status.get("observedWorkflow") or {}).get("phase") == "Succeeded"
        if has_succeeded and name.startswith(HEALED) and (status.get("remediation") or {}).get("attempts"):
            return name
    return ""


def _outcome_is_known(demo: Demo) -> bool:
    path = f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/remediations"
    items = demo.plane.api.get(path)["items"]
    outcomes = [
        condition["status"]
        for item in items
        for condition in (item.get("status") or {}).get("conditions", [])
        if condition["type"] == "Succeeded"
    ]
    return outcomes.count("True") == 1 and len(outcomes) == ATTEMPTS


def _play_resubmission(demo: Demo, attempt: int) -> None:
    """Play what Argo did to such a run onto the Workflow that the operator created."""
    path = _WORKFLOWS.format(NAMESPACE)

    def names() -> list[str]:
        demo.operator.ensure_running()
        items = demo.plane.api.get(f"{path}?labelSelector={_LABEL_ATTEMPT}%3D{attempt}")["items"]
        return [str(item["metadata"]["name"]) for item in items]

    wait_until(lambda: bool(names()), what=f"resubmission {attempt}", timeout_seconds=DEADLINE_SECONDS)
    (name,) = names()
    recorded = recorded_name(attempt)
    events = load_recording(HERE / "recordings" / f"{recorded}.jsonl.gz")
    asyncio.run(_replay(demo, renamed(events, recorded, name)))


async def _replay(demo: Demo, events: Sequence[RecordedEvent]) -> None:
    async with demo.plane.api.session() as api:
        await replay(api, events, speed=1, namespace=NAMESPACE, adopts_workflow=True)


def renamed(events: Sequence[RecordedEvent], old: str, new: str) -> list[RecordedEvent]:
    """Return a recording with another name of its Workflow, and of what is named after it."""
    return [replace(event, object=json.loads(json.dumps(event.object).replace(old, new))) for event in events]
