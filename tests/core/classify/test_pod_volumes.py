"""Which claim, Secret or ConfigMap is behind a pod's volume: the messages know the volume at most."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.core.next_steps.runs import a_waiting
from tests.core.test_field import FOLDER

from wfreport.api.report import Waiting, WorkflowReport
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.classify.named_objects import find_claims, find_missing
from wfreport.core.classify.pod_volumes import volume_clause
from wfreport.core.next_steps.model import ReportedRun
from wfreport.core.next_steps.steps import next_steps
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import PodEvidence

UNBOUND = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims"
DATA = {"name": "data", "persistentVolumeClaim": {"claimName": "etl-data"}}
SCRATCH = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}
SECRET = {"name": "cfg", "secret": {"secretName": "s1", "items": [{"key": "token", "path": "t"}, {"key": "b"}]}}
PROJECTED = {
    "name": "all",
    "projected": {"sources": [{"secret": {"name": "s2"}}, {"configMap": {"name": "c1"}}, {"serviceAccountToken": {}}]},
}
KEY = 'MountVolume.SetUp failed for volume "{}" : references non-existent {} key: token'


def clause(message: str, *volumes: dict[str, Any]) -> str:
    return volume_clause(message, decode_pod({"metadata": {"name": "p"}, "spec": {"volumes": list(volumes)}}))


@pytest.mark.parametrize(
    ("message", "volumes", "claims"),
    [
        (UNBOUND, [DATA, SECRET], ["etl-data"]),
        (UNBOUND, [DATA, DATA, SCRATCH], ["etl-data", "p-scratch"]),
        (UNBOUND, [SECRET], []),
        (UNBOUND, [], []),
        ('AttachVolume.Attach failed for volume "pvc-1" : timed out', [DATA], ["etl-data"]),
        ("Unable to attach or mount volumes: unmounted volumes=[scratch x], timed out", [DATA, SCRATCH], ["p-scratch"]),
        ('MountVolume.SetUp failed for volume "cfg" : timed out', [DATA, SECRET], []),
        ("Back-off pulling image", [DATA], []),
        ('persistentvolumeclaim "other" not found', [DATA], ["other"]),
    ],
)
def test_the_claims_are_those_of_the_volumes_that_are_meant(
    message: str, volumes: list[dict[str, Any]], claims: list[str]
) -> None:
    assert find_claims(message + clause(message, *volumes)) == claims


@pytest.mark.parametrize(
    ("message", "volumes", "expected"),
    [
        (KEY.format("cfg", "secret"), [SECRET, PROJECTED], "the key token of the Secret s1"),
        (KEY.format("all", "config"), [SECRET, PROJECTED], "the key token of the ConfigMap c1"),
        (KEY.format("all", "secret"), [SECRET, PROJECTED], "the key token of the Secret s2"),
        ("references non-existent secret key: token", [SECRET, PROJECTED], "None"),
        (KEY.format("cfg", "config"), [SECRET], "None"),
    ],
)
def test_the_object_that_lacks_a_key_is_named_if_it_is_certain(
    message: str, volumes: list[dict[str, Any]], expected: str
) -> None:
    assert str(find_missing(message + clause(message, *volumes))) == expected


def test_the_keys_that_are_asked_for_are_listed() -> None:
    one = {"name": "one", "configMap": {"name": "c1", "items": [{"key": "token"}]}}
    assert clause(KEY.format("cfg", "secret"), SECRET) == "; volume cfg asks for keys token, b of Secret s1"
    assert clause(KEY.format("one", "config"), one) == "; volume one asks for key token of ConfigMap c1"
    assert clause(KEY.format("all", "config"), PROJECTED) == "; volume all asks for all keys of ConfigMap c1"


def test_what_the_kubelet_only_lists_is_named() -> None:
    text = "Unable to attach or mount volumes: unmounted volumes=[cfg all], unattached volumes=[cfg all]: timed out"
    mounted = clause(text, SECRET, PROJECTED, DATA)
    assert mounted == ("; volume cfg mounts Secret s1; volume all mounts Secret s2; volume all mounts ConfigMap c1")
    assert clause('MountVolume.SetUp failed for volume "cfg" : no', SECRET) == ""
    wait = Waiting(reason="FailedMount", display_name="wf", message=text + mounted)
    asked = [" ".join(step.command) for step in next_steps(a_waiting(wait)) if step.command and "get" in step.command]
    assert asked == ["kubectl get secret s1", "kubectl get secret s2", "kubectl get configmap c1"]


def test_without_a_pod_nothing_is_added() -> None:
    assert volume_clause(UNBOUND, None) == ""


def test_a_wait_and_an_event_name_the_claim() -> None:
    document = yaml.safe_load((FOLDER / "48-pvc-unbound.yaml").read_text())
    (event,) = (decode_event(item) for item in json.loads((FOLDER / "48-pvc-unbound-events.json").read_text())["items"])
    name = event.involved_object.name
    pod = decode_pod({"metadata": {"name": name}, "spec": {"volumes": [DATA]}, "status": {"phase": "Pending"}})
    report = compute_report(decode_workflow(document), {name: PodEvidence(pod, (event,))})
    status = WorkflowReport.model_validate(report).status
    assert status is not None
    assert "PersistentVolumeClaim of the pod: etl-data" in (status.summary or "")
    run = ReportedRun("wf", "team", status)
    assert ("kubectl", "get", "pvc", "etl-data") in [step.command for step in next_steps(run)]
