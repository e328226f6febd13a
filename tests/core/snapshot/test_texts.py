"""What is kept of a pod that has very many labels or entries of lists."""

from __future__ import annotations

from wfreport.api.kubernetes import ContainerStatus, Pod, PodStatus
from wfreport.core.snapshot.decode import decode_pod
from wfreport.core.snapshot.texts import MAX_ENTRIES, clip_pod

WORKFLOW = "workflows.argoproj.io/workflow"


def a_pod(**metadata: object) -> Pod:
    return decode_pod({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", **metadata}})


def test_of_very_many_labels_those_of_argo_stay() -> None:
    many = {f"team.example/label-{number}": "x" for number in range(MAX_ENTRIES + 1)}
    assert clip_pod(a_pod(labels={WORKFLOW: "wf", **many})).metadata.labels == {WORKFLOW: "wf"}


def test_of_large_annotations_those_of_argo_stay_unless_they_are_large_themselves() -> None:
    large, node_id = "x" * 100_000, "workflows.argoproj.io/node-id"
    found = clip_pod(a_pod(annotations={"team.example/notes": large, WORKFLOW: large, node_id: "wf-1"}))
    assert found.metadata.annotations == {node_id: "wf-1"}


def test_of_very_many_containers_the_first_stay() -> None:
    statuses = [ContainerStatus(name=f"c{number}") for number in range(MAX_ENTRIES + 5)]
    found = clip_pod(Pod(status=PodStatus(container_statuses=statuses)))
    assert found.status.container_statuses == statuses[:MAX_ENTRIES]


def test_a_pod_of_the_usual_size_stays_as_it_is() -> None:
    pod = a_pod(labels={WORKFLOW: "wf", "team": "data"})
    assert clip_pod(pod) is pod
