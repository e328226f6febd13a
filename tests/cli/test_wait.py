"""`wfreport wait` against a real API server, as a process with an exit code, as in a CI job."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cli.cases import COMMAND, on_terminal, workflow_of
from tests.eventually import eventually

from controlplane import ControlPlane
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.snapshot.decode import decode_workflow

pytestmark = pytest.mark.cluster

WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
REPORTS = "/apis/wfreport.dev/v1alpha1/namespaces/{}/workflowreports"
COMPLETED = "workflows.argoproj.io/completed"
RUNNING = {"phase": "Running", "startedAt": "2026-01-02T03:04:05Z", "progress": "0/1"}
ENDS = {"Succeeded": 0, "Failed": 1, "Error": 3}


class Cluster:
    """A namespace of the control plane, and the command run on it."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane, self.namespace = plane, namespace
        self.workflows = WORKFLOWS.format(namespace)

    def submit(self, name: str, status: dict[str, Any] | None = None) -> dict[str, Any]:
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name, "labels": {COMPLETED: "false", "workflows.argoproj.io/phase": "Running"}},
            "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "busybox"}}]},
            "status": status or RUNNING,
        }
        created: dict[str, Any] = self.plane.api.post(self.workflows, body)
        return created

    def end(self, name: str, phase: str) -> dict[str, Any]:
        """Write the status and the labels at once, as Argo's controller does."""
        change = {
            "metadata": {"labels": {COMPLETED: "true", "workflows.argoproj.io/phase": phase}},
            "status": {"phase": phase, "finishedAt": "2026-01-02T03:05:05Z"},
        }
        return self.patch(name, change)

    def patch(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        patched: dict[str, Any] = self.plane.api.call(
            "PATCH", f"{self.workflows}/{name}", change, content_type="application/merge-patch+json"
        )
        return patched

    def report(self, workflow: dict[str, Any], summary: str, **observed: str) -> None:
        """Store the operator's report of a Workflow, with some fields of ``observedWorkflow`` changed."""
        report = compute_report(decode_workflow(workflow), {})
        status = report.pop("status") | {"summary": summary}
        status["observedWorkflow"] |= observed
        path = REPORTS.format(self.namespace)
        self.plane.api.post(path, report)
        name = report["metadata"]["name"]
        content_type, query = "application/merge-patch+json", {"fieldManager": "wfreport"}
        self.plane.api.call(
            "PATCH", f"{path}/{name}/status", {"status": status}, content_type=content_type, query=query
        )

    def delete(self, name: str) -> None:
        self.plane.api.call("DELETE", f"{self.workflows}/{name}")

    @contextmanager
    def waiting(self, name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run the command; its watch is open when the block begins."""
        command = [*COMMAND, "wait", name, "-n", self.namespace, *arguments]
        env = os.environ | {"KUBECONFIG": str(self.plane.kubeconfig)}
        eventually(lambda: self.watches() == 0)  # the API server notices a moment later that a client is gone
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        try:
            eventually(lambda: process.poll() is not None or self.watches() > 0)
            yield process
        finally:
            process.kill()
            process.communicate()

    def watches(self) -> int:
        """Return the number of open watches of single Workflows."""
        metrics = self.plane.api.get("/metrics")
        pattern = r'apiserver_longrunning_requests\{[^}]*resource="workflows"[^}]*verb="WATCH"[^}]*\} (\d+)'
        return sum(map(int, re.findall(pattern, metrics)))


@pytest.fixture
def cluster(plane: ControlPlane, namespace: str) -> Cluster:
    return Cluster(plane, namespace)


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(("phase", "code"), ENDS.items())
def test_the_exit_code_is_the_outcome(cluster: Cluster, phase: str, code: int) -> None:
    cluster.submit("one")
    with cluster.waiting("one") as process:
        cluster.patch("one", {"status": {"progress": "1/1"}})
        assert process.poll() is None
        cluster.end("one", phase)
        returned, out, err = outcome(process)
    assert (returned, err) == (code, "")
    assert len(out.splitlines()) == 1


def test_a_completed_run_is_reported_at_once(cluster: Cluster) -> None:
    cluster.submit("one")
    cluster.end("one", "Failed")
    with cluster.waiting("one") as process:
        assert outcome(process)[0] == 1


def test_an_unknown_workflow_is_code_5(cluster: Cluster) -> None:
    with cluster.waiting("none") as process:
        returned, out, err = outcome(process)
    assert (returned, out) == (5, "")
    assert err == f"Error: no Workflow none in namespace {cluster.namespace}\n"


@pytest.mark.parametrize(("phase", "code"), ENDS.items())
def test_a_run_whose_workflow_was_deleted_after_its_end_is_answered_for_by_its_report(
    cluster: Cluster, phase: str, code: int
) -> None:
    cluster.submit("one")
    cluster.report(cluster.end("one", phase), "as the operator saw it")
    cluster.delete("one")
    with cluster.waiting("one") as process:
        assert outcome(process) == (code, "as the operator saw it\n", "")


def test_a_run_whose_workflow_was_deleted_before_its_end_is_code_5_with_its_last_state(cluster: Cluster) -> None:
    cluster.report(cluster.submit("one"), "Running 0/1")
    cluster.delete("one")
    with cluster.waiting("one") as process:
        returned, out, err = outcome(process)
    assert (returned, out) == (5, "Running 0/1\n")
    assert err == "Error: one was deleted before it ended; the summary is its last known state\n"


def test_a_misspelled_workflow_is_code_5_and_has_a_suggestion(cluster: Cluster) -> None:
    cluster.submit("nightly")
    with cluster.waiting("nightl") as process:
        returned, _, err = outcome(process)
    assert returned == 5
    assert err == f"Error: no Workflow nightl in namespace {cluster.namespace}; did you mean nightly?\n"


def test_a_timeout_is_code_4_with_the_phase(cluster: Cluster) -> None:
    cluster.submit("one")
    with cluster.waiting("one", "--timeout", "1s") as process:
        returned, out, err = outcome(process)
    assert returned == 4
    assert "Running" in out
    assert err == "Error: one: timed out after 1s; still Running\n"


def test_a_workflow_deleted_while_it_ran_is_code_5_with_its_last_state(cluster: Cluster) -> None:
    cluster.submit("one")
    with cluster.waiting("one") as process:
        cluster.delete("one")
        returned, out, err = outcome(process)
    assert returned == 5
    assert "Running" in out
    assert "deleted before it ended" in err


def test_another_workflow_of_the_same_name_is_not_waited_for(cluster: Cluster) -> None:
    cluster.submit("one")
    with cluster.waiting("one") as process:
        os.kill(process.pid, signal.SIGSTOP)
        cluster.delete("one")
        cluster.submit("one")
        os.kill(process.pid, signal.SIGCONT)
        assert outcome(process)[0] == 5


def test_without_an_operator_the_summary_is_computed(cluster: Cluster) -> None:
    recorded = workflow_of("retry-exhausted-varied")
    cluster.submit("one", recorded["status"])
    ended = cluster.end("one", "Failed")
    with cluster.waiting("one") as process:
        _, out, _ = outcome(process)
    assert out.strip() == compute_report(decode_workflow(ended), {})["status"]["summary"]


@pytest.mark.parametrize("current", [True, False])
def test_a_report_is_used_only_if_it_describes_the_same_state(cluster: Cluster, *, current: bool) -> None:
    cluster.submit("one")
    ended = cluster.end("one", "Failed")
    cluster.report(ended, "as the operator saw it, pods and all", **({} if current else {"resourceVersion": "1"}))
    with cluster.waiting("one") as process:
        _, out, _ = outcome(process)
    assert (out == "as the operator saw it, pods and all\n") is current


def test_a_refusal_is_one_line_and_code_2(plane: ControlPlane, namespace: str) -> None:
    plane.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "nobody"}})
    kubeconfig = plane.kubeconfig_for(service_account="nobody", namespace=namespace)
    command = [*COMMAND, "wait", "one"]
    env = os.environ | {"KUBECONFIG": str(kubeconfig)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: API server: workflows.argoproj.io ")
    assert " is forbidden: " in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_is_not_mistaken_for_a_failed_workflow(cluster: Cluster) -> None:
    cluster.submit("one")
    with cluster.waiting("one") as process:
        process.send_signal(signal.SIGINT)
        assert outcome(process)[0] == 130


def test_the_watch_is_resumed_after_a_restart_of_the_api_server(cluster: Cluster) -> None:
    cluster.submit("one")
    with cluster.waiting("one") as process:
        cluster.plane.restart_apiserver()
        assert process.poll() is None
        cluster.end("one", "Succeeded")
        assert outcome(process)[0] == 0


def test_no_kubeconfig_at_all_is_one_line(tmp_path: Any) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("KUBE")} | {"HOME": str(tmp_path)}
    done = subprocess.run([*COMMAND, "wait", "one"], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert json.dumps(done.stdout) == '""'


def test_on_a_terminal_it_shows_its_progress(cluster: Cluster) -> None:
    cluster.submit("one")
    command = [*COMMAND, "wait", "one", "-n", cluster.namespace, "--timeout", "1s"]
    shown = on_terminal(command, columns=80, env={"KUBECONFIG": str(cluster.plane.kubeconfig)})
    assert "one: Running, waited 0s" in shown
