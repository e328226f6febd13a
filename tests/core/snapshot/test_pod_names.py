import time

import pytest
from tests.recorded import Recording, chosen_recordings, recording

from wfreport.api.argo import (
    ANNOTATION_NODE_ID,
    ANNOTATION_POD_NAME_FORMAT,
    LABEL_WORKFLOW,
    Artifact,
    Metadata,
    Node,
    Outputs,
    TemplateRef,
    Workflow,
)
from wfreport.api.kubernetes import Pod
from wfreport.core.snapshot.decode import decode_pod, decode_workflow
from wfreport.core.snapshot.model import PodEvidence, Snapshot
from wfreport.core.snapshot.pod_names import (
    agent_pod_name,
    fnv1a32,
    node_id,
    pod_name,
    pod_name_of_id,
    ran_in_pod,
    with_observed_pod_names,
)

RECORDINGS = [pytest.param(case, id=case.name) for case in chosen_recordings()]


def a_workflow(name: str, pod_name_format: str | None = None) -> Workflow:
    annotations = {ANNOTATION_POD_NAME_FORMAT: pod_name_format} if pod_name_format else {}
    return Workflow(metadata=Metadata(name=name, annotations=annotations))


def a_pod_node(name: str, template: str = "", node_id: str = "") -> Node:
    return Node(id=node_id, name=name, template_name=template, type="Pod")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 2166136261),
        ("hello", 1335831723),
        ("world", 933488787),
        ("You cannot alter your fate. However, you can rise to meet it.", 827171719),
        ("こんにちは", 486186189),
        ("🚀✨🔥", 2133319838),
    ],
)
def test_the_hash_equals_argos(text: str, expected: int) -> None:
    assert fnv1a32(text) == expected


def test_a_node_id_consists_of_the_workflows_name_and_a_hash_of_the_nodes_name() -> None:
    name = "pipeline-jndha0-scacfg"
    assert node_id(name, name) == name
    assert node_id(name, f"{name}.main-3") == f"{name}-2220851766"
    assert node_id("wfname", "nodename") == "wfname-1454367246"


@pytest.mark.parametrize(
    ("workflow", "node", "expected"),
    [
        (a_workflow("wfname", "v1"), a_pod_node("nodename", "templatename", "1"), "1"),
        (a_workflow("wfname", "v2"), a_pod_node("nodename", "templatename", "1"), "wfname-templatename-1454367246"),
        (a_workflow("wfname", "v9"), a_pod_node("nodename", "templatename"), "wfname-templatename-1454367246"),
        (a_workflow("wfname"), a_pod_node("nodename", "templatename"), "wfname-templatename-1454367246"),
        (a_workflow("wfname"), a_pod_node("stp.inline"), "wfname-2902770869"),
        (a_workflow("hook-failures"), a_pod_node("hook-failures", "main"), "hook-failures"),
        (
            a_workflow("pipeline-jndha0-scacfg"),
            a_pod_node("pipeline-jndha0-scacfg.main-3", "main-3"),
            "pipeline-jndha0-scacfg-main-3-2220851766",
        ),
    ],
)
def test_a_pod_name_equals_the_one_that_argo_computes(workflow: Workflow, node: Node, expected: str) -> None:
    assert pod_name(workflow, node) == expected


def test_the_template_of_a_template_ref_is_used() -> None:
    node = Node(
        name="nodename", type="Pod", template_name="x", template_ref=TemplateRef(name="t", template="templatename")
    )
    assert pod_name(a_workflow("wfname"), node) == "wfname-templatename-1454367246"


@pytest.mark.parametrize("letter", ["a", "ü"])
def test_a_long_name_is_cut_to_253_bytes_before_its_hash(letter: str) -> None:
    name = pod_name(a_workflow("w" * 123), a_pod_node("nodename", letter * 149))
    assert name == ("w" * 123 + "-" + letter * 149).encode()[:242].decode() + "-1454367246"
    assert len(name.encode()) == 253


def test_the_length_of_a_name_is_counted_in_bytes() -> None:
    name = pod_name(a_workflow("w" * 60), a_pod_node("nodename", "ü" * 100))
    assert name == "w" * 60 + "-" + "ü" * 90 + "-1454367246"


def test_a_prefix_at_the_limit_is_not_cut() -> None:
    assert (
        pod_name(a_workflow("w" * 120), a_pod_node("nodename", "a" * 121))
        == "w" * 120 + "-" + "a" * 121 + "-1454367246"
    )


@pytest.mark.parametrize("node_type", ["Container", "Steps", "DAG", "Retry", "HTTP", "Plugin", "Suspend", ""])
def test_only_pod_nodes_have_a_pod_of_their_own(node_type: str) -> None:
    assert pod_name(a_workflow("wfname"), Node(name="nodename", type=node_type)) is None


def a_run(*, annotations: dict[str, str] | None = None, key: str | None = None, azure: bool = False) -> Snapshot:
    """Return the run of one step, whose node has an archived log with such a key."""
    location = {"azure": {"blob": key}} if azure else {"s3": {"key": key}}
    log = [{"name": "main-logs", **location}] if key else [{"name": "out", "s3": {"key": "x"}}]
    node = {"id": "wf-7", "name": "wf.a", "type": "Pod", "templateName": "t", "outputs": {"artifacts": log}}
    return decode_workflow(
        {"metadata": {"name": "wf", "annotations": annotations or {}}, "status": {"nodes": {"wf-7": node}}}
    )


V2 = pod_name(a_workflow("wf"), a_pod_node("wf.a", "t")) or ""


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run(), "wf-7"),
        (a_run(key="wf/wf-7/main.log"), "wf-7"),
        (a_run(key="odd"), "wf-7"),
        (a_run(key=f"logs/wf/{V2}/main.log"), V2),
        (a_run(key=f"wf/{V2}/main.log", azure=True), V2),
        (a_run(annotations={ANNOTATION_POD_NAME_FORMAT: "v2"}), V2),
        (a_run(annotations={ANNOTATION_POD_NAME_FORMAT: "v1"}, key=f"wf/{V2}/main.log"), "wf-7"),
    ],
)
def test_without_an_annotation_the_names_are_v1_unless_the_key_of_a_log_proves_v2(run: Snapshot, expected: str) -> None:
    assert pod_name(run.workflow, run.nodes["wf-7"]) == expected


def test_the_key_of_a_log_proves_nothing_if_both_names_are_the_same() -> None:
    log = {"name": "main-logs", "s3": {"key": "wf/wf/main.log"}}
    nodes = {
        "wf": {"id": "wf", "name": "wf", "type": "Pod", "outputs": {"artifacts": [log]}},
        "wf-7": {"id": "wf-7", "name": "wf.onExit", "type": "Pod", "templateName": "t"},
    }
    run = decode_workflow({"metadata": {"name": "wf"}, "status": {"nodes": nodes}})
    assert pod_name(run.workflow, run.nodes["wf-7"]) == "wf-7"


def pod_of(name: str, node: str) -> PodEvidence:
    return PodEvidence(Pod(metadata=Metadata(name=name, annotations={ANNOTATION_NODE_ID: node})))


def test_a_pod_that_names_its_node_has_its_own_name() -> None:
    run = a_run(annotations={ANNOTATION_POD_NAME_FORMAT: "v2"})
    found = with_observed_pod_names(run, {"wf--7": pod_of("wf--7", "wf-7"), V2: PodEvidence()})
    assert pod_name(found.workflow, found.nodes["wf-7"]) == "wf--7"
    assert found.tree is run.tree


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"p": PodEvidence()},
        {"p": pod_of("p", "wf-8")},
        {V2: pod_of(V2, "wf-7")},
        {V2: pod_of(V2, "wf-7"), "p": pod_of("p", "wf-7")},
    ],
    ids=["nothing", "no pod", "of no node", "as expected", "another one, too"],
)
def test_a_computed_name_stays_unless_only_another_pod_names_the_node(evidence: dict[str, PodEvidence]) -> None:
    run = a_run(annotations={ANNOTATION_POD_NAME_FORMAT: "v2"})
    assert with_observed_pod_names(run, evidence) is run


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node(type="Pod", host_node_name="h"), True),
        (Node(type="DAG", host_node_name="h"), False),
        (Node(type="Pod"), False),
        (Node(type="Pod", outputs=Outputs()), False),
        (Node(type="Pod", outputs=Outputs(exit_code="0")), True),
        (Node(type="Pod", outputs=Outputs(artifacts=[Artifact(name="main-logs")])), True),
        (Node(type="Pod", message="failed with exit code 2"), True),
        (Node(type="Pod", message="pod deleted"), False),
    ],
)
def test_an_exit_code_or_a_log_proves_that_a_pod_ran(node: Node, *, expected: bool) -> None:
    assert ran_in_pod(node) is expected


@pytest.mark.parametrize("case", RECORDINGS)
def test_every_recorded_pod_has_the_name_computed_from_its_node(case: Recording) -> None:
    final = case.final
    snapshot = decode_workflow(final["workflow"])
    name = snapshot.workflow.metadata.name
    pods = [decode_pod(pod).metadata for pod in final["pods"]]
    # A recording can also contain pods of another Workflow.
    own = [pod for pod in pods if pod.labels[LABEL_WORKFLOW] == name]
    node_ids = {pod.name: pod.annotations[ANNOTATION_NODE_ID] for pod in own if ANNOTATION_NODE_ID in pod.annotations}
    computed = {pod: pod_name(snapshot.workflow, snapshot.nodes[node]) for pod, node in node_ids.items()}
    assert computed == {pod: pod for pod in node_ids}
    others = {pod.name for pod in own} - set(node_ids)
    assert others <= {agent_pod_name(name)}


def test_a_run_that_argo_postponed_has_no_annotation_and_v2_names() -> None:
    final = recording("oom-main").final
    del final["workflow"]["metadata"]["annotations"][ANNOTATION_POD_NAME_FORMAT]
    for node in final["workflow"]["status"]["nodes"].values():
        node.pop("outputs", None)  # no archived log has the pod's name either
    snapshot = decode_workflow(final["workflow"])
    pods = {pod.annotations[ANNOTATION_NODE_ID]: pod.name for pod in (decode_pod(p).metadata for p in final["pods"])}
    assert {node: pod_name(snapshot.workflow, snapshot.nodes[node]) for node in pods} == pods


@pytest.mark.parametrize("case", RECORDINGS)
def test_every_recorded_node_id_equals_the_computed_one(case: Recording) -> None:
    snapshot = decode_workflow(case.final["workflow"])
    name = snapshot.workflow.metadata.name
    assert [node_id(name, node.name) for node in snapshot.nodes.values()] == list(snapshot.nodes)


@pytest.mark.parametrize("name", ["nodename", "wfname"])
def test_the_pod_name_computed_from_a_node_id_is_the_same(name: str) -> None:
    node = a_pod_node(name, "work")
    assert pod_name_of_id("wfname", node_id("wfname", name), "work") == pod_name(a_workflow("wfname"), node)


@pytest.mark.parametrize("odd_id", ["", "other-123", "wf", "wf-", "wf-12a", "wf-12345678901"])
def test_the_pod_name_of_a_long_name_depends_on_the_name_if_the_id_is_odd(odd_id: str) -> None:
    name = "wf." + "step" * 50
    expected = f"wf-work-{fnv1a32(name)}"
    assert pod_name(a_workflow("wf"), a_pod_node(name, "work", odd_id)) == expected
    assert pod_name(a_workflow("wf"), a_pod_node(name, "work", node_id("wf", name))) == expected


def test_the_pod_names_of_3000_nodes_are_computed_quickly() -> None:
    workflow = a_workflow("etl-daily-x7k2p")
    nodes = [a_pod_node(f"etl-daily-x7k2p.process.chunk({index}:item-{index})", "process") for index in range(3000)]
    started = time.process_time()
    assert len({pod_name(workflow, node) for node in nodes}) == 3000
    assert time.process_time() - started < 0.5


def test_a_name_of_more_characters_than_argo_gives_is_not_hashed_without_the_id_of_argo() -> None:
    name = "wf." + "a" * 1_100
    assert pod_name(a_workflow("wf"), a_pod_node(name, "work", "odd")) is None
    assert pod_name(a_workflow("wf"), a_pod_node(name, "work", "wf-123")) == "wf-work-123"
