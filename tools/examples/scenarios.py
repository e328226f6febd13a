"""Defines the scenarios: a Workflow, and what a person does while it runs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane import ControlPlane
from controlplane.argo import argo_release
from controlplane.errors import ApiError, ControlPlaneError
from controlplane.waiting import wait_until
from wfreport.clock import now

WORKFLOWS: Final = Path(__file__).parent / "workflows"
NAMESPACE: Final = "examples"
WORKFLOWS_PATH: Final = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows"
REPORTS_PATH: Final = f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/workflowreports"
_PATIENCE_SECONDS: Final = 180
_ENDED: Final = frozenset({"Succeeded", "Failed", "Error"})

Json = dict[str, Any]
Act = Callable[[ControlPlane, str], None]


def _nothing(_plane: ControlPlane, _name: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario.

    Attributes:
        file: name of the Workflow's file and of the page.
        title: title of the page.
        expected_class: failure class of the report; None if the run succeeds.
        act: what a person does while it runs.
    """

    file: str
    title: str
    expected_class: str | None
    act: Act = _nothing

    @property
    def manifest(self) -> Path:
        """Return the Workflow's manifest."""
        return WORKFLOWS / f"{self.file}.yaml"

    @property
    def workflow_name(self) -> str:
        """Name of the Workflow."""
        return str(yaml.safe_load(self.manifest.read_text())["metadata"]["name"])


def workflow(plane: ControlPlane, name: str) -> Json | None:
    """Return the Workflow, or None."""
    try:
        found: Json = plane.api.get(f"{WORKFLOWS_PATH}/{name}")
    except ApiError as error:
        if error.status == 404:  # noqa: PLR2004  (not found)
            return None
        raise
    return found


def report(plane: ControlPlane, name: str) -> Json | None:
    """Return the report of a Workflow, or None."""
    items: list[Json] = plane.api.get(REPORTS_PATH)["items"]
    return next((item for item in items if item["spec"]["workflowRef"]["name"] == name), None)


def is_final(found: Json | None) -> bool:
    """Whether a report is final and its evidence complete."""
    status = (found or {}).get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    evidence = conditions.get("EvidenceComplete", {}).get("status") in {"True", "False"}
    nodes = conditions.get("NodesAvailable", {}).get("status") == "True"
    return status.get("observedWorkflow", {}).get("phase") in _ENDED and evidence and nodes


def _wait_for_phase(plane: ControlPlane, name: str, phases: frozenset[str]) -> None:
    def seen() -> bool:
        found = workflow(plane, name)
        return found is not None and found.get("status", {}).get("phase") in phases

    wait_until(seen, what=f"{name} to be {' or '.join(sorted(phases))}", timeout_seconds=_PATIENCE_SECONDS)


def _argo(plane: ControlPlane, *arguments: str) -> None:
    """Run Argo's own CLI through Argo Server, which alone has the offloaded nodes."""
    server = plane.argo_server_url.removeprefix("http://")
    flags = ["--argo-server", server, "--argo-http1", "--secure=false", "-n", NAMESPACE]
    # The CLI requires a token; the server ignores it in mode `server`.
    env = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "ARGO_TOKEN": "Bearer nobody"}
    done = subprocess.run(
        [argo_release().cli, *flags, *arguments], env=env, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ControlPlaneError(f"argo {' '.join(arguments)}: {done.stderr.strip()}")


def _outlive_deadline(plane: ControlPlane, name: str) -> None:
    """Touch a pod until the deadline passes.

    Argo reconciles a Workflow if one of its pods changes, which a real kubelet causes from time to time.
    """
    wait_until(
        lambda: _is_past_deadline(workflow(plane, name)),
        what=f"the deadline of {name}",
        timeout_seconds=_PATIENCE_SECONDS,
    )
    selector = f"workflows.argoproj.io/workflow={name}"
    plane.kubectl("annotate", "pods", "-n", NAMESPACE, "-l", selector, "sim.wfreport.dev/still-there=true")


def _is_past_deadline(found: Json | None) -> bool:
    if found is None or not found.get("status", {}).get("startedAt"):
        return False
    age = now() - datetime.fromisoformat(found["status"]["startedAt"])
    return age.total_seconds() > float(found["spec"]["activeDeadlineSeconds"]) + 1


def _stop(plane: ControlPlane, name: str) -> None:
    pods, selector = f"/api/v1/namespaces/{NAMESPACE}/pods", f"workflows.argoproj.io/workflow={name}"

    def a_pod_runs() -> bool:
        found = plane.api.get(pods, labelSelector=selector)["items"]
        return any(pod["status"]["phase"] == "Running" for pod in found)

    wait_until(a_pod_runs, what=f"a pod of {name} to run", timeout_seconds=_PATIENCE_SECONDS)
    _argo(plane, "stop", name)


def _retry(plane: ControlPlane, name: str) -> None:
    """Retry the Workflow with another parameter after its failure was reported."""
    wait_until(
        lambda: is_final(report(plane, name)), what=f"the first report of {name}", timeout_seconds=_PATIENCE_SECONDS
    )
    _argo(plane, "retry", name, "-p", "code=0")
    _wait_for_phase(plane, name, frozenset({"Succeeded"}))


def _report_from_archive(plane: ControlPlane, name: str) -> None:
    """Apply a report with `source: Archive` after the Workflow was deleted."""
    wait_until(lambda: workflow(plane, name) is None, what=f"{name} to be deleted", timeout_seconds=_PATIENCE_SECONDS)
    wanted = {
        "apiVersion": "wfreport.dev/v1alpha1",
        "kind": "WorkflowReport",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"workflowRef": {"name": name}, "source": "Archive"},
    }
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(wanted))


SCENARIOS: Final = (
    Scenario("out-of-memory", "Out of memory, three times", "OOMKilled"),
    Scenario("evicted", "Evicted from its machine", "Evicted"),
    Scenario("image-pull", "An image that cannot be pulled", "ImagePull", _outlive_deadline),
    Scenario("artifact", "An output that cannot be saved", "ArtifactIO"),
    Scenario("deadline", "A deadline", "Timeout", _outlive_deadline),
    Scenario("stopped", "Stopped by a person", "Cancelled", _stop),
    Scenario("pod-gc", "Its pods are gone already", "ExitCode"),
    Scenario("offloaded", "Its nodes are in Argo's database", "ExitCode"),
    Scenario("archived", "Only the archive has it", "ExitCode", _report_from_archive),
    Scenario("retried", "Retried by hand", None, _retry),
)
