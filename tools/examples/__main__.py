"""Implements ``make examples``: runs the scenarios and writes docs/examples/ from their reports."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from controlplane import ControlPlane, ControlPlaneError
from controlplane.paths import REPO_ROOT
from controlplane.waiting import wait_until
from demo import installation
from examples.pages import index_page, scenario_page, shown
from examples.scenarios import NAMESPACE, SCENARIOS, Scenario, is_final, report, workflow

PAGES: Final = REPO_ROOT / "docs" / "examples"
_PATIENCE_SECONDS: Final = 240


def main() -> int:
    """Run the scenarios named as arguments, or all.

    Return 2 with one line on stderr if this machine cannot run them, and 1 if a report differs from the expected one.
    """
    try:
        with ExitStack() as stack:
            return _run(stack, sys.argv[1:])
    except ControlPlaneError as error:
        sys.stderr.write(f"examples: {error}\n")
        return 2


def _run(stack: ExitStack, files: Sequence[str]) -> int:
    _echo("etcd, kube-apiserver, Argo's controller and server, PostgreSQL")
    plane = stack.enter_context(ControlPlane(argo_server=True, argo_auth_modes=["server"], argo_database=True))
    installation.install(plane)
    settings = {"WFREPORT_ARGO_SERVER_URL": plane.argo_server_url, "WFREPORT_WAITING_GRACE_IMAGE_PULL_SECONDS": "5"}
    operator, url = installation.start_operator(plane, settings)
    stack.callback(operator.stop, graceful=True)
    installation.wait_until_ready(operator, url)
    plane.create_namespace(NAMESPACE)
    chosen = [scenario for scenario in SCENARIOS if scenario.file in files] or SCENARIOS
    for scenario in chosen:
        plane.kubectl("create", "-n", NAMESPACE, "-f", scenario.manifest)
    wrong = [scenario.file for scenario in chosen if not _played(plane, scenario)]
    if chosen is SCENARIOS:
        _write(index_page(plane.kubectl("get", "workflowreports", "-n", NAMESPACE)), PAGES / "README.md")
    for file in wrong:
        sys.stderr.write(f"examples: the report of {file} is not as it must be\n")
    return 1 if wrong else 0


def _played(plane: ControlPlane, scenario: Scenario) -> bool:
    name = scenario.workflow_name
    _echo(f"{name}: {scenario.title}")
    scenario.act(plane, name)
    wait_until(lambda: is_final(report(plane, name)), what=f"the report of {name}", timeout_seconds=_PATIENCE_SECONDS)
    found = report(plane, name) or {}
    _write(
        scenario_page(scenario, shown(found, has_workflow=workflow(plane, name) is not None)),
        PAGES / f"{scenario.file}.md",
    )
    failure_class: str | None = found["status"].get("failureClass")
    return failure_class == scenario.expected_class


def _write(page: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)


def _echo(line: str) -> None:
    sys.stderr.write(f"examples: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
