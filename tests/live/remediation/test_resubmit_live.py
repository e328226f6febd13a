"""A failed run is resubmitted once, and its record shows whether that helped."""

from __future__ import annotations

from functools import partial

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import condition
from tests.live.remediation.harness import HELPED, RemediationCluster
from tests.remediation.documents import RESUBMIT

pytestmark = pytest.mark.cluster


def test_a_failed_run_is_resubmitted_once_and_its_record_shows_that_it_helped(cluster: RemediationCluster) -> None:
    cluster.apply_policy(RESUBMIT)
    cluster.start()
    cluster.enforced()
    failed = cluster.fail("etl")
    done = cluster.wait_for_remediation("etl", "Executed", ("True",))
    (new,) = [name for name in cluster.workflows() if name != "etl"]
    assert new == f"etl-{failed['metadata']['uid'].replace('-', '')[:10]}-r1"
    assert done["status"]["resultRef"]["name"] == new
    assert condition(done, "Succeeded") == ("Unknown", "OutcomeAwaited")
    made = cluster.workflow(new)
    audit = {"wfreport.dev/policy": "p", "wfreport.dev/remediation": done["metadata"]["name"]}
    assert made["metadata"]["annotations"].items() >= audit.items()
    assert made["metadata"]["labels"]["wfreport.dev/remediation-uid"] == done["metadata"]["uid"]
    cluster.end(new, "Succeeded")
    eventually(lambda: condition(cluster.remediation_of("etl"), "Succeeded"), lambda current: current == HELPED)
    last = {"remediationRef": done["metadata"]["name"], "action": "Resubmit", "outcome": "RunSucceeded"}
    for name in ("etl", new):
        chain = eventually(partial(cluster.chain_of, name), lambda current: current.get("last") == last)
        assert chain["chain"] == ["etl", new]
        assert (chain["attempts"], chain["rootUid"]) == (1, failed["metadata"]["uid"])
    counts = eventually(lambda: cluster.policy()["status"]["counts"], lambda current: current["helped"] == 1)
    assert (counts["executed"], counts["matched"]) == (1, 1)
