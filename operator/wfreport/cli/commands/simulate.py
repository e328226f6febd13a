"""``wfreport simulate``: what a policy would have done about the runs of the past."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import click
from pydantic import ValidationError

from wfreport.api.names import KIND_POLICY, KIND_REPORT
from wfreport.api.policy import RemediationPolicy
from wfreport.api.report import WorkflowReport
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.simulation import Simulation, print_simulation
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import CHUNK, Cluster, ClusterTarget, run_connected
from wfreport.cli.sources.documents import Document, read_documents
from wfreport.cli.sources.reports import NO_REPORTS_KIND
from wfreport.clock import now as clock_now
from wfreport.core.decide.model import OperatorLimits
from wfreport.core.decide.replay import replay
from wfreport.core.decide.replay_summary import summarize_replay
from wfreport.core.decide.validity import InvalidPolicyError, read_policy
from wfreport.kube.errors import NotFoundError
from wfreport.kube.kinds import REPORT
from wfreport.kube.resource import documents

_JUDGED: Final = (
    *("observedWorkflow", "conditions", "failures", "failureClass", "workflowSource", "waiting", "runs", "summary"),
)
"""The parts of a status that a decision looks at; the others of thousands of reports would only fill memory."""


@dataclass(frozen=True, slots=True)
class Past:
    """Which runs of the past are judged.

    Attributes:
        since_seconds: those that ended within this time; earlier ones are history.
        reports: a file of reports; None: those of the cluster.
        everywhere: of all namespaces.
    """

    since_seconds: float
    reports: str | None = None
    everywhere: bool = False


def run_simulate(target: ClusterTarget, policy_path: str, past: Past, *, output: str, color: str) -> int:
    """Simulate, print, and return the exit code.

    Raises:
        UnusableInput: the policy, the reports or the cluster cannot be used.
    """
    policies = read_policies(policy_path)
    if past.reports is not None:
        documents = (found.value for found in read_documents(past.reports) if found.kind == KIND_REPORT)
        reports = list(_read_reports(documents))
        if not reports:
            raise UnusableInput(past.reports, "it holds no WorkflowReport; make one by kubectl get wfr -o json")
        return _simulate(policies, reports, past, output=output, color=color)

    async def act(cluster: Cluster) -> int:
        namespace = None if past.everywhere else cluster.namespace
        found = _read_reports([document async for document in _list_reports(cluster, namespace)])
        return _simulate(policies, list(found), past, output=output, color=color)

    return run_connected(target, act)


def read_policies(path: str) -> list[RemediationPolicy]:
    """The policies of a file.

    Raises:
        UnusableInput: there is none, or one is not valid; the message names the field and what to do.
    """
    found = [_read_policy(document) for document in read_documents(path) if document.kind == KIND_POLICY]
    if not found:
        raise UnusableInput(path, f"it holds no {KIND_POLICY}; see manifests/samples for some")
    return found


def _read_policy(document: Document) -> RemediationPolicy:
    try:
        return read_policy(document.value)
    except InvalidPolicyError as error:
        raise UnusableInput(document.origin, "; ".join(one_line(str(problem)) for problem in error.problems)) from error


async def _list_reports(cluster: Cluster, namespace: str | None) -> AsyncIterator[dict[str, Any]]:
    reports = documents(cluster.client, REPORT, chunk_size=CHUNK)
    try:
        async for document in reports.list(namespace):
            yield _slim(document)
    except NotFoundError as error:
        raise UnusableInput("API server", NO_REPORTS_KIND) from error


def _slim(document: Mapping[str, Any]) -> dict[str, Any]:
    status = document.get("status")
    kept = {key: status[key] for key in _JUDGED if key in status} if isinstance(status, Mapping) else None
    return {**document, "status": kept}


def _read_reports(documents: Iterable[Any]) -> Iterator[WorkflowReport]:
    """The reports; of what this version cannot read, a line on stderr says how much it is."""
    unreadable = 0
    for document in documents:
        try:
            yield WorkflowReport.model_validate(document)
        except ValidationError:
            unreadable += 1
    if unreadable:
        click.echo(f"{unreadable} reports are left out: this version of wfreport cannot read them", err=True)


def _simulate(
    policies: Sequence[RemediationPolicy], reports: Sequence[WorkflowReport], past: Past, *, output: str, color: str
) -> int:
    _warn_of_runs_without_labels(reports)
    until = clock_now()
    since = until - timedelta(seconds=past.since_seconds)
    everywhere = list(_in_namespaces(policies, {report.metadata.namespace for report in reports}))
    replayed = replay(reports, everywhere, since=since, until=until, limits=OperatorLimits())
    print_simulation(Simulation(policies, since, until, summarize_replay(replayed)), output=output, color=color)
    return ExitCode.SUCCEEDED


def _warn_of_runs_without_labels(reports: Sequence[WorkflowReport]) -> None:
    """An older operator did not keep a Workflow's labels, and nothing selects a run without them."""
    bare = sum(_is_bare(report) for report in reports)
    if bare:
        click.echo(f"{bare} of {len(reports)} runs have no labels that a policy could select them by", err=True)


def _is_bare(report: WorkflowReport) -> bool:
    observed = report.status.observed_workflow if report.status else None
    return observed is not None and not observed.labels


def _in_namespaces(policies: Iterable[RemediationPolicy], namespaces: Iterable[str]) -> Iterator[RemediationPolicy]:
    """A policy that names no namespace is tried in each."""
    known = sorted(namespaces)
    for policy in policies:
        for namespace in [policy.metadata.namespace] if policy.metadata.namespace else known:
            yield policy.model_copy(update={"metadata": policy.metadata.model_copy(update={"namespace": namespace})})
