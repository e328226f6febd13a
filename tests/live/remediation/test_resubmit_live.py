"""A failed run is resubmitted, once, and the record says whether that helped."""

from __future__ import annotations

from functools import partial

import pytest
from tests.eventually import eventually
from tests.live.remediation.world import RESUBMIT, Acting, condition

pytestmark = pytest.mark.cluster


def test_a_failed_run_is_resubmitted_once_and_its_record_says_that_it_helped(acting: Acting) -> None:
    acting.apply_policy(RESUBMIT)
    acting.start()
    acting.enforced()
    failed = acting.fail("etl")
    done = eventually(lambda: acting.remediation_of("etl"), lambda seen: condition(seen, "Executed")[0] == "True")
    (new,) = [name for name in acting.workflows() if name != "etl"]
    assert new == f"etl-{failed['metadata']['uid'].replace('-', '')[:10]}-r1"
    assert done["status"]["resultRef"]["name"] == new
    assert condition(done, "Succeeded") == ("Unknown", "OutcomeAwaited")
    made = acting.cluster.workflow(new)
    assert made["metadata"]["labels"]["wfreport.dev/remediation-uid"] == done["metadata"]["uid"]
    acting.end(new, "Succeeded")
    helped = ("True", "RunSucceeded")
    eventually(lambda: condition(acting.remediation_of("etl"), "Succeeded"), lambda seen: seen == helped)
    last = {"remediationRef": done["metadata"]["name"], "action": "Resubmit", "outcome": "RunSucceeded"}
    for name in ("etl", new):
        told = eventually(partial(acting.chain_of, name), lambda seen: seen.get("last") == last)
        assert told["chain"] == ["etl", new]
        assert (told["attempts"], told["rootUid"]) == (1, failed["metadata"]["uid"])
    counts = eventually(lambda: acting.policy()["status"]["counts"], lambda seen: seen["helped"] == 1)
    assert (counts["executed"], counts["matched"]) == (1, 1)
