"""How many Remediations a namespace keeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.core.record.builders import NOW, a_remediation, with_status

from wfreport.api.reasons import RemediationReason
from wfreport.api.remediation import Remediation
from wfreport.core.record import surplus as module
from wfreport.core.record.progress import ExecutionResult, status_denied, status_executed, status_intended
from wfreport.core.record.surplus import surplus

REFUSED = ExecutionResult("False", RemediationReason.NOT_POSSIBLE, "no")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DRY_RUNS", 2)
    monkeypatch.setattr(module, "MAX_FINAL", 2)


def aged(number: int, *, days: float, dry_run: bool = False, state: str = "refused") -> Remediation:
    one = a_remediation(f"r-{number}", dryRun=dry_run)
    one = one.model_copy(
        update={"metadata": one.metadata.model_copy(update={"creation_timestamp": NOW - timedelta(days=days)})}
    )
    statuses = {
        "refused": status_executed(one, NOW, REFUSED),
        "denied": status_denied(one, NOW),
        "open": status_intended(one, NOW, needs_approval=True),
    }
    return with_status(one, statuses[state])


def names(remediations: list[Remediation]) -> list[str]:
    return [each.metadata.name for each in surplus(remediations, NOW)]


@pytest.mark.parametrize("state", ["refused", "denied"])
def test_the_oldest_final_ones_are_too_many_once_they_can_be_no_lock(state: str) -> None:
    assert names([aged(number, days=days, state=state) for number, days in enumerate((8, 30, 20, 1))]) == ["r-1", "r-2"]
    assert names([aged(number, days=number, state=state) for number in range(5)]) == []


def test_of_dry_runs_the_newest_stay_however_young_the_others_are() -> None:
    assert names([aged(number, days=0.1 * number, dry_run=True) for number in range(4)]) == ["r-3", "r-2"]


def test_open_ones_always_stay() -> None:
    assert names([aged(number, days=30, state="open") for number in range(5)]) == []


def test_dry_runs_and_others_are_counted_apart() -> None:
    assert names([aged(number, days=30, dry_run=number < 2) for number in range(4)]) == []
