"""A reader's desk: a folder, a namespace and a PATH on which the commands of a page are entered."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml
from tests.cli import warm
from tests.pages import FENCE, ROOT

from controlplane import ControlPlane
from controlplane.binaries import binary, kubectl
from controlplane.ports import free_ports
from controlplane.recording import load_recording
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.snapshot.decode import decode_workflow

RECORDINGS: Final = ROOT / "tools" / "demo" / "recordings"
FAILED, SUCCEEDED = "oom-retries", "clean-dag"
RUN: Final = "etl-x7k2p"
REMEDIATION: Final = "etl-x7k2p-d1323ffb83"
POLICY: Final = "oom-ladder"
RUNS: Final = {
    **dict.fromkeys((RUN, "etl-daily-x7k2p", "my-run", FAILED), FAILED),
    "etl-p4m1z": SUCCEEDED,
    "release-42": SUCCEEDED,
    "train-1736672400": FAILED,
    "sidecar-hangs": "sidecar-hangs",
    "loop-item-fails": "loop-item-fails",
}
"""Runs that pages name, and the recording that each one repeats."""
LAST_SUCCESS: Final = "etl-p4m1z"
REPORTS: Final = {"release-42": "release-42", "train-1736672400": "train-1736672400-0000000000"}
"""Names of reports, if not that of the run with these digits."""
DIGITS: Final = "3f9c1b8e02"
HANGS: Final = {
    "observedWorkflow": {"phase": "Running", "finishedAt": None},
    "stalled": {"reason": "PodGone", "sinceAt": "2026-11-20T08:00:18Z", "message": "gone", "advice": "Stop the run."},
}
OWN: Final = "/apis/wfreport.dev/v1alpha1/namespaces/{}/{}"
WORKFLOWS: Final = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
PODS: Final = "/api/v1/namespaces/{}/pods"

# What a command may end with besides success: `check` and `wait` report by their exit code what they found.
_ALSO_ALLOWED: Final = {r"(kubectl )?wfreport (check|wait) ?": 1, r".*wfreport logs .* -c wait": 1}
_SERVING: Final = r"(kubectl )?wfreport ui\b"
# Namespaces and names of the pages; each page has a namespace of its own here.
_NAMESPACE: Final = re.compile(r"(-n|--namespace|namespace:?) (data|demo|etl|team-a)(?![\w-])")
_PLACEHOLDERS: Final = (
    (re.compile(r"(?<=rmp )NAME\b"), POLICY),
    (re.compile(r"(?<=approve )NAME\b|(?<=deny )NAME\b"), REMEDIATION),
    (re.compile(r"(?<= )NAME(?= |$)"), RUN),
    (re.compile(r" \[STEP\]"), ""),
    (re.compile(r"\brmp batch\b"), f"rmp {POLICY}"),
)
_FOR_A_SHELL: Final = re.compile(r"[|<>$&;`]")
_SECONDS: Final = 300
_OK: Final = 200


class Desk:
    """A folder and a namespace with all that pages take for granted."""

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path) -> None:
        self.plane, self.namespace, self.folder = plane, namespace, folder
        config = yaml.safe_load(plane.kubeconfig.read_text())
        config["contexts"][0]["context"]["namespace"] = namespace
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        programs = (Path(sys.prefix) / "bin", kubectl().parent, binary("helm").parent, binary("kubeconform").parent)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WFREPORT_")}
        self.environment = {
            **inherited,
            "PATH": ":".join((*map(str, programs), os.environ["PATH"])),
            "KUBECONFIG": str(folder / "kubeconfig"),
            "HOME": str(folder),
            "BROWSER": "true",  # opens nothing
        }

    def enter(self, text: str) -> str:
        """Enter a command as it is printed, but for its namespace and its placeholders; return what it prints."""
        command = _NAMESPACE.sub(rf"\1 {self.namespace}", text)
        for pattern, value in _PLACEHOLDERS:
            command = pattern.sub(value, command)
        if not shutil.which("jq"):
            command = command.partition(" | jq ")[0]
        if re.match(_SERVING, command):
            return self._open(re.sub(r"--port \d+", lambda _: f"--port {free_ports(1)[0]}", command))
        return self._entered(command, {0, *(code for form, code in _ALSO_ALLOWED.items() if re.match(form, command))})

    def _entered(self, command: str, allowed: set[int]) -> str:
        """Run a command: in a fork, which imports nothing anew, if it is one of ours that needs no shell."""
        words = [] if _FOR_A_SHELL.search(command) else shlex.split(command)
        if words[:1] == ["kubectl"] and words[1:2] == ["wfreport"]:
            del words[0]
        if words[:1] != ["wfreport"]:
            return self.run(command, allowed)
        in_folder = [str(self.folder / word) if (self.folder / word).is_file() else word for word in words[1:]]
        done = warm.run(in_folder, self.environment)
        assert done.returncode in allowed, f"$ {command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, f"$ {command}\n{done.stderr}"
        return done.stdout

    def run(self, command: str, allowed: frozenset[int] | set[int] = frozenset({0})) -> str:
        """Run a command that ends by itself."""
        done = subprocess.run(
            self._script(command), **self._there, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode in allowed, f"$ {command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, f"$ {command}\n{done.stderr}"
        return str(done.stdout)

    @property
    def _there(self) -> dict[str, Any]:
        return {"cwd": self.folder, "env": self.environment}

    def _script(self, command: str) -> list[str]:
        return ["/bin/bash", "-c", f"set -o pipefail\n{command}"]

    def _open(self, command: str) -> str:
        """Run a command that serves until Ctrl-C, open the URL that it prints, and end it."""
        script = self._script(f"exec {command}")
        with subprocess.Popen(script, **self._there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
            assert one.stdout is not None
            assert one.stderr is not None
            try:
                url = one.stdout.readline().strip()
                opened = urllib3.request("GET", url, timeout=_SECONDS, retries=False) if url else None
            finally:
                one.send_signal(signal.SIGINT)
                one.wait(timeout=_SECONDS)
            errors = one.stderr.read()
        assert (one.returncode, "Traceback" in errors) == (0, False), f"$ {command}\n{errors}"
        assert opened is not None
        assert opened.status == _OK, command
        return str(opened.data.decode())

    # What pages take for granted

    def furnish(self, page: str) -> None:
        """Create the objects and files that a page names."""
        text = (ROOT / page).read_text()
        for name, recording in RUNS.items():
            if name in {RUN, LAST_SUCCESS} or re.search(rf"(?<![\w-]){name}(?!\w)", text):
                self.put_run(name, recording)
        self._write_files()
        self.plane.api.post(OWN.format(self.namespace, "remediationpolicies"), policy(POLICY))

    def put_run(self, name: str, recording: str) -> None:
        """Store a run with its report."""
        workflow = recorded(recording, name)
        api = self.plane.api
        uid = api.post(WORKFLOWS.format(self.namespace), workflow)["metadata"]["uid"]
        report = compute_report(decode_workflow(workflow), {})
        report["metadata"]["name"] = REPORTS.get(name, f"{name}-{DIGITS}")
        report["spec"]["workflowRef"]["uid"] = report["status"]["observedWorkflow"]["uid"] = uid
        for failure in report["status"].get("failures", []):
            report["status"]["comparison"] = {
                "lastSuccess": {"workflowName": LAST_SUCCESS, "runsSince": 0, "successes": 1}
            }
            failure["logTail"] = {"text": "out of memory\n", "lines": 1, "bytes": 14, "truncated": False}
        self.put_report(report)
        if name.startswith("train-"):
            path = f"{OWN.format(self.namespace, 'workflowreports')}/{report['metadata']['name']}/status"
            api.patch(path, {"status": HANGS}, fieldManager="wfreport")

    def put_report(self, report: dict[str, Any]) -> None:
        """Store a report, or another object of ours, with its status."""
        plural = {"WorkflowReport": "workflowreports", "Remediation": "remediations"}[report["kind"]]
        path = OWN.format(self.namespace, plural)
        self.plane.api.post(path, {key: value for key, value in report.items() if key != "status"})
        self.plane.api.patch(
            f"{path}/{report['metadata']['name']}/status", {"status": report["status"]}, fieldManager="wfreport"
        )

    def _write_files(self) -> None:
        for name in ("crds", "manifests", "charts", "docs", "schemas"):
            (self.folder / name).symlink_to(ROOT / name)
        for name, recording in (("workflow", FAILED), ("failed", FAILED), ("good", SUCCEEDED)):
            (self.folder / f"{name}.json").write_text(json.dumps(recorded(recording, f"{name}-1")))
        self.run("gzip -k failed.json")
        for name in ("pods", "events"):
            (self.folder / f"{name}.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": []}))
        (self.folder / "policies").mkdir()
        for name in (POLICY, "policy", "policies/oom-ladder"):
            (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(policy(POLICY)))
        (self.folder / "nightly.yaml").write_text(yaml.safe_dump(policy("nightly")))
        (self.folder / "ca.crt").write_text("a certificate\n")

    def propose(self) -> None:
        """Put a Remediation there that waits for approval."""
        (example,) = [each for each in documents("docs/reference/remediation.md") if each["kind"] == "Remediation"]
        self.run(f"kubectl delete rmd {REMEDIATION} --ignore-not-found")
        example["metadata"] = {"name": REMEDIATION, "namespace": self.namespace}
        example["spec"]["approvalRequired"] = True
        example["spec"]["target"]["name"] = RUN
        approved, executed = example["status"]["conditions"][:2]
        example["status"] = {
            "conditions": [
                {**approved, "status": "Unknown", "reason": "ApprovalAwaited"},
                {**executed, "status": "Unknown", "reason": "ExecutionPending"},
            ]
        }
        self.put_report(example)

    def put_pods(self, name: str) -> None:
        """Create the pods of a run."""
        containers = [{"name": "main", "image": "busybox"}]
        for pod in self.run(f"wfreport pods {name} -o name").split():
            metadata = {"name": pod.removeprefix("pod/")}
            self.plane.api.post(PODS.format(self.namespace), {"metadata": metadata, "spec": {"containers": containers}})

    def delete_pods(self) -> None:
        """Delete all pods at once, as no kubelet would."""
        self.run("kubectl delete pods --all --grace-period=0 --force")


@cache
def _recording(name: str) -> str:
    """Return the last state of a recorded Workflow, as JSON."""
    events = load_recording(RECORDINGS / f"{name}.jsonl.gz")
    return json.dumps([event.object for event in events if event.kind == "Workflow"][-1])


def recorded(recording: str, name: str) -> dict[str, Any]:
    """Return a recorded Workflow under another name, as one of the CronWorkflow `etl-daily`."""
    workflow: dict[str, Any] = json.loads(_recording(recording).replace(f'"{recording}', f'"{name}'))
    labels = {"team": "data", "workflows.argoproj.io/cron-workflow": "etl-daily"}
    metadata = workflow["metadata"]
    workflow["metadata"] = {
        **{key: metadata[key] for key in ("uid", "annotations")},
        "name": name,
        "labels": {**metadata["labels"], **labels},
    }
    return workflow


def documents(page: str) -> list[dict[str, Any]]:
    """Return the objects in the blocks of YAML of a page."""
    blocks = (block["text"] for block in FENCE.finditer((ROOT / page).read_text()) if block["language"] == "yaml")
    return [each for text in blocks for each in yaml.safe_load_all(text) if isinstance(each, dict)]


def policy(name: str) -> dict[str, Any]:
    """Return the policy of the page about writing one, or a sample."""
    if name == "nightly":
        (found,) = documents("docs/howto/write-a-policy.md")
    else:
        found = yaml.safe_load((ROOT / "manifests" / "samples" / f"{name}.yaml").read_text())
    found["metadata"].pop("namespace", None)
    return found
