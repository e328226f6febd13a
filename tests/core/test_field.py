"""Runs that people reported in public: their reports have the class, the owner and the words that a person expects."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from wfreport.api.report import WorkflowReport
from wfreport.cli.sources.computed_reports import compute_report
from wfreport.core.snapshot.decode import decode_event, decode_pod, decode_workflow
from wfreport.core.snapshot.model import PodEvidence

FOLDER = Path(__file__).parents[1] / "field"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())


def _items(name: str) -> list[dict[str, Any]]:
    path = FOLDER / name
    items: list[dict[str, Any]] = json.loads(path.read_text())["items"] if path.exists() else []
    return items


@functools.cache
def report_of(name: str) -> WorkflowReport:
    """Return the report of a run, with the pods and Events that the person had."""
    events = [decode_event(event) for event in _items(f"{name}-events.json")]
    evidence = {}
    for pod in map(decode_pod, _items(f"{name}-pods.json")):
        own = tuple(event for event in events if event.involved_object.name == pod.metadata.name)
        evidence[pod.metadata.name] = PodEvidence(pod, own)
    snapshot = decode_workflow(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))
    return WorkflowReport.model_validate(compute_report(snapshot, evidence))


def of_state(state: str) -> list[str]:
    return [name for name, expected in EXPECTED.items() if expected["state"] == state]


@pytest.mark.parametrize("name", of_state("finished"))
def test_the_leading_failure_is_the_one_that_a_person_names(name: str) -> None:
    status, expected = report_of(name).status, EXPECTED[name]
    assert status is not None
    if not expected["classes"]:
        assert status.failure_class is None
        return
    assert status.failure_class in expected["classes"]
    lead = (status.failures or [])[0]
    assert lead.owner in expected["owners"]
    assert expected["retryable"] in {None, lead.retryable}
    assert expected["rootDisplayName"] in {None, lead.display_name}
    assert expected["exitCode"] in {None, lead.exit_code}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_report_has_the_words_that_a_person_needs(name: str) -> None:
    status = report_of(name).status
    assert status is not None
    listed = [*(status.failures or ()), *(status.warnings or ()), *(status.waiting or ())]
    texts = [status.summary or "", *(text for entry in listed for text in entry.model_dump().values())]
    shown = "\n".join(str(text) for text in texts)
    assert [words for words in EXPECTED[name]["words"] if not re.search(words, shown)] == []
