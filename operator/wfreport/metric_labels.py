"""Labels of the metrics: closed sets of values, and the pairs of namespace and template."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import Final

from prometheus_client import Counter

from wfreport.api.reasons import RemediationReason

# Counters with these labels start at 0: `increase()` does not see the first count of a series that starts at 1.
CONTROLLERS: Final = (
    *("report", "capture", "report_reader", "argo_server", "archived_logs", "remediation", "early_pod_labels"),
    *("policies", "remediations", "notifier", "other"),
)
REPAIR_KINDS: Final = ("unreported", "unserved", "untracked", "gone", "report")
FAILED_EXECUTIONS: Final = (
    RemediationReason.EXECUTION_FAILED,
    RemediationReason.NOT_PERMITTED,
    RemediationReason.SPEC_NOT_REPRODUCED,
    RemediationReason.STOP_INEFFECTIVE,
    RemediationReason.TRACE_LOST,
)
RUN_OUTCOMES: Final = (
    RemediationReason.RUN_SUCCEEDED,
    RemediationReason.RUN_FAILED,
    RemediationReason.RUN_REFUSED,
)


class RunLabels:
    """Labels of the metrics about runs: namespace and template, if they are switched on, for a bounded number of pairs.

    Args:
        max_templates: most pairs with labels of their own; 0: no labels.
    """

    def __init__(self, max_templates: int) -> None:
        self._max_templates = max_templates
        self._pairs: set[tuple[str, str]] = set()
        self._on_new: Callable[[tuple[str, ...]], None] = lambda _labels: None
        self.names = ("namespace", "template") if max_templates else ()

    def of(self, namespace: str, template: str) -> tuple[str, ...]:
        """Return the values of the labels. The first pairs keep theirs, so that no counter ever loses a part."""
        if not self._max_templates:
            return ()
        pair = (namespace, template)
        if pair not in self._pairs:
            if len(self._pairs) >= self._max_templates:
                return ("other", "other")
            self._pairs.add(pair)
            self._on_new(pair)
        return pair

    def start_each_at_zero(self, start: Callable[[tuple[str, ...]], None]) -> None:
        """Call ``start`` with the labels of every series, those of a new pair before its first count."""
        if self._max_templates:
            self._on_new = start
            start(("other", "other"))
        else:
            start(())


def start_at_zero(counter: Counter, *values: Iterable[str]) -> None:
    """Create the series of all combinations of the labels' values."""
    for labels in product(*values):
        counter.labels(*labels)
