"""A recorded Workflow with changed places has a report; `make fuzz` tries as many as fit into its minutes."""

from __future__ import annotations

import json
import os
import time

from hypothesis import given
from hypothesis import strategies as st
from tests.core.mutated import CORPUS, check_handled, kept, mutated

FUZZ_MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))


@given(st.integers(0, 2**32))
def test_a_workflow_with_changed_places_has_a_report_and_a_plan_or_a_reason(seed: int) -> None:
    check_handled(mutated(seed))


def test_each_workflow_that_failed_once_is_handled() -> None:
    paths = sorted(CORPUS.glob("*.json"))
    assert paths, "the corpus is found"
    for path in paths:
        check_handled(json.loads(path.read_text()))


if FUZZ_MINUTES:

    def test_no_mutation_of_a_recorded_workflow_fails() -> None:
        end = time.monotonic() + 60 * FUZZ_MINUTES
        seed = first = int(os.environ.get("FUZZ_SEED") or time.time_ns() % 10**12)
        failed = []
        while time.monotonic() < end:
            workflow = mutated(seed)
            try:
                check_handled(workflow)
            except Exception as error:  # noqa: BLE001 - any error is what it looks for
                failed.append(f"{kept(workflow, seed)}: {type(error).__name__}: {error}"[:300])
            seed += 1
        print(f"{seed - first} Workflows from FUZZ_SEED={first}")
        assert not failed, "\n".join(failed[:20])
