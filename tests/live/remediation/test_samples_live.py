"""Each ready-made policy with the real Argo controller.

Applied as it is but for its namespace, mode and waits, and for whom it tells. The rule `refused` of flaky-exit-codes
needs a pod's log, which no pod here has: tests/manifests/test_samples.py has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml
from tests.eventually import eventually
from tests.live.remediation.endpoint import listening
from tests.live.remediation.world import LONG_SECONDS, Acting, condition, pods_of, run, wait_for_ends
from tests.manifests.test_samples import NAMES, SAMPLES

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.argo,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("argo_plane"),
]
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
CRONS = "/apis/argoproj.io/v1alpha1/namespaces/{}/cronworkflows"
SHORT = {"backoff": {"initialSeconds": 0, "maxSeconds": 0}}

Told = list[dict[str, Any]]


def enforce(acting: Acting, name: str, changes: dict[str, Any] | None = None) -> None:
    """Apply a sample in mode Enforce, without backoff, and wait until it acts."""
    policy = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    policy["metadata"]["namespace"] = acting.namespace
    policy["spec"] |= {"mode": "Enforce", **SHORT, **(changes or {})}
    acting.plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(policy))
    acting.start()
    acting.enforced(name)


def rules_of(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())["spec"]["rules"]
    return found


def tell(acting: Acting, url: str, *keys: str) -> None:
    """The Secret that the samples name, with an endpoint of ours."""
    urls = {key: f"{url.replace('http', 'json')}/{key}" for key in keys}
    labels = {"wfreport.dev/notify": "true"}
    body = {"metadata": {"name": "wfreport-notify", "labels": labels}, "stringData": urls}
    acting.plane.api.post(f"/api/v1/namespaces/{acting.namespace}/secrets", body)


def executed(acting: Acting, workflow: str, action: str) -> dict[str, Any]:
    """What was done about a run, once it is done."""
    return eventually(
        lambda: acting.remediation_of(workflow, action),
        lambda seen: condition(seen, "Executed")[0] == "True",
        timeout_seconds=LONG_SECONDS,
    )


def reported(acting: Acting, name: str) -> None:
    eventually(lambda: acting.cluster.phase_of(name), lambda phase: phase == "Failed", timeout_seconds=LONG_SECONDS)


def is_left_alone(acting: Acting, name: str) -> None:
    """A run that no rule is for: it is reported, and a later look at it did nothing."""
    reported(acting, name)
    assert name not in {found["spec"]["target"]["name"] for found in acting.remediations()}


def label_of(acting: Acting, workflow: str, key: str) -> str:
    """A label of the one pod of a Workflow; empty while either is not there."""
    return "".join(pod["metadata"]["labels"].get(key, "") for pod in pods_of(acting, workflow))


def infrastructure_failures(acting: Acting, _url: str, _told: Told) -> None:
    enforce(acting, "infrastructure-failures")
    run(acting, "broken", code="1")
    run(acting, "evicted", code="137", pod="Evicted")
    first = executed(acting, "evicted", "Resubmit")
    assert first["spec"]["countsTowardLimit"] is False
    assert first["status"]["resultRef"]["name"] in acting.workflows()
    is_left_alone(acting, "broken")


def oom_ladder(acting: Acting, _url: str, _told: Told) -> None:
    enforce(acting, "oom-ladder")
    run(acting, "oom", code="137", reason="OOMKilled")
    name = "oom"
    for memory in ("1536Mi", "2304Mi", "3456Mi"):
        name = executed(acting, name, "RaiseMemory")["status"]["resultRef"]["name"]
        (pod,) = eventually(partial(pods_of, acting, name), timeout_seconds=LONG_SECONDS)
        (main,) = [found for found in pod["spec"]["containers"] if found["name"] == "main"]
        assert main["resources"]["limits"]["memory"] == memory
    is_left_alone(acting, name)


def flaky_exit_codes(acting: Acting, _url: str, _told: Told) -> None:
    enforce(acting, "flaky-exit-codes")
    for name, code in (("poison", "42"), ("other", "3"), ("temporary", "75")):
        run(acting, name, code=code)
    executed(acting, "temporary", "Resubmit")
    is_left_alone(acting, "poison")
    is_left_alone(acting, "other")


def cron_storm(acting: Acting, url: str, told: Told) -> None:
    template = {"name": "main", "container": {"image": "busybox"}}
    cron = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "nightly"},
        "spec": {"schedules": ["0 0 1 1 *"], "workflowSpec": {"entrypoint": "main", "templates": [template]}},
    }
    acting.plane.api.post(CRONS.format(acting.namespace), cron)
    tell(acting, url, "urls")
    enforce(acting, "cron-storm")
    for number in range(1, 4):
        run(acting, f"nightly-{number}", code="1", labels={"workflows.argoproj.io/cron-workflow": "nightly"})
        wait_for_ends(acting, number)
    asked = eventually(
        lambda: acting.remediation_of("nightly-3", "SuspendCron"),
        lambda seen: condition(seen, "Approved") == ("Unknown", "ApprovalAwaited"),
        timeout_seconds=LONG_SECONDS,
    )
    assert not is_suspended(acting)
    eventually(lambda: [found for found in told if "nightly-3" in json.dumps(found)], timeout_seconds=LONG_SECONDS)
    command = [sys.executable, "-m", "wfreport", "approve", asked["metadata"]["name"], "-n", acting.namespace]
    environment = {**os.environ, "KUBECONFIG": str(acting.plane.kubeconfig)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    executed(acting, "nightly-3", "SuspendCron")
    assert is_suspended(acting)


def is_suspended(acting: Acting) -> bool:
    return bool(acting.plane.api.get(f"{CRONS.format(acting.namespace)}/nightly")["spec"].get("suspend"))


def quarantine_failed_pods(acting: Acting, _url: str, _told: Told) -> None:
    enforce(acting, "quarantine-failed-pods")
    keep = {"matchExpressions": [{"key": "example.com/quarantine", "operator": "DoesNotExist"}]}
    pods_gone = {"strategy": "OnWorkflowCompletion", "labelSelector": keep, "deleteDelayDuration": "5s"}
    run(acting, "broken", code="7", podGC=pods_gone)
    run(acting, "evicted", code="137", pod="Evicted", podGC=pods_gone)
    eventually(lambda: label_of(acting, "broken", "example.com/quarantine"), timeout_seconds=LONG_SECONDS)
    # the pod of which there is nothing to look into goes, after the same delay
    reported(acting, "evicted")
    eventually(lambda: not pods_of(acting, "evicted"), timeout_seconds=LONG_SECONDS)
    assert label_of(acting, "broken", "example.com/quarantine") == "true"


def label_only(acting: Acting, _url: str, _told: Told) -> None:
    enforce(acting, "label-only")
    run(acting, "broken", code="137", reason="OOMKilled")
    found = eventually(lambda: label_of(acting, "broken", "wfreport.dev/failure-class"), timeout_seconds=LONG_SECONDS)
    assert found == "OOMKilled"
    reported(acting, "broken")
    name = acting.cluster.report_of("broken")["metadata"]["name"]
    assert label_of(acting, "broken", "wfreport.dev/report-name") == name
    assert acting.workflows() == ["broken"]


def notify_only(acting: Acting, url: str, told: Told) -> None:
    tell(acting, url, "platform", "team")
    platform, team = rules_of("notify-only")
    (events,) = [sink for sink in team["notify"]["sinks"] if "cloudEvents" in sink]
    events["cloudEvents"]["url"] = f"{url}/events"
    enforce(acting, "notify-only", {"rules": [platform, team]})
    run(acting, "evicted", code="137", pod="Evicted")
    run(acting, "broken", code="3")
    executed(acting, "evicted", "Notify")
    executed(acting, "broken", "Notify")
    paths = {found["path"]: json.dumps(found) for found in told}
    assert set(paths) == {"/platform", "/team", "/events"}
    assert "evicted" in paths["/platform"]
    assert "exit code 3" in paths["/team"]
    assert "exit code 3" in paths["/events"]
    assert acting.workflows() == ["broken", "evicted"]


def stuck_workflows(acting: Acting, _url: str, _told: Told) -> None:
    (rule,) = rules_of("stuck-workflows")
    rule["action"]["stop"] = {"afterSeconds": 60, "pendingAfterSeconds": 3600}
    enforce(acting, "stuck-workflows", {"rules": [rule]})
    run(acting, "stuck", code="0", templates=[{"name": "main", "suspend": {}}])
    executed(acting, "stuck", "Stop")
    assert acting.plane.api.get(f"{WORKFLOWS.format(acting.namespace)}/stuck")["spec"]["shutdown"] == "Stop"
    reported(acting, "stuck")


SCENES: dict[str, Callable[[Acting, str, Told], None]] = {
    scene.__name__.replace("_", "-"): scene
    for scene in (
        cron_storm,
        flaky_exit_codes,
        infrastructure_failures,
        label_only,
        notify_only,
        oom_ladder,
        quarantine_failed_pods,
        stuck_workflows,
    )
}


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_made_policy_does_what_it_says(acting: Acting, name: str) -> None:
    """One without a scene fails here."""
    with listening([]) as (url, told):
        SCENES[name](acting, url, told)
