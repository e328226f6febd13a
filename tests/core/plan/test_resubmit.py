"""The Workflow that Resubmit creates. test_as_argo_resubmits.py compares it with Argo's own CLI."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.plan.builders import ROOT, UID, a_run

from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Change
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.resubmit import Resubmission, is_resubmission_by, parameter_changes, resubmitted
from wfreport.core.snapshot.chain import ChainLink, link_of

FIRST = Resubmission(ROOT, 1, "r-1")
workflow_names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", fullmatch=True)


def made_from(run: dict[str, object], resubmission: Resubmission = FIRST) -> dict[str, object]:
    """Return the metadata of the new Workflow that identifies its chain."""
    new = resubmitted(run, resubmission)
    new["metadata"]["uid"] = f"uid-of-{new['metadata']['name']}"
    return new


def link(workflow: dict[str, object]) -> ChainLink:
    meta: dict[str, object] = workflow["metadata"]  # type: ignore[assignment]
    return link_of(**{key: meta[key] for key in ("name", "uid", "labels")})  # type: ignore[arg-type]


def test_the_name_of_a_resubmission_contains_root_and_attempt() -> None:
    assert resubmitted(a_run(), FIRST)["metadata"]["name"] == "etl-x7k2p-3f9c1b8e02-r1"


@given(name=workflow_names, attempts=st.integers(1, 12))
def test_the_chain_is_restored_from_the_labels_of_each_run(name: str, attempts: int) -> None:
    run = a_run()
    run["metadata"]["name"] = name
    root = ChainLink(name, UID)
    for attempt in range(1, attempts + 1):
        run = made_from(run, Resubmission(link(run), attempt, f"r-{attempt}")) | {"status": {"phase": "Failed"}}
        assert link(run) == ChainLink(name, UID, attempt)
    assert link(run).names == tuple(root.name_of(attempt) for attempt in range(attempts + 1))
    assert link(run).names[0] == name


def test_a_persons_resubmission_of_ours_starts_a_new_chain() -> None:
    ours = made_from(a_run())
    theirs = copy.deepcopy(ours)
    theirs["metadata"] |= {"name": "etl-abcde", "uid": "u-9"}  # type: ignore[operator]  # labels are copied by argo
    assert link(theirs) == ChainLink("etl-abcde", "u-9", 0)


@pytest.mark.parametrize("attempt", ["", "0", "-1", "x", "1.5", "²", "2"])
def test_labels_that_contradict_the_name_are_ignored(attempt: str) -> None:
    ours = made_from(a_run())
    ours["metadata"]["labels"]["wfreport.dev/attempt"] = attempt  # type: ignore[index]
    assert link(ours).attempt == 0


def test_a_persons_resubmission_of_ours_is_named_like_the_first_run() -> None:
    new = resubmitted(a_run(), FIRST)
    assert new["metadata"]["generateName"] == "etl-"
    unnamed = a_run()
    del unnamed["metadata"]["generateName"]
    assert resubmitted(unnamed, FIRST)["metadata"]["generateName"] == "etl-x7k2p-"


def test_shutdown_and_expired_deadline_are_removed() -> None:
    new = resubmitted(a_run(spec={"shutdown": "Stop", "activeDeadlineSeconds": 0}), FIRST)
    assert not {"shutdown", "activeDeadlineSeconds"} & new["spec"].keys()
    assert resubmitted(a_run(spec={"activeDeadlineSeconds": 60}), FIRST)["spec"]["activeDeadlineSeconds"] == 60


def test_the_old_run_is_not_changed() -> None:
    run = a_run(spec={"shutdown": "Stop", "arguments": {"parameters": [{"name": "day", "value": "1"}]}})
    before = copy.deepcopy(run)
    resubmitted(run, Resubmission(ROOT, 1, "r-1", {"day": "2"}))
    assert run == before


def test_replaced_and_added_parameters_are_listed_as_changes() -> None:
    run = a_run(spec={"arguments": {"parameters": [{"name": "day", "value": 1}, {"name": "keep", "value": "k"}]}})
    given_values = {"day": "2", "new": "n"}
    new = resubmitted(run, Resubmission(ROOT, 1, "r-1", given_values))
    assert {p["name"]: p["value"] for p in new["spec"]["arguments"]["parameters"]} == {
        "day": "2",
        "new": "n",
        "keep": "k",
    }
    assert parameter_changes(run, given_values) == (
        Change("spec.arguments.parameters[day].value", "1", "2"),
        Change("spec.arguments.parameters[new].value", None, "n"),
    )
    assert parameter_changes(a_run(), given_values)[0].before is None


def test_a_run_that_has_not_ended_is_refused() -> None:
    with pytest.raises(RefusedError) as refused:
        resubmitted(a_run(phase="Running"), FIRST)
    assert refused.value.reason == Refusal.RUN_NOT_COMPLETED


def test_a_run_is_ours_only_with_the_uid_of_our_remediation() -> None:
    new = resubmitted(a_run(), FIRST)
    assert is_resubmission_by(new, "r-1")
    assert not is_resubmission_by(new, "r-2")
    assert not is_resubmission_by(a_run(), "")


CREATOR = {
    "workflows.argoproj.io/creator": "ana",
    "workflows.argoproj.io/creator-email": "ana.at.example.com",
    "workflows.argoproj.io/creator-preferred-username": "ana-b",
}


def test_for_audit_a_resubmission_names_policy_remediation_and_who_submitted_the_first_run() -> None:
    audited = Resubmission(ROOT, 1, "r-1", policy="oom-ladder", remediation="etl-x7k2p-d1323ffb83")
    new = resubmitted(a_run(labels=CREATOR, annotations={"wfreport.dev/creator": "forged"}), audited)
    assert new["metadata"]["annotations"] == {
        "wfreport.dev/policy": "oom-ladder",
        "wfreport.dev/remediation": "etl-x7k2p-d1323ffb83",
        "wfreport.dev/creator": "ana",
        "wfreport.dev/creator-email": "ana.at.example.com",
        "wfreport.dev/creator-preferred-username": "ana-b",
    }
    assert not new["metadata"]["labels"].keys() & CREATOR.keys()  # for Argo, the operator created it


def test_the_creator_of_the_first_run_stays_known_along_the_chain() -> None:
    first = made_from(a_run(labels=CREATOR)) | {"status": {"phase": "Failed"}}
    first["metadata"]["labels"]["workflows.argoproj.io/creator"] = "wfreport"  # type: ignore[index]
    second = resubmitted(first, Resubmission(link(first), 2, "r-2", policy="p", remediation="r"))
    annotations = second["metadata"]["annotations"]
    assert annotations["wfreport.dev/creator"] == "ana"
    assert annotations["wfreport.dev/policy"] == "p"


def test_a_run_without_a_creator_yields_no_annotation_of_one() -> None:
    assert resubmitted(a_run(), FIRST)["metadata"]["annotations"] == {}
