"""``wfreport check``: is the operator installed, alive and permitted to do its work?"""

import os
from collections.abc import Sequence
from typing import Final

import click

from wfreport.cli.group import Command
from wfreport.cli.options import ClusterTarget, cluster_options, output_option
from wfreport.cli.problems import ExitCode, UnusableInput
from wfreport.cli.render.output import print_object
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster, run_connected
from wfreport.cli.sources.installation import (
    CheckState,
    Finding,
    Installation,
    check_installation,
    check_kinds,
    check_own_rights,
    check_policies,
    check_reports,
    find_installations,
)
from wfreport.clock import now as clock_now
from wfreport.kube.errors import ForbiddenError
from wfreport.setting_types import setting_variables, unknown_variables
from wfreport.settings import InvalidSettingsError, Settings, load_settings

_NOT_INSTALLED: Final = "none found: see docs/howto/install.md, or run it from a checkout by `make run`"


@click.command(
    cls=Command,
    exit_codes={
        ExitCode.SUCCEEDED: "no problem was found",
        ExitCode.FAILED: "a check found a problem",
        ExitCode.UNUSABLE: "an argument or the cluster cannot be used",
    },
    examples=("%(prog)s check", "%(prog)s check --pre", "%(prog)s check -n team-a -o json"),
)
@click.option("--pre", is_flag=True, help="Check only what `wfreport run` needs, with your own rights.")
@output_option("text", "json", "yaml")
@cluster_options
def check(target: ClusterTarget, output: str, *, pre: bool) -> int:
    """Check the installation: kinds, replicas, Lease, rights, reports and policies.

    Without --namespace, all namespaces are checked. What you are not permitted to read is reported as unknown. With
    --pre, the environment variables of `wfreport run` determine the namespaces.
    """

    async def execute(cluster: Cluster) -> int:
        findings = [finding async for finding in check_kinds(cluster)]
        if pre:
            findings += [finding async for finding in check_own_rights(cluster, _watched_namespaces())]
            findings += _unknown_settings()
        else:
            findings += await _operator_findings(cluster, target.namespace)
        _print(findings, output)
        has_problem = any(finding.state == CheckState.PROBLEM for finding in findings)
        return ExitCode.FAILED if has_problem else ExitCode.SUCCEEDED

    return run_connected(target, execute)


def _unknown_settings() -> list[Finding]:
    unknown = unknown_variables(os.environ, setting_variables(Settings.model_fields))
    return [
        Finding(
            CheckState.PROBLEM, variable, f"no such setting; did you mean {similar}?" if similar else "no such setting"
        )
        for variable, similar in unknown.items()
    ]


def _watched_namespaces() -> list[str]:
    try:
        return list(load_settings().namespaces) or [""]
    except InvalidSettingsError as error:
        raise UnusableInput("settings", str(error)) from error


async def _operator_findings(cluster: Cluster, namespace: str | None) -> list[Finding]:
    findings, now = [], clock_now()
    installations: list[Installation] = []
    try:
        installations = await find_installations(cluster, namespace)
    except ForbiddenError as error:
        findings.append(Finding(CheckState.UNKNOWN, "operator", error.message))
    else:
        if not installations:
            findings.append(Finding(CheckState.PROBLEM, "operator", _NOT_INSTALLED))
    for installation in installations:
        findings += [finding async for finding in check_installation(cluster, installation, now)]
    for where, selector in _reported_parts(installations, namespace):
        findings.append(await check_reports(cluster, where or None, selector, now))
    return findings + [finding async for finding in check_policies(cluster, namespace)]


def _reported_parts(installations: Sequence[Installation], namespace: str | None) -> list[tuple[str, str]]:
    """Return the namespaces and selectors of the Workflows that should have reports; an empty name stands for all."""
    if namespace:
        return [(namespace, installations[0].selector if installations else "")]
    parts = [(watched, each.selector) for each in installations for watched in each.namespaces]
    return list(dict.fromkeys(parts)) or [("", "")]


def _print(findings: list[Finding], output: str) -> None:
    if output != "text":
        items = [{"state": each.state, "subject": each.subject, "message": each.message} for each in findings]
        print_object([{key: str(value) for key, value in item.items()} for item in items], output)
        return
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        click.echo(f"{finding.state:<8} {one_line(finding.subject):<{width}}  {one_line(finding.message)}")
