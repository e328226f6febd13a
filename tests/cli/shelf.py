"""Recorded runs on a real API server, each as far as a test wants it left: Workflow, pods, report."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.cases import COMMAND, on_terminal
from tests.recorded import recording

from controlplane import ControlPlane
from wfreport.cli.explain import EvidenceOfPods, report_of
from wfreport.core.wire import decode_event, decode_pod, decode_workflow

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
REPORTS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/workflowreports"
PODS = "/api/v1/namespaces/{}/pods"
_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "selfLink")


@dataclass
class Shelf:
    """A namespace of a plane that recorded runs are put into, and the command run on it."""

    plane: ControlPlane
    namespace: str
    env: dict[str, str] = field(default_factory=dict)

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
        for pod in final["pods"] if pods else ():
            self._put_pod(pod)
        if report:
            self._put_report(made, status)
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
        evidence = EvidenceOfPods([decode_pod(p) for p in final["pods"]], [decode_event(e) for e in final["events"]])
        report = report_of(snapshot, evidence.of(snapshot.workflow))
        for failure in report["status"].get("failures", []):
            if text := logs.get(failure.get("podName", "")):
                failure["logTail"] = {"text": text, "lines": text.count("\n"), "bytes": len(text), "truncated": True}
        return report

    def _put_report(self, report: dict[str, Any], status: dict[str, Any]) -> None:
        path = REPORTS.format(self.namespace)
        intent = {key: value for key, value in report.items() if key != "status"}
        self.plane.api.post(path, intent)
        self.plane.api.patch(f"{path}/{report['metadata']['name']}/status", {"status": report["status"] | status})

    def _put_pod(self, pod: dict[str, Any]) -> None:
        # A pod is born without a status, whatever the client says.
        self._post(PODS, pod | {"status": {}})
        path = f"{PODS.format(self.namespace)}/{pod['metadata']['name']}/status"
        self.plane.api.patch(path, {"status": pod["status"]})

    def _post(self, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
        metadata = {key: value for key, value in wanted["metadata"].items() if key not in _SERVERS}
        stored: dict[str, Any] = self.plane.api.post(path.format(self.namespace), wanted | {"metadata": metadata})
        return stored

    def run(self, *arguments: str, kubeconfig: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """The command, as a user runs it in a pipe."""
        return subprocess.run(
            self._command(arguments), capture_output=True, text=True, check=False, env=self._env(kubeconfig) | env
        )

    def on_terminal(self, *arguments: str, columns: int) -> str:
        """What the command shows on a terminal of that width."""
        return on_terminal(self._command(arguments), columns=columns, env=self._env(None) | {"NO_COLOR": "1"})

    def _command(self, arguments: Iterable[str]) -> list[str]:
        command, *rest = arguments
        return [*COMMAND, command, "-n", self.namespace, *rest]

    def _env(self, kubeconfig: Path | None) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(kubeconfig or self.plane.kubeconfig), **self.env}
