"""The reasons that the classifier gives are documented."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import wfreport.core.classify
from wfreport.api.classes import FailureClass
from wfreport.api.failure_reasons import FAILURE_REASON_MEANINGS, FailureReason
from wfreport.core.classify.argo_messages import REFUSALS, RESOURCE_OUTCOMES
from wfreport.core.classify.stops import REPLACED_BY_CRON, STOPPED, STOPPED_BY_POLICY, STOPPED_OR_REPLACED

FOLDER = Path(wfreport.core.classify.__path__[0])
KUBERNETES = {*(failure_class.value for failure_class in FailureClass)}


def literal_reasons() -> set[str]:
    """Return the reasons that rules pass as literals."""
    calls = [
        node
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    values = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "reason"]
    return {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}


def test_every_reason_of_the_classifier_has_a_meaning() -> None:
    given = {refusal.reason for refusal in REFUSALS} | {reason for _, reason in RESOURCE_OUTCOMES} | literal_reasons()
    given |= {REPLACED_BY_CRON, STOPPED, STOPPED_BY_POLICY, STOPPED_OR_REPLACED}
    assert given - set(FailureReason) - KUBERNETES == set()
    assert set(FAILURE_REASON_MEANINGS) == set(FailureReason)


@pytest.mark.parametrize("reason", FailureReason)
def test_a_meaning_is_a_sentence(reason: FailureReason) -> None:
    assert FAILURE_REASON_MEANINGS[reason].endswith(".")
