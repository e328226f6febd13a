"""Actions that can help a run that hangs, by the reason why it does.

A stop helps if Argo, once it reads ``spec.shutdown``, ends what the run waits for. For each reason, that was read in
the controller of Argo 4.0.5 (workflow/controller/exec_control.go and operator.go) and is tried with it in tests/live.
"""

from collections.abc import Mapping
from typing import Final

from wfreport.api.action_types import ActionType
from wfreport.api.reasons import StallReason

NO_HELP: Final[Mapping[str, str]] = {
    StallReason.TASK_RESULT_MISSING: "Argo applies no stop to a step before it has the step's task result",
    StallReason.SUSPENDED_AND_TERMINATED: "the run is being stopped already, and ends once it is resumed",
    StallReason.DELETION_BLOCKED: "the Workflow is being deleted already",
    StallReason.ARTIFACT_GC_FAILED: "the run has ended",
    StallReason.LOCK_LEAKED: "a stop does not free the lock, and a new run would wait for it as well",
}
"""Reasons that neither Stop nor Resubmit can do anything about, and why."""

ANSWERABLE: Final = frozenset(StallReason) - set(NO_HELP) - {StallReason.CONTROLLER_SILENT}
"""Reasons that Stop and Resubmit can do something about."""

ANSWERS: Final = frozenset({ActionType.STOP, ActionType.RESUBMIT, ActionType.NONE})
"""Actions that a rule for runs that hang may have."""
