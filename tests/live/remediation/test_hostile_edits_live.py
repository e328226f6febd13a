"""Reports with fields replaced by hostile values that the API server stores.

The fields of a real report are replaced in turn. None of them ends the operator, and no neighbour waits for one.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Final

import pytest
from tests.eventually import eventually
from tests.live.hostile_values import Json, is_stored, mutations
from tests.live.operator.harness import REPORTS, condition
from tests.live.remediation.harness import RemediationCluster
from tests.live.remediation.neighbours import assert_alive, start
from tests.remediation.documents import RESUBMIT

pytestmark = pytest.mark.cluster

STEP: Final = 13
"""Every thirteenth pair of field and value: each field gets some of the values, each value is in some of the fields."""


def test_no_field_of_a_reports_status_can_be_forged_to_end_the_operator(
    cluster: RemediationCluster, neighbour: RemediationCluster
) -> None:
    cluster.apply_policy(RESUBMIT, limits={"maxAttempts": 0})
    operator = start(cluster, neighbour)
    cluster.enforced()
    names = [f"run-{number}" for number in range(6)]
    for name in names:
        cluster.fail(name)
    real = {name: eventually(partial(finished_report, cluster, name)) for name in names}
    status, api = real[names[0]]["status"], cluster.plane.api
    stored = 0
    for name, (_, _, forged) in zip(itertools.cycle(names), mutations(status, step=STEP), strict=False):
        path = f"{REPORTS.format(cluster.namespace)}/{real[name]['metadata']['name']}"
        stored += is_stored(api.patch, f"{path}/status", {"status": forged})
    assert stored >= 20
    assert_alive(operator, neighbour, "run")


def finished_report(cluster: RemediationCluster, name: str) -> Json:
    """Return the report of a run that has failed; an empty one as long as it does not say so."""
    report = cluster.report_of(name)
    is_ready = condition(report, "Ready") == ("True", "ReportCurrent") and condition(report, "Succeeded")[0] == "False"
    return report if is_ready else {}
