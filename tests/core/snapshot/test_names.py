"""Names of Remediations and resubmissions: deterministic, and unique for each run and lock."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import at

from wfreport.api.remediation import LockClass
from wfreport.core.snapshot.names import remediation_name, resubmission_name

UID = "3f9c1b8e-02d4-4c5e-9a57-6f0c2f1d7a11"
DNS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
workflow_names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?", fullmatch=True)


def test_the_name_of_a_remediation_is_deterministic() -> None:
    assert remediation_name("etl-x7k2p", UID, at(0), LockClass.MUTATE) == "etl-x7k2p-d1323ffb83"


@pytest.mark.parametrize(
    "other",
    [
        remediation_name("etl", UID[:-1] + "2", at(0), LockClass.MUTATE),
        remediation_name("etl", UID, at(1), LockClass.MUTATE),
        remediation_name("etl", UID, None, LockClass.MUTATE),
        remediation_name("etl", UID, at(0), LockClass.NOTIFY),
        remediation_name("etl", UID, at(0), LockClass.MUTATE, dry_run=True),
    ],
    ids=["another uid", "another run", "a run without start", "another lock", "dry run"],
)
def test_another_run_or_lock_has_another_name(other: str) -> None:
    assert other != remediation_name("etl", UID, at(0), LockClass.MUTATE)


def test_times_equal_to_the_second_mean_the_same_run() -> None:
    assert remediation_name("etl", UID, at(0.4), LockClass.MUTATE) == remediation_name(
        "etl", UID, at(0), LockClass.MUTATE
    )


def test_a_dry_run_has_a_prefix_in_its_name() -> None:
    assert remediation_name("etl", UID, at(0), LockClass.NOTIFY, dry_run=True).startswith("dry-etl-")


def test_a_resubmission_is_named_after_the_root_and_counted() -> None:
    assert resubmission_name("etl-x7k2p", UID, 3) == "etl-x7k2p-3f9c1b8e02-r3"


@given(workflow_names, st.uuids(), st.integers(1, 1000))
def test_names_fit_and_are_valid(name: str, uid: object, attempt: int) -> None:
    resubmitted = resubmission_name(name, str(uid), attempt)
    locked = remediation_name(name, str(uid), at(attempt), LockClass.MUTATE, dry_run=True)
    for made in (resubmitted, locked):
        assert len(made) <= 63
        assert DNS.fullmatch(made)
