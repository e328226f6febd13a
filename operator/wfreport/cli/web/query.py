"""The filters in the URL of a page. They work without script, and a link keeps them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from wfreport.api.classes import FailureClass, Owner
from wfreport.cli.render.live_page import FormField
from wfreport.cli.sources.reports import ReportRow
from wfreport.core.page.texts import line

ROWS: Final = 200
ROWS_MAX: Final = 5000
_PHASES: Final = ("Pending", "Running", "Succeeded", "Failed", "Error")
_VALUE_CHARACTERS: Final = 253
_SEARCHED_CHARACTERS: Final = 2000


class RunQuery(Struct, frozen=True):
    """Filters of the list of runs; an empty one matches all.

    Attributes:
        namespace: the namespace of the runs.
        phase: Argo's phase.
        failure_class: class of the failure, or of what the run waits for.
        owner: party that must fix the failure.
        template: CronWorkflow, template or generateName, with or without its kind.
        text: part of the name, the step, the reason or the summary, in any case.
        stuck: whether only runs match that hang or wait in vain.
        limit: the most rows.
    """

    namespace: str = ""
    phase: str = ""
    failure_class: str = ""
    owner: str = ""
    template: str = ""
    text: str = ""
    stuck: bool = False
    limit: int = ROWS

    def matches(self, row: ReportRow) -> bool:
        """Whether a report matches all filters."""
        return all(matches(row) for matches in self._conditions())

    def _conditions(self) -> Iterator[Callable[[ReportRow], bool]]:
        if self.namespace:
            yield lambda row: row.metadata.namespace == self.namespace
        if self.phase:
            yield lambda row: phase_of(row) == self.phase
        if self.failure_class:
            yield lambda row: row.is_of_class((self.failure_class,))
        if self.owner:
            yield lambda row: row.leading_failure.owner == self.owner
        if self.template:
            yield lambda row: self.template in (row.origin, row.origin.partition("/")[2])
        if self.stuck:
            yield lambda row: row.is_stuck
        if self.text:
            yield lambda row: self.text.lower() in _searched(row)

    def fields(self) -> Sequence[FormField]:
        """Return the fields of the form, with these filters filled in."""
        return (
            FormField("text", "Search", "search", self.text),
            FormField("namespace", "Namespace", "text", self.namespace),
            FormField("phase", "Phase", "choice", self.phase, _PHASES),
            FormField("class", "Class", "choice", self.failure_class, tuple(FailureClass)),
            FormField("owner", "Owner", "choice", self.owner, tuple(Owner)),
            FormField("template", "Template or cron", "text", self.template),
            FormField("stuck", "Only stuck runs", "check", "true" if self.stuck else ""),
        )

    def url(self, path: str, *, limit: int) -> str:
        """Return the address of the page with these filters and another number of rows."""
        named = {_PARAMETERS.get(name, name): getattr(self, name) for name in self.__struct_fields__}
        query = {name: value for name, value in named.items() if value and name not in {"stuck", "limit"}}
        if self.stuck:
            query["stuck"] = "true"
        return f"{path}?{urlencode(query | {'limit': str(limit)})}"


_PARAMETERS: Final = {"failure_class": "class"}


def run_query(parameters: Mapping[str, str]) -> RunQuery:
    """Return the filters of a URL. Values that cannot match are no errors: the list is then empty."""
    return RunQuery(
        namespace=value_of(parameters, "namespace"),
        phase=value_of(parameters, "phase"),
        failure_class=value_of(parameters, "class"),
        owner=value_of(parameters, "owner"),
        template=value_of(parameters, "template"),
        text=value_of(parameters, "text"),
        stuck=value_of(parameters, "stuck") not in {"", "false"},
        limit=_limit(parameters.get("limit", "")),
    )


def value_of(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter on one line, clipped; empty if it is missing."""
    return line(parameters.get(name, ""), _VALUE_CHARACTERS)


def phase_of(row: ReportRow) -> str:
    """Return the phase of a run; Argo gives none to a Workflow that it has not seen yet."""
    return row.status.observed_workflow.phase or "Pending"


def _limit(text: str) -> int:
    return min(max(int(text), 1), ROWS_MAX) if text.isdecimal() and len(text) < len(str(ROWS_MAX)) + 1 else ROWS


def _searched(row: ReportRow) -> str:
    parts = (row.spec.workflow_ref.name, row.metadata.name, row.reason, row.step, row.status.summary, row.origin)
    return "\n".join(part[:_SEARCHED_CHARACTERS] for part in parts).lower()
