"""Reports with fields replaced by hostile values that the API server stores.

The fields of a real report are replaced in turn. None of them ends the operator, and no neighbour waits for one.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pytest
from tests.eventually import eventually
from tests.live.operator.harness import REPORTS, condition
from tests.live.remediation.harness import RemediationCluster
from tests.live.remediation.neighbours import assert_alive, start
from tests.remediation.documents import RESUBMIT

from controlplane.errors import ApiError

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
REFUSED: Final = frozenset({400, 409, 413, 422})
HOSTILE: Final[tuple[Any, ...]] = (
    *("", "\u202egnp\x00\x1b[31m\u200b", "a" * 253, "x" * 1_000_000, "../../..", "0000-01-01T00:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 0, -1, 2**63 - 1, 0.5, True, None, [], {}, [[]]),
    {f"k{number}": "v" for number in range(10_000)},
)
"""Texts, ends of the calendar, numbers, and wrong types."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all fields of a document, and of the first items of its lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from leaves(inner, (*path, key))


def replaced(document: Json, path: tuple[Any, ...], value: Any) -> Json:
    """Return a document with another value at a path."""
    changed = copy.deepcopy(document)
    at: Any = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


STEP: Final = 7
"""Every seventh pair of field and value: each field gets some of the values, each value is in some of the fields."""


def mutations(part: Json) -> Iterator[Json]:
    """Yield the part of a document with one field replaced by one hostile value."""
    for path, value in itertools.islice(itertools.product(leaves(part), HOSTILE), 0, None, STEP):
        yield replaced(part, path, value)


def is_stored(call: Any, *arguments: Any) -> bool:
    """Make a request; return whether the API server stores what it is given."""
    try:
        # Without warnings: thousands of them are more headers than a client reads.
        call(*arguments, fieldValidation="Ignore")
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        return False
    return True


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
    for name, forged in zip(itertools.cycle(names), mutations(status), strict=False):
        path = f"{REPORTS.format(cluster.namespace)}/{real[name]['metadata']['name']}"
        stored += is_stored(api.patch, f"{path}/status", {"status": forged})
    assert stored >= 20
    assert_alive(operator, neighbour, "run")


def finished_report(cluster: RemediationCluster, name: str) -> Json:
    """Return the report of a run that has failed; an empty one as long as it does not say so."""
    report = cluster.report_of(name)
    is_ready = condition(report, "Ready") == ("True", "ReportCurrent") and condition(report, "Succeeded")[0] == "False"
    return report if is_ready else {}
