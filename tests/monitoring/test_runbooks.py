"""Each command of a runbook runs as it is printed, and what the page on alerts tells to install comes out of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.manifests.rendered import MANIFESTS, ROOT, by_helm

from controlplane import ControlPlane
from controlplane.binaries import kubectl
from controlplane.foreign_crds import PROMETHEUS_OPERATOR, foreign_crds
from generate.alerts import ALERTS, RUNBOOKS

pytestmark = pytest.mark.cluster

PAGE = ROOT / "docs" / "howto" / "alerts.md"
POLICY = {
    "apiVersion": "wfreport.dev/v1alpha1",
    "kind": "RemediationPolicy",
    "metadata": {"name": "lost-hosts"},
    "spec": {
        "selector": {"matchLabels": {"team": "data"}},
        "rules": [{"name": "lost", "match": {"classes": ["NodeLost"]}, "action": {"resubmit": {}}}],
    },
}
STALLED = {"reason": "PodGone", "sinceAt": "2026-11-20T08:00:18Z", "message": "it is gone", "advice": "Stop the run."}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A cluster of its own: some commands look at all namespaces, where other tests leave odd objects."""
    with ControlPlane() as started:
        yield started


@pytest.fixture(scope="module")
def installed(plane: ControlPlane) -> ControlPlane:
    """The operator's objects, without a pod."""
    plane.install_crds(foreign_crds(PROMETHEUS_OPERATOR))
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", MANIFESTS / "overlays" / "default")
    return plane


@pytest.fixture(scope="module")
def environment(installed: ControlPlane) -> dict[str, str]:
    """What a reader has set: the cluster, and the namespace and the policy of the alert."""
    namespace = installed.create_namespace("runbooks")
    base = f"/apis/wfreport.dev/v1alpha1/namespaces/{namespace}"
    installed.api.post(f"{base}/remediationpolicies", POLICY)
    head = {"apiVersion": "wfreport.dev/v1alpha1", "kind": "WorkflowReport", "metadata": {"name": "etl-1"}}
    report = {**head, "spec": {"workflowRef": {"name": "etl-1"}}}
    installed.api.post(f"{base}/workflowreports", report)
    patch = {"status": {"summary": "it hangs", "stalled": STALLED}}
    installed.api.patch(f"{base}/workflowreports/etl-1/status", patch)
    path = f"{Path(sys.executable).parent}:{kubectl().parent}:{os.environ['PATH']}"
    names = {"NAMESPACE": namespace, "POLICY": "lost-hosts"}
    return {**os.environ, "KUBECONFIG": str(installed.kubeconfig), "PATH": path, **names}


def commands(page: Path) -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


EACH = sorted({command for page in RUNBOOKS.glob("*.md") for command in commands(page)})
"""Many pages begin with the same commands."""


@pytest.mark.parametrize("command", EACH)
def test_each_command_of_a_runbook_runs(environment: dict[str, str], command: str) -> None:
    done = _entered(command, environment)
    # There is no operator, and `check` exits with 1 for a problem that it found.
    found = {0, 1} if command == "kubectl wfreport check" else {0}
    assert done.returncode in found, f"$ {command}\n{done.stdout}{done.stderr}"


def test_commands_of_runbooks_show_what_they_are_for(environment: dict[str, str]) -> None:
    shown = {
        command: _entered(command, environment).stdout
        for name in ("WorkflowRunsStalled", "WfreportBreakerOpen")
        for command in commands(RUNBOOKS / f"{name}.md")
    }
    assert any("etl-1: PodGone: Stop the run." in text for text in shown.values())
    assert "lost-hosts" in shown["kubectl get remediationpolicies -A"]
    suspend = next(line for line in commands(RUNBOOKS / "WfreportRemediationsFailing.md") if "suspended" in line)
    _entered(suspend, environment)
    look = 'kubectl -n "$NAMESPACE" get remediationpolicy "$POLICY" -o jsonpath={.spec.suspended}'
    assert _entered(look, environment).stdout == "true"


NEXT = sorted({alert.description.partition("Next: ")[2].partition(" | grep")[0] for alert in ALERTS})


@pytest.mark.parametrize("command", NEXT)
def test_the_next_command_of_an_alert_runs(environment: dict[str, str], command: str) -> None:
    own = environment["NAMESPACE"] if " list " in command else "wfreport-system"
    done = _entered(command.replace("{{ $labels.namespace }}", own), environment)
    # The Lease is made by the operator.
    expected = {0, 1} if "wfreport check" in command or "get lease" in command else {0}
    assert done.returncode in expected, f"$ {command}\n{done.stdout}{done.stderr}"


def _entered(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = ["/bin/bash", "-c", f"set -o pipefail\n{command}"]
    return subprocess.run(script, env=environment, capture_output=True, text=True, timeout=300, check=False)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def _links(documents: list[dict[str, Any]]) -> set[str]:
    (rule,) = (entry for entry in documents if entry["kind"] == "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    return {one["annotations"]["runbook_url"] for group in rule["spec"]["groups"] for one in group["rules"]}


def test_the_page_for_kustomize_leads_to_ones_own_runbooks(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    components, patch = (text for text in _blocks("yaml") if "components:" in text or "replacements:" in text)
    manifests = os.path.relpath(MANIFESTS, folder)
    text = f"resources: [{manifests}/overlays/default]\n{components}{patch}"
    (folder / "kustomization.yaml").write_text(text.replace("../wfreport/manifests", manifests))
    done = subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    links = _links(list(yaml.safe_load_all(done.stdout)))
    assert links == {f"https://git.example.com/platform/my-wfreport/docs/runbooks/{alert.name}.md" for alert in ALERTS}
    assert "name: runbooks" not in done.stdout


def test_the_page_for_helm_leads_to_ones_own_runbooks(tmp_path: Path) -> None:
    (values,) = (text for text in _blocks("yaml") if "serviceMonitor:" in text)
    (tmp_path / "values.yaml").write_text(values.replace("platform/wfreport", "platform/my-wfreport"))
    links = _links(by_helm(tmp_path / "values.yaml"))
    assert links == {f"https://git.example.com/platform/my-wfreport/docs/runbooks/{alert.name}.md" for alert in ALERTS}
