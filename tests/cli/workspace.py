"""A namespace of a real API server with recorded runs: their Workflows, pods and reports, as a test needs them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import warm
from tests.cli.cases import COMMAND, on_terminal
from tests.recorded import recording
from tests.rights import bind_role, service_account

from controlplane import ControlPlane
from wfreport.cli.sources.computed_reports import SuppliedEvidence, compute_report
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
REPORTS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/workflowreports"
PODS = "/api/v1/namespaces/{}/pods"
EVENTS = "/api/v1/namespaces/{}/events"
_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "selfLink")


@dataclass
class Workspace:
    """A namespace of a control plane: stores recorded runs in it, and runs commands on it."""

    plane: ControlPlane
    namespace: str

    def put(
        self,
        case: str,
        *,
        report: bool = True,
        workflow: bool = True,
        pods: bool = False,
        name: str = "",
        logs: dict[str, str] | None = None,
        **status: Any,
    ) -> dict[str, Any]:
        """Store a recorded run, and return its report.

        Args:
            case: name of the recording.
            report: whether to store the report.
            workflow: whether to store the Workflow.
            pods: whether to store the pods and their Events.
            name: name of the run, if not the recorded one.
            logs: log tails in the report, by pod.
            status: fields of the report's status to replace.
        """
        final = self._recorded(case, name)
        made = self._report(final, logs or {})
        if workflow:
            stored = self._post(WORKFLOWS, final["workflow"])
            made["spec"]["workflowRef"]["uid"] = stored["metadata"]["uid"]
            made["status"]["observedWorkflow"]["uid"] = stored["metadata"]["uid"]
        if pods:
            self._put_evidence(final)
        if report:
            self.put_report(made | {"status": made["status"] | status})
        return made

    def _recorded(self, case: str, name: str) -> dict[str, Any]:
        """Return the end of a recording, moved to this namespace."""
        text = json.dumps(recording(case).final)
        final: dict[str, Any] = json.loads(text)
        metadata = final["workflow"]["metadata"]
        renamed = text.replace(f'"{metadata["name"]}"', f'"{name or metadata["name"]}"')
        moved: dict[str, Any] = json.loads(
            renamed.replace(f'"namespace": "{metadata["namespace"]}"', f'"namespace": "{self.namespace}"')
        )
        return moved

    def _report(self, final: dict[str, Any], logs: dict[str, str]) -> dict[str, Any]:
        snapshot = decode_workflow(final["workflow"])
        evidence = SuppliedEvidence([decode_pod(p) for p in final["pods"]], [decode_event(e) for e in final["events"]])
        report = compute_report(snapshot, evidence.for_workflow(snapshot.workflow))
        for failure in report["status"].get("failures", []):
            if text := logs.get(failure.get("podName", "")):
                failure["logTail"] = {"text": text, "lines": text.count("\n"), "bytes": len(text), "truncated": True}
        return report

    def put_report(self, report: dict[str, Any], *, is_new: bool = True) -> None:
        """Store a report with its status."""
        path = REPORTS.format(self.namespace)
        if is_new:
            self.plane.api.post(path, {key: value for key, value in report.items() if key != "status"})
        self.plane.api.patch(
            f"{path}/{report['metadata']['name']}/status", {"status": report["status"]}, fieldManager="wfreport"
        )

    def kubeconfig_of(self, name: str, readable: dict[str, list[str]], verbs: Sequence[str] = ("get", "list")) -> Path:
        """Return the kubeconfig of a ServiceAccount that can read only these resources, by API group."""
        rules = [
            {"apiGroups": [group], "resources": plurals, "verbs": list(verbs)} for group, plurals in readable.items()
        ]
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        self.plane.api.post(path, {"metadata": {"name": name}})
        bind_role(self.plane, self.namespace, name, rules, service_account(self.namespace, name))
        return self.plane.kubeconfig_for(service_account=name, namespace=self.namespace)

    def put_pods(self, case: str) -> None:
        """Store the pods of a recorded run, whose Workflow may already be stored."""
        self._put_evidence(self._recorded(case, ""))

    def _put_evidence(self, final: dict[str, Any]) -> None:
        """Store the pods, and the Events about them."""
        uids = {pod["metadata"]["name"]: self._put_pod(pod) for pod in final["pods"]}
        for event in final["events"]:
            about = event["involvedObject"]
            event["involvedObject"] = about | {"uid": uids.get(about["name"], about.get("uid"))}
            self._post(EVENTS, event)

    def _put_pod(self, pod: dict[str, Any]) -> str:
        # The API server drops the status of a pod that is created.
        stored = self._post(PODS, pod | {"status": {}})
        path = f"{PODS.format(self.namespace)}/{pod['metadata']['name']}/status"
        self.plane.api.patch(path, {"status": pod["status"]})
        return str(stored["metadata"]["uid"])

    def _post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        metadata = {key: value for key, value in document["metadata"].items() if key not in _SERVERS}
        stored: dict[str, Any] = self.plane.api.post(path.format(self.namespace), document | {"metadata": metadata})
        return stored

    def run(self, *arguments: str, kubeconfig: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a pipe."""
        command, *rest = arguments
        return warm.run([command, "-n", self.namespace, *rest], self.environ(kubeconfig) | env)

    def on_terminal(self, *arguments: str, columns: int) -> str:
        """Return the output of a command on a terminal of this width."""
        return on_terminal(self.command(*arguments), columns=columns, env=self.environ() | {"NO_COLOR": "1"})

    def command(self, *arguments: str) -> list[str]:
        """Return the command line."""
        command, *rest = arguments
        return [*COMMAND, command, "-n", self.namespace, *rest]

    def environ(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """Return the environment of a command."""
        return {**os.environ, "KUBECONFIG": str(kubeconfig or self.plane.kubeconfig)}

    def end(self, name: str, phase: str) -> None:
        """End a run as Argo's controller does."""
        self.plane.api.patch(f"{WORKFLOWS.format(self.namespace)}/{name}", {"status": {"phase": phase}})
