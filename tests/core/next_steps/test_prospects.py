"""Who can end a wait or a stall, and whether another run would help."""

from __future__ import annotations

import pytest
from tests.core.next_steps.runs import WAIT_REASONS

from wfreport.api.classes import Owner
from wfreport.api.reasons import StallReason
from wfreport.api.report import ReportStatus, Stalled, Waiting
from wfreport.core.next_steps.prospects import (
    ENDS_BY_ITSELF,
    ENDS_WITH_OTHERS,
    NEW_RUN_HANGS_TOO,
    NEW_RUN_MAY_HELP,
    leading_prospect,
    prospect_of_stall,
    prospect_of_wait,
)

STARTING = {"Pending", "ContainerCreating", "PodInitializing", "PodRestarting", "CrashLoopBackOff", "OfANewerVersion"}


@pytest.mark.parametrize("reason", StallReason)
def test_every_stall_has_an_owner_and_an_outlook(reason: StallReason) -> None:
    prospect = prospect_of_stall(Stalled(reason=reason))
    assert prospect
    assert prospect.outlook


@pytest.mark.parametrize("reason", WAIT_REASONS)
def test_every_wait_of_a_known_cause_has_an_owner(reason: str) -> None:
    assert (prospect_of_wait(Waiting(reason=reason)) is None) == (reason in STARTING)


@pytest.mark.parametrize(
    ("wait", "owner"),
    [
        (Waiting(reason="ImagePullBackOff", message="not found"), Owner.USER),
        (Waiting(reason="ImagePullBackOff", message="dial tcp: i/o timeout"), Owner.INFRASTRUCTURE),
        (Waiting(reason="FailedMount", message="timed out waiting for the condition"), Owner.INFRASTRUCTURE),
        (Waiting(reason="QuotaExceeded"), Owner.PLATFORM),
        (
            Waiting(reason="ErrImageNeverPull", message='Container image "argoproj/argoexec:v3" is not present'),
            Owner.PLATFORM,
        ),
    ],
)
def test_the_owner_follows_from_the_message(wait: Waiting, owner: Owner) -> None:
    prospect = prospect_of_wait(wait)
    assert prospect
    assert prospect.owner == owner


def test_a_backoff_ends_by_itself() -> None:
    prospect = prospect_of_wait(Waiting(reason="Backoff"))
    assert prospect
    assert prospect.outlook == ENDS_BY_ITSELF


@pytest.mark.parametrize("reason", ["LockWait", "ParallelismLimit"])
def test_a_wait_for_others_ends_with_them(reason: str) -> None:
    prospect = prospect_of_wait(Waiting(reason=reason))
    assert prospect
    assert prospect.outlook == ENDS_WITH_OTHERS


@pytest.mark.parametrize(
    ("message", "owner", "outlook"),
    [
        ("the main container of a exited with code 0, and wait keeps the pod alive", Owner.PLATFORM, NEW_RUN_MAY_HELP),
        ("main exited with code 0, but wait still runs", Owner.PLATFORM, NEW_RUN_MAY_HELP),
        ("main exited with code 0, and wait-for-db keeps the pod alive", Owner.USER, NEW_RUN_HANGS_TOO),
        ("main exited with code 0, but istio-proxy, wait still run", Owner.USER, NEW_RUN_HANGS_TOO),
        (
            "the main container of a exited with code 0, and its pod does not end, although no container of it runs",
            Owner.INFRASTRUCTURE,
            NEW_RUN_MAY_HELP,
        ),
    ],
)
def test_whose_a_pod_is_that_does_not_end_follows_from_what_keeps_it(message: str, owner: Owner, outlook: str) -> None:
    for prospect in (
        prospect_of_stall(Stalled(reason=StallReason.MAIN_ENDED, message=message)),
        prospect_of_wait(Waiting(reason="MainEnded", message=message)),
    ):
        assert prospect
        assert (prospect.owner, prospect.outlook) == (owner, outlook)


def test_daemons_that_use_up_the_parallelism_do_so_in_a_new_run() -> None:
    message = "daemons use up the Workflow's parallelism of 2, so no other step can start: db, cache"
    prospect = prospect_of_stall(Stalled(reason=StallReason.NOTHING_SCHEDULED, message=message))
    assert prospect
    assert (prospect.owner, prospect.outlook) == (Owner.USER, NEW_RUN_HANGS_TOO)


def test_a_stall_comes_before_a_wait() -> None:
    wait = Waiting(reason="Backoff")
    both = ReportStatus(stalled=Stalled(reason=StallReason.POD_TERMINATING), waiting=[wait])
    assert leading_prospect(both) == prospect_of_stall(Stalled(reason=StallReason.POD_TERMINATING))
    assert leading_prospect(ReportStatus(waiting=[wait])) == prospect_of_wait(wait)
    assert leading_prospect(ReportStatus()) is None
    assert prospect_of_stall(Stalled(reason="OfANewerVersion")) is None
