"""Reads the end of a container's log, redacts it, and cuts it to what a report stores."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct, structs

from wfreport.api.reasons import Reason
from wfreport.core.redact.redactor import Redactor
from wfreport.core.redact.text import TextSanitizer
from wfreport.core.render.evidence import LogLimits, ShortLog, shortened_log
from wfreport.kube.objects import NamespacedName
from wfreport.kube.pods import Pods

MARGIN_LINES: Final = 64
"""Lines read beyond those that are stored, since a private key has to be redacted as a whole before the log is cut."""

MARGIN_FACTOR: Final = 4
"""Bytes read per byte that is stored, for the same reason."""


class LogRules(Struct, frozen=True):
    """Settings of reading logs.

    Attributes:
        log_tail_bytes: bytes stored of a log; 0 to read none.
        no_logs_namespaces: glob patterns of namespaces whose logs are never read.
        logs_per_workflow: number of pods of one Workflow whose logs are cached; more would not fit in its report.
    """

    log_tail_bytes: int = 8 * 1024
    no_logs_namespaces: Sequence[str] = ()
    logs_per_workflow: int = 50

    def reads_logs(self, namespace: str) -> bool:
        """Return whether logs of this namespace may be read."""
        return self.log_tail_bytes > 0 and not any(fnmatchcase(namespace, glob) for glob in self.no_logs_namespaces)


class LogReader:
    """Reads logs of the containers of failed pods."""

    def __init__(
        self, pods: Pods, rules: LogRules, redactor: Redactor, *, log_lines: Callable[[NamespacedName], int]
    ) -> None:
        """Create a reader; ``log_lines`` returns the number of lines that the reports of a Workflow store."""
        self._pods = pods
        self._rules = rules
        self._sanitizer = TextSanitizer(redactor)
        self._log_lines = log_lines

    def find_gap(self, workflow: NamespacedName, *, cached: int) -> Reason | None:
        """Return why the logs of one more pod of a Workflow are not read, None if they are.

        Args:
            workflow: the Workflow.
            cached: number of its pods whose logs are cached.
        """
        if not self._rules.reads_logs(workflow[0]) or self._log_lines(workflow) == 0:
            return Reason.LOG_DISABLED
        return Reason.CAPTURE_LIMIT if cached >= self._rules.logs_per_workflow else None

    async def read(self, pod: NamespacedName, container: str, workflow: NamespacedName) -> ShortLog:
        """Read the end of a container's log, as the reports of its Workflow store it.

        Raises:
            LogGoneError: the kubelet no longer has it.
            ApiError: the request failed.
        """
        lines = self._log_lines(workflow)
        end = await self._pods.read_log(
            *pod,
            container,
            lines=lines + MARGIN_LINES,
            max_bytes=self._rules.log_tail_bytes * MARGIN_FACTOR,
        )
        tail = shortened_log(end.text, container, self._sanitizer, LogLimits(lines, self._rules.log_tail_bytes))
        return structs.replace(tail, was_cut=tail.was_cut or end.has_more)
