"""The commands of how-tos run as they are printed, on a real API server with the objects that they name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.contract.test_pages import ROOT, blocks, policies

from controlplane import ControlPlane
from controlplane.binaries import kubectl
from controlplane.recording import load_recording

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("installed")]

RECORDING: Final = ROOT / "tools" / "demo" / "recordings" / "oom-retries.jsonl.gz"
RUN: Final = "etl-daily-x7k2p"
REPORT: Final = "etl-x7k2p-3f9c1b8e02"
REMEDIATION: Final = "etl-x7k2p-d1323ffb83"
PATH: Final = "/apis/wfreport.dev/v1alpha1/namespaces/{}/{}"
PAGES: Final = (
    *("write-a-policy", "enforce", "evidence", "many-teams", "retention", "remediate", "notify", "explain", "share"),
    *("install", "remove"),
)
# Those that need an operator that runs, or an image.
LEFT_OUT: Final = re.compile(r"wfreport check|^(helm|docker|make) ")


@pytest.fixture(scope="module")
def installed(plane: ControlPlane) -> None:
    """Apply what the page about kustomize applies; no operator runs."""
    plane.kubectl("apply", "--server-side", "-k", ROOT / "manifests" / "overlays" / "default")


def commands(page: str) -> Iterator[str]:
    for text in blocks(ROOT / "docs" / "howto" / f"{page}.md", "sh"):
        for line in text.splitlines():
            command = line.partition("  #")[0].strip()
            if command and not LEFT_OUT.search(command):
                yield command


class Desk:
    """A folder and a namespace with all that the pages take for granted."""

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path) -> None:
        self.plane, self.namespace, self.folder = plane, namespace, folder
        config = yaml.safe_load(plane.kubeconfig.read_text())
        config["contexts"][0]["context"]["namespace"] = namespace
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        programs = (Path(sys.prefix) / "bin", kubectl().parent)
        path = ":".join((*map(str, programs), os.environ["PATH"]))
        self.environment = {**os.environ, "PATH": path, "KUBECONFIG": str(folder / "kubeconfig")}

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["/bin/bash", "-c", f"set -o pipefail\n{command}"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def enter(self, command: str) -> str:
        if re.search(r"wfreport (approve|deny) ", command):
            self.propose()
        command = re.sub(r"(-n|namespace) (data|team-a)\b", rf"\1 {self.namespace}", command)
        return self.run(command)

    def furnish(self) -> None:
        workflow = _workflow()
        for name in ("workflow", "failed"):
            (self.folder / f"{name}.json").write_text(json.dumps(workflow))
        for name in ("pods", "events"):
            (self.folder / f"{name}.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": []}))
        for name in ("crds", "manifests"):
            (self.folder / name).symlink_to(ROOT / name)
        self.run("kubectl create -f workflow.json")
        report = json.loads(self.run("wfreport explain workflow.json -o json"))
        report["metadata"] = {"name": REPORT, "namespace": self.namespace}
        self.plane.api.post(PATH.format(self.namespace, "workflowreports"), report)
        self._write_status("workflowreports", report)
        sample = yaml.safe_load((ROOT / "manifests" / "samples" / "oom-ladder.yaml").read_text())
        for name in ("oom-ladder", "policy"):
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(sample))
        self.run("kubectl apply -f oom-ladder.yaml")
        for parameters in policies():
            (policy,) = parameters.values
            policy["metadata"].pop("namespace", None)
            if policy["metadata"]["name"] == "nightly":
                (self.folder / "nightly.yaml").write_text(yaml.safe_dump(policy))

    def propose(self) -> None:
        """Put a Remediation there that waits for approval."""
        (example,) = [
            document
            for text in blocks(ROOT / "docs" / "reference" / "remediation.md", "yaml")
            for document in yaml.safe_load_all(text)
            if document["kind"] == "Remediation"
        ]
        self.run(f"kubectl delete rmd {REMEDIATION} --ignore-not-found")
        example["metadata"] = {"name": REMEDIATION, "namespace": self.namespace}
        example["spec"]["approvalRequired"] = True
        approved, executed = example["status"]["conditions"][:2]
        example["status"] = {
            "conditions": [
                {**approved, "status": "Unknown", "reason": "ApprovalAwaited"},
                {**executed, "status": "Unknown", "reason": "ExecutionPending"},
            ]
        }
        self.plane.api.post(PATH.format(self.namespace, "remediations"), example)
        self._write_status("remediations", example)

    def _write_status(self, plural: str, document: dict[str, Any]) -> None:
        name = document["metadata"]["name"]
        patch = json.dumps({"status": document["status"]})
        (self.folder / "status.json").write_text(patch)
        self.run(f"kubectl patch {plural} {name} --subresource status --type merge --patch-file status.json")


def _workflow() -> dict[str, Any]:
    last = [event.object for event in load_recording(RECORDING) if event.kind == "Workflow"][-1]
    workflow: dict[str, Any] = json.loads(json.dumps(last).replace("oom-retries", RUN))
    metadata = workflow["metadata"]
    workflow["metadata"] = {"name": RUN, "labels": {**metadata["labels"], "team": "data"}, "uid": metadata["uid"]}
    return workflow


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_the_page_succeeds(plane: ControlPlane, namespace: str, tmp_path: Path, page: str) -> None:
    desk = Desk(plane, namespace, tmp_path)
    desk.furnish()
    entered = list(commands(page))
    assert entered
    for command in entered:
        desk.enter(command)


def test_what_the_commands_show_is_what_the_pages_promise(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    desk = Desk(plane, namespace, tmp_path)
    desk.furnish()
    classes, *_ = [command for command in commands("write-a-policy") if "failureClass" in command]
    assert desk.enter(classes).split() == ["1", "OOMKilled"]
    evidence, *_ = [command for command in commands("evidence") if "EvidenceComplete" in command]
    assert desk.enter(evidence).split()[:3] == ["NAME", "EVIDENCE", REPORT]
    assert REPORT not in desk.run("kubectl get wfr --field-selector status.failureClass=Evicted -o name")
