"""Who submitted a run, by the name that people know."""

from __future__ import annotations

import pytest

from wfreport.core.render.source import find_source
from wfreport.core.snapshot.decode import decode_workflow

CREATOR, EMAIL, NAME = (f"workflows.argoproj.io/creator{end}" for end in ("", "-email", "-preferred-username"))
FIRST, FIRST_EMAIL, FIRST_NAME = (f"wfreport.dev/creator{end}" for end in ("", "-email", "-preferred-username"))


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        ({CREATOR: "8f14e45f", EMAIL: "ana.at.example.com", NAME: "ana"}, {}, "ana"),
        ({CREATOR: "8f14e45f", EMAIL: "ana.at.example.com"}, {}, "ana@example.com"),
        ({CREATOR: "system-serviceaccount-ci-deployer"}, {FIRST: "ana"}, "system-serviceaccount-ci-deployer"),
        ({}, {FIRST: "8f14e45f", FIRST_EMAIL: "ana.at.example.com", FIRST_NAME: "ana"}, "ana"),
        ({}, {FIRST: "8f14e45f", FIRST_EMAIL: "ana.at.example.com"}, "ana@example.com"),
        ({}, {FIRST: "8f14e45f"}, "8f14e45f"),
    ],
)
def test_the_creator_has_a_name(labels: dict[str, str], annotations: dict[str, str], expected: str) -> None:
    metadata = {"name": "wf", "namespace": "data", "uid": "u", "labels": labels, "annotations": annotations}
    source = find_source(decode_workflow({"metadata": metadata}).workflow)
    assert source is not None
    assert source.creator == expected


def test_a_run_without_a_creator_has_none() -> None:
    assert find_source(decode_workflow({"metadata": {"name": "wf", "namespace": "data", "uid": "u"}}).workflow) is None
