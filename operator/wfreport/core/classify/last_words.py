"""Judges a failed program by its last words: the most telling line of its log, or of Argo's message.

An exit code alone makes a retry unlikely to help, and the user the one who can mend it. The last words may tell more.
The class stays the same, because a log may arrive after the report was written.
"""

from typing import Any

from wfreport.api.classes import FailureClass
from wfreport.api.failure_reasons import FailureReason
from wfreport.core.classify.kubeflow_programs import judge
from wfreport.core.classify.telling_line import telling_line
from wfreport.core.classify.temporary_words import is_temporary
from wfreport.core.snapshot.messages import parse_exit


def changes_by_last_words(
    failure_class: FailureClass, message: str | None, log_line: str | None, *, is_of_kubeflow: bool
) -> dict[str, Any]:
    """Return the fields of a verdict that a program's last words change.

    Args:
        failure_class: class of the failure; only exit codes are judged.
        message: Argo's message.
        log_line: the most telling line of the log, if there is one.
        is_of_kubeflow: whether the program is Kubeflow's own driver or launcher.
    """
    if failure_class != FailureClass.EXIT_CODE:
        return {}
    ending = parse_exit(message or "")
    line = log_line or (telling_line(ending.detail) if ending else "")
    judgement = judge(line) if is_of_kubeflow else None
    if judgement is not None:
        reason = FailureReason.KUBEFLOW_ERROR.value
        return {"owner": judgement.owner, "retryable": judgement.retryable, "reason": reason}
    return {"retryable": True} if is_temporary(line) else {}
