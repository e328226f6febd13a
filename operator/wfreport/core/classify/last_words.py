"""Judges a failed program by its last words: the most telling line of its log, or of Argo's message.

An exit code alone makes a retry unlikely to help, and the user the one who can mend it. The last words may tell more.
The class stays the same, because a log may arrive after the report was written.
"""

import re
from typing import Any, Final

from wfreport.api.classes import FailureClass
from wfreport.api.failure_reasons import FailureReason
from wfreport.core.classify.kubeflow_programs import judge
from wfreport.core.classify.kubelet_messages import NETWORK_ERRORS
from wfreport.core.classify.telling_line import telling_line
from wfreport.core.snapshot.messages import parse_exit
from wfreport.imports import lazy_pattern

_TEMPORARY: Final = lazy_pattern(
    NETWORK_ERRORS.pattern
    + r"|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ConnectTimeout|ConnectionTimeout|ReadTimeout|"
    r"ConnectionRefusedError|ConnectionResetError|Max retries exceeded|could not connect to server|lost connection to|"
    r"closed the connection|"
    r"(?:connect|socket|host|server|network|database|http|request|port)[^\n]{0,200}(?:timed out|timeout expired)|"
    r"too ?many ?requests|rate limit(?:ed| exceeded)|"
    r"(?:HTTP(?:/[12](?:\.[01])?)?|status|code|error)[ :=\"]{1,4}(?:429|50[234])\b|"
    r"bad gateway|service (?:is )?(?:temporarily )?unavailable|gateway time-?out|try again later",
    re.IGNORECASE,
)
"""The other end of a connection may be there the next time, and a service that is overloaded may answer."""


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
    return {"retryable": True} if _TEMPORARY.search(line) else {}
