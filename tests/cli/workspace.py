"""Recorded runs on a real API server, each as far as a test wants it left: Workflow, pods, report."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import warm
from tests.cli.cases import COMMAND, on_terminal
from tests.recorded import recording

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
    """A namespace of a plane that recorded runs are put into, and the command run on it."""

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
        """Store what is left of a recorded run, under another name if one is given; returns its report.

        ``logs`` are kept tails by pod; ``status`` replaces parts of the report's.
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
        """The end of a recording, moved here."""
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
        self.plane.api.patch(f"{path}/{report['metadata']['name']}/status", {"status": report["status"]})

    def kubeconfig_of(self, name: str, readable: dict[str, list[str]]) -> Path:
        """A ServiceAccount that may read these resources, by API group, and no others."""
        rules = [
            {"apiGroups": [group], "resources": found, "verbs": ["get", "list"]} for group, found in readable.items()
        ]
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"
        metadata = {"metadata": {"name": name}}
        self.plane.api.post(f"/api/v1/namespaces/{self.namespace}/serviceaccounts", metadata)
        self.plane.api.post(f"{rbac}/roles", metadata | {"rules": rules})
        binding = {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": self.namespace}],
        }
        self.plane.api.post(f"{rbac}/rolebindings", metadata | binding)
        return self.plane.kubeconfig_for(service_account=name, namespace=self.namespace)

    def put_pods(self, case: str) -> None:
        """Store the pods of a recorded run, which may be there already."""
        self._put_evidence(self._recorded(case, ""))

    def _put_evidence(self, final: dict[str, Any]) -> None:
        """The pods, and the Events about them."""
        uids = {pod["metadata"]["name"]: self._put_pod(pod) for pod in final["pods"]}
        for event in final["events"]:
            about = event["involvedObject"]
            event["involvedObject"] = about | {"uid": uids.get(about["name"], about.get("uid"))}
            self._post(EVENTS, event)

    def _put_pod(self, pod: dict[str, Any]) -> str:
        # A pod is born without a status, whatever the client says.
        stored = self._post(PODS, pod | {"status": {}})
        path = f"{PODS.format(self.namespace)}/{pod['metadata']['name']}/status"
        self.plane.api.patch(path, {"status": pod["status"]})
        return str(stored["metadata"]["uid"])

    def _post(self, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
        metadata = {key: value for key, value in wanted["metadata"].items() if key not in _SERVERS}
        stored: dict[str, Any] = self.plane.api.post(path.format(self.namespace), wanted | {"metadata": metadata})
        return stored

    def run(self, *arguments: str, kubeconfig: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """The command, as a user runs it in a pipe."""
        command, *rest = arguments
        return warm.run([command, "-n", self.namespace, *rest], self.environ(kubeconfig) | env)

    def on_terminal(self, *arguments: str, columns: int) -> str:
        """What the command shows on a terminal of that width."""
        return on_terminal(self.command(*arguments), columns=columns, env=self.environ() | {"NO_COLOR": "1"})

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        command, *rest = arguments
        return [*COMMAND, command, "-n", self.namespace, *rest]

    def environ(self, kubeconfig: Path | None = None) -> dict[str, str]:
        """The environment it runs in."""
        return {**os.environ, "KUBECONFIG": str(kubeconfig or self.plane.kubeconfig)}

    def end(self, name: str, phase: str) -> None:
        """End a run, as Argo's controller does."""
        self.plane.api.patch(f"{WORKFLOWS.format(self.namespace)}/{name}", {"status": {"phase": phase}})
