"""Generates the page of columns and conditions: what each one has before and after."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from generate.kinds import KINDS, POLICY, REMEDIATION, REPORT, Kind
from generate.markdown import UndocumentedError, code, page, table
from wfreport.api.reasons import ConditionType, PolicyConditionType, RemediationConditionType

Change = tuple[str, str]
"""The content before and after."""

_SAME: Final = ("set", "the same")
_INTRODUCTION: Final = (
    "What `kubectl get` shows of each kind, and the conditions of its status. A column is one field of the object, and "
    "empty if the field is absent. `wide` columns need `-o wide`. The tables of `wfreport list` have "
    "[columns of their own](../howto/kubectl-plugin.md)."
)
_MOMENTS: Final[Mapping[str, tuple[str, str]]] = {
    REPORT.name: ("While the run goes on", "After its end"),
    POLICY.name: ("Before the operator has seen it", "Then"),
    REMEDIATION.name: ("When it is created", "At the end"),
}
COLUMN_CHANGES: Final[Mapping[str, Mapping[str, Change]]] = {
    REPORT.name: {
        "Phase": (
            "`Pending`, `Running`",
            "`Succeeded`, `Failed`, `Error`; as it was last, if the Workflow was deleted",
        ),
        "Reason": (
            "what it hangs by or waits for, such as `ImagePullBackOff`; the class of a failed step; else empty",
            "the failure class; empty if the run succeeded",
        ),
        "Step": ("the step that hangs, waits or failed", "the step of the leading failure"),
        "Retries": ("so far", "all"),
        "Duration": ("empty: it would change all the time", "set"),
        "Finished": ("empty", "set"),
        "Age": ("empty before the start, then set", "set"),
        "Workflow": _SAME,
        "Progress": ("grows, with the number of known pods", "the last one"),
        "Failed": ("so far", "all"),
        "Remediations": ("resubmissions that led to this run", "the same, and those that followed it"),
        "Summary": ("progress, and what holds the run up since when", "the cause and its consequences, in one line"),
    },
    POLICY.name: {
        "Mode": _SAME,
        "Ready": ("empty", "`True`; `False` if the policy is invalid or a right is missing"),
        "Matched": ("empty", "counted over the reports that exist"),
        "Executed": ("empty", "counted over the Remediations that exist"),
        "Helped": ("empty", "the same"),
        "Blocked": ("empty", "counted over the reports that exist"),
        "Breaker": ("empty", "`Closed`, `Open` or `HalfOpen`"),
        "Age": _SAME,
        "Priority": _SAME,
        "Proposed": ("empty", "falls when a Remediation is approved or denied"),
        "Suspended": _SAME,
        "Message": ("empty", "what is wrong, if Ready is `False`"),
    },
    REMEDIATION.name: {
        "Policy": _SAME,
        "Action": _SAME,
        "Workflow": _SAME,
        "Attempt": _SAME,
        "Approved": ("`Unknown` if a person has to approve it, else `True`", "`True`, or `False` if it was denied"),
        "Executed": (
            "`Unknown`, or empty",
            "`True`; `False` if it was not possible any more; `Unknown` if an old intent left no trace",
        ),
        "Helped": ("empty", "`Unknown`, then `True` or `False` once the new run has ended"),
        "Age": _SAME,
        "Rule": _SAME,
        "Reason": _SAME,
        "Result": ("empty", "the Workflow or CronWorkflow"),
        "Message": ("empty", "set"),
    },
}
_CONDITION_CHANGES: Final[Mapping[Kind, Mapping[StrEnum, Change]]] = {
    REPORT: {
        ConditionType.READY: (
            "`True`, from the first write on",
            "`True`, also of a run that failed; `False` if it cannot be read",
        ),
        ConditionType.SUCCEEDED: ("`Unknown`", "`True`, or `False` with the failure class as reason"),
        ConditionType.NODES_AVAILABLE: ("`True`; `False` if they are offloaded and not fetched yet", "the same"),
        ConditionType.EVIDENCE_COMPLETE: (
            "`True`; `Unknown` while a failed pod is being read",
            "`True`, or `False` with what is missing",
        ),
        ConditionType.TRUNCATED: ("`False`; `True` if something was cut to the size limit", "the same"),
        ConditionType.RUN_STALLED: ("absent; `True` while the run hangs", "absent"),
    },
    POLICY: {
        PolicyConditionType.READY: ("absent", "`True`; `False` if the policy is invalid or a right is missing"),
        PolicyConditionType.REMEDIATION_ALLOWED: (
            "absent",
            "`True` in mode Enforce or Approve, if nothing holds the policy",
        ),
        PolicyConditionType.BREAKER_OPEN: ("absent", "`False`; `True` while the circuit breaker holds actions"),
        PolicyConditionType.CONFLICTED: (
            "absent",
            "`False`; `True` if a policy of equal priority selects the same run",
        ),
    },
    REMEDIATION: {
        RemediationConditionType.APPROVED: (
            "`True`; `Unknown` if a person has to approve it",
            "`True`, or `False` if it was denied",
        ),
        RemediationConditionType.EXECUTED: (
            "`Unknown`",
            "`True`, or `False` with the reason why it was not possible",
        ),
        RemediationConditionType.SUCCEEDED: (
            "absent; `Unknown` from the action to the new run's end",
            "`True` if the new run succeeded, else `False`",
        ),
    },
}


def columns_page() -> str:
    """Return the page of columns and conditions.

    Raises:
        UndocumentedError: a column has no entry, or an entry has no column.
    """
    return page("Columns and conditions", _INTRODUCTION, *(part for kind in KINDS for part in _parts(kind)))


def _parts(kind: Kind) -> list[str]:
    before, after = _MOMENTS[kind.name]
    columns = [*((column, "") for column in kind.columns), *((column, " (wide)") for column in kind.wide_columns)]
    changes = COLUMN_CHANGES[kind.name]
    if {column[0] for column, _ in columns} != set(changes):
        raise UndocumentedError(f"tools/generate/columns.py does not describe the columns of {kind.name}: {columns}")
    column_rows = [
        (f"{name.upper()}{wide}", code(path), meaning, *changes[name]) for (name, _, path, meaning), wide in columns
    ]
    condition_rows = [(code(name), *change) for name, change in _CONDITION_CHANGES[kind].items()]
    return [
        f"## {kind.name}",
        table(("Column", "Field", "Meaning", before, after), column_rows),
        table(("Condition", before, after), condition_rows),
    ]
