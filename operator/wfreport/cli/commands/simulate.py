"""``wfreport simulate``: replays past runs through a policy."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import click
import msgspec
from msgspec import Struct

from wfreport.api.classes import FailureClass
from wfreport.api.names import KIND_POLICY, KIND_REPORT
from wfreport.api.policy import RemediationPolicy
from wfreport.api.report import WorkflowReport
from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, Duration, cluster_options, color_option, output_option
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.simulation import Simulation, print_simulation
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.documents import Document, read_documents
from wfreport.cli.sources.reports import NO_REPORTS_KIND, left_out
from wfreport.clock import now as clock_now
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.decide.replay import replay
from wfreport.core.decide.replay_summary import summarize_replay
from wfreport.core.decide.validity import InvalidPolicyError, read_policy
from wfreport.core.plurals import plural
from wfreport.kube.errors import NotFoundError
from wfreport.kube.kinds import REPORT
from wfreport.kube.resource import documents

_MONTH_SECONDS: Final = 30 * 24 * 3600
_DECISION_FIELDS: Final = (
    *(
        "observedWorkflow",
        "conditions",
        "failures",
        "failureClass",
        "workflowSource",
        "waiting",
        "runs",
        "summary",
        "stalled",
    ),
)
"""The fields of a status that a decision reads. The others are dropped: thousands of reports are held in memory."""


class PastRuns(Struct, frozen=True):
    """The runs to replay.

    Attributes:
        since_seconds: how long ago a run may have ended for a decision to count; earlier runs are only history.
        reports_path: a file of reports; None: the reports of the cluster.
        all_namespaces: whether to read the reports of all namespaces.
    """

    since_seconds: float
    reports_path: str | None = None
    all_namespaces: bool = False


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "success",
        ExitCode.UNUSABLE: "the policy, the reports or the cluster cannot be used",
    },
    examples=(
        "%(prog)s simulate -f oom-ladder.yaml -n data",
        "%(prog)s simulate -f policy.yaml --since 7d -o wide",
        "kubectl get wfr -n data -o json | %(prog)s simulate -f policy.yaml --reports -",
    ),
)
@click.option("-f", "--file", "policy", required=True, metavar="FILE", help="The policy; - is stdin.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Replay runs of all namespaces.")
@click.option(
    "--since",
    type=Duration(),
    default=f"{_MONTH_SECONDS}s",
    metavar="DURATION",
    help="Replay runs that ended within this time: 24h, 7d. Default: 30d.",
)
@click.option("--reports", metavar="FILE", help="Replay the reports in FILE, without a cluster.")
@output_option("table", "wide", "json", "yaml", description="wide lists every run.")
@color_option
@cluster_options
def simulate(
    target: ClusterTarget,
    policy: str,
    *,
    all_namespaces: bool,
    since: float,
    reports: str | None,
    output: str,
    color: str,
) -> int:
    """Replay past runs through a policy: which actions it would have taken, and what would have held them back.

    The reports of the namespace are replayed in chronological order through the operator's own decision, as if the
    policy had been in mode Enforce. Nothing is changed. This needs permission to list WorkflowReports, or none with
    --reports. Whether an action would have helped is known only if it was really taken.
    Other policies of the cluster are ignored; to see several together, put them into FILE.
    """
    past = PastRuns(since_seconds=since, reports_path=reports, all_namespaces=all_namespaces)
    policies = read_policies(policy)
    if reports is not None:
        return _simulate(policies, _reports_of_file(reports), past, output=output, color=color)

    async def execute(cluster: Cluster) -> int:
        namespace = None if all_namespaces else cluster.namespace
        stored = _decode_reports([document async for document in _list_reports(cluster, namespace)])
        return _simulate(policies, list(stored), past, output=output, color=color)

    return run_connected(target, execute)


def read_policies(path: str) -> list[RemediationPolicy]:
    """Read the policies of a file.

    Raises:
        UnusableInput: the file has no policy, or an invalid one; the message names the field and the fix.
    """
    policies = [_read_policy(document) for document in read_documents(path) if document.kind == KIND_POLICY]
    if not policies:
        raise UnusableInput(path, f"it has no {KIND_POLICY}; see manifests/samples for examples")
    return policies


def _read_policy(document: Document) -> RemediationPolicy:
    _check_classes(document)
    try:
        return read_policy(document.value)
    except InvalidPolicyError as error:
        raise UnusableInput(document.origin, "; ".join(one_line(str(problem)) for problem in error.problems)) from error


def _check_classes(document: Document) -> None:
    """Refuse a class that the CRD refuses; the model reads it as Unknown, for policies of a newer version."""
    known = {failure_class.value for failure_class in FailureClass}
    spec = document.value.get("spec") if isinstance(document.value, Mapping) else None
    rules = spec.get("rules") if isinstance(spec, Mapping) else None
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        match = rule.get("match") if isinstance(rule, Mapping) else None
        classes = match.get("classes") if isinstance(match, Mapping) else None
        for name in classes if isinstance(classes, list) else ():
            if isinstance(name, str) and name not in known:
                raise UnusableInput(
                    document.origin,
                    f"spec.rules[{number}].match.classes: {one_line(name)!r} is not one of {', '.join(FailureClass)}",
                )


def _reports_of_file(path: str) -> list[WorkflowReport]:
    documents = (document.value for document in read_documents(path) if document.kind == KIND_REPORT)
    reports = list(_decode_reports(documents))
    if not reports:
        raise UnusableInput(path, "it has no WorkflowReport; create it with kubectl get wfr -o json")
    return reports


async def _list_reports(cluster: Cluster, namespace: str | None) -> AsyncIterator[dict[str, Any]]:
    try:
        async for document in documents(cluster.client, REPORT).list(namespace):
            yield _pruned(document)
    except NotFoundError as error:
        raise UnusableInput("API server", NO_REPORTS_KIND) from error


def _pruned(document: Mapping[str, Any]) -> dict[str, Any]:
    status = document.get("status")
    if not isinstance(status, Mapping):
        return {**document, "status": None}
    return {**document, "status": {key: status[key] for key in _DECISION_FIELDS if key in status}}


def _decode_reports(documents: Iterable[Any]) -> Iterator[WorkflowReport]:
    """Decode the reports; name on stderr those that this version cannot decode."""
    for document in documents:
        try:
            yield WorkflowReport.model_validate(document)
        except msgspec.ValidationError as error:
            click.echo(left_out(str(document.get("metadata", {}).get("name")), error), err=True)


def _simulate(
    policies: Sequence[RemediationPolicy],
    reports: Sequence[WorkflowReport],
    past: PastRuns,
    *,
    output: str,
    color: str,
) -> int:
    _warn_of_missing_labels(reports)
    until = clock_now()
    since = until - timedelta(seconds=past.since_seconds)
    namespaced = list(_with_namespaces(policies, {report.metadata.namespace for report in reports}))
    decisions = replay(reports, namespaced, since=since, until=until, limits=OperatorLimits())
    print_simulation(Simulation(policies, since, until, summarize_replay(decisions)), output=output, color=color)
    return ExitCode.SUCCEEDED


def _warn_of_missing_labels(reports: Sequence[WorkflowReport]) -> None:
    """Warn of reports by an older operator, which did not store a Workflow's labels: no selector matches them."""
    unlabelled = sum(_has_no_labels(report) for report in reports)
    if unlabelled:
        click.echo(f"no label, so that no selector can match: {unlabelled} of {plural(len(reports), 'run')}", err=True)


def _has_no_labels(report: WorkflowReport) -> bool:
    observed = report.status.observed_workflow if report.status else None
    return observed is not None and not observed.labels


def _with_namespaces(policies: Iterable[RemediationPolicy], namespaces: Iterable[str]) -> Iterator[RemediationPolicy]:
    """Yield each policy in its namespace; a policy without one is tried in every namespace."""
    known = sorted(namespaces)
    for policy in policies:
        for namespace in [policy.metadata.namespace] if policy.metadata.namespace else known:
            yield policy.model_copy(update={"metadata": policy.metadata.model_copy(update={"namespace": namespace})})
