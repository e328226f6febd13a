"""Recorded runs as other versions of Argo would write them, in another order, or with missing evidence."""

import functools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.builders import a_report, evidence_of
from tests.examples import steps
from tests.recorded import Recording, recordings

from wfreport.api.argo import ANNOTATION_POD_NAME_FORMAT
from wfreport.api.classes import FailureClass as Class
from wfreport.api.report import Failure
from wfreport.core.snapshot.compressed_nodes import unpack_nodes
from wfreport.core.snapshot.decode import decode_workflow
from wfreport.core.snapshot.pod_names import pod_name

pytestmark = pytest.mark.long

Final = dict[str, Any]
KNOWN = steps(
    [
        pytest.param(case, id=case.name)
        for case in recordings()
        if not case.derived and any(case.expected.get(key) for key in ("failed_leaves", "tolerated", "cancelled"))
    ],
    thinned_to=30,
)
"""Recordings with failures of known causes."""


def failures_of(final: Final) -> dict[str | None, Failure]:
    snapshot = decode_workflow(final["workflow"])
    evidence = evidence_of(final["pods"], final["events"], final.get("logs"))
    return {failure.node_id: failure for failure in a_report(snapshot, evidence=evidence).failures or ()}


@functools.lru_cache(maxsize=1)
def failures_as_recorded(case: Recording) -> dict[str | None, Failure]:
    """Return the failures of the unchanged recording; its tests follow one another."""
    return failures_of(case.final)


def nodes_of(final: Final) -> dict[str, Any]:
    """Return the nodes for modification, unpacked if they were compressed."""
    status = final["workflow"]["status"]
    packed = status.pop("compressedNodes", None)
    if packed:
        status["nodes"] = json.loads(unpack_nodes(packed))
    return status.get("nodes") or {}


def without_container_names(final: Final) -> None:
    """Write the messages as Argo did before 3.7.0."""
    for node in nodes_of(final).values():
        if node["type"] != "Container":
            node["message"] = re.sub(r"^[a-z0-9-]+: (?=[A-Za-z]+ \(exit code)", "", node.get("message", ""))


def without_node_flags(final: Final) -> None:
    """Write the nodes as Argo 3.5.0 did."""
    for node in nodes_of(final).values():
        node.pop("nodeFlag", None)


def without_pods(final: Final) -> None:
    final["pods"] = []


def without_events(final: Final) -> None:
    final["events"] = []


def without_evidence(final: Final) -> None:
    without_pods(final)
    without_events(final)


def in_another_order(final: Final) -> None:
    nodes = nodes_of(final)
    shuffled = list(nodes.items())
    shuffled.sort(key=lambda item: item[0][::-1])
    nodes.clear()
    nodes.update(shuffled)
    final["pods"].reverse()


def with_v1_pod_names(final: Final) -> None:
    """Name the pods by their node ids, as with POD_NAMES=v1."""
    snapshot = decode_workflow(final["workflow"])
    renamed = {pod_name(snapshot.workflow, node): node.id for node in snapshot.nodes.values() if node.type == "Pod"}
    for pod in final["pods"]:
        name = pod["metadata"]["name"]
        pod["metadata"]["name"] = renamed.get(name, name)
    for event in final["events"]:
        involved = event["involvedObject"]
        involved["name"] = renamed.get(involved["name"], involved["name"])
    final["workflow"]["metadata"].setdefault("annotations", {})[ANNOTATION_POD_NAME_FORMAT] = "v1"


HARMLESS = [without_container_names, without_node_flags, in_another_order, with_v1_pod_names]

CLASSES_BY_EVENTS_ONLY = {
    (Class.NODE_LOST, Class.POD_DELETED),
    (Class.CONFIG_ERROR, Class.TIMEOUT),
    (Class.IMAGE_PULL, Class.TIMEOUT),
}
"""Classes of a deletion or a deadline: with the pod's Events, and without."""


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("case", KNOWN)
def test_role_and_class_do_not_depend_on_the_version_of_argo(case: Recording, change: Callable[[Final], None]) -> None:
    before, final = failures_as_recorded(case), case.final
    change(final)
    after = failures_of(final)
    assert {k: (f.role, f.failure_class, f.exit_code, f.owner, f.container) for k, f in after.items()} == {
        k: (f.role, f.failure_class, f.exit_code, f.owner, f.container) for k, f in before.items()
    }


@pytest.mark.parametrize("change", [without_pods, without_events, without_evidence], ids=lambda p: p.__name__)
@pytest.mark.parametrize("case", KNOWN)
def test_missing_evidence_keeps_the_role_and_changes_the_class_only_as_listed(
    case: Recording, change: Callable[[Final], None]
) -> None:
    before, final = failures_as_recorded(case), case.final
    change(final)
    after = failures_of(final)
    assert {k: (f.role, f.exit_code) for k, f in after.items()} == {k: (f.role, f.exit_code) for k, f in before.items()}
    classes = {(before[node_id].failure_class, failure.failure_class) for node_id, failure in after.items()}
    changed = {(was, now) for was, now in classes if was != now}
    assert changed <= (set() if change is without_pods else CLASSES_BY_EVENTS_ONLY)
