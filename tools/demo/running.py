"""The running demo, and the reports that its operator writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controlplane import ControlPlane, ControlPlaneError
from controlplane.component import Component
from controlplane.errors import DeadlineError
from controlplane.waiting import wait_until

HERE: Final = Path(__file__).resolve().parent
NAMESPACE: Final = "demo"
REPORTS_PATH: Final = f"/apis/wfreport.dev/v1alpha1/namespaces/{NAMESPACE}/workflowreports"
DEADLINE_SECONDS: Final = 240
REPLAY_SPEED: Final = 2

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo.

    Attributes:
        plane: the control plane.
        replayed: whether recordings are replayed instead of running the real Argo controller.
        operator: the operator's process.
        url: its metrics and health.
    """

    plane: ControlPlane
    replayed: bool
    operator: Component
    url: str


def wait_for_reports(demo: Demo, are_as_wanted: Callable[[Mapping[str, Report]], bool]) -> None:
    """Wait until the reports, by Workflow, are as wanted.

    Raises:
        ControlPlaneError: they never were.
    """

    def probe() -> bool:
        demo.operator.ensure_running()
        demo.plane.ensure_running()
        return are_as_wanted(reports(demo.plane))

    try:
        wait_until(probe, what="the reports", timeout_seconds=DEADLINE_SECONDS, interval_seconds=0.5)
    except DeadlineError as error:
        raise ControlPlaneError(f"{error}; the operator's log ends:\n{demo.operator.log_tail()}") from error


def reports(plane: ControlPlane) -> dict[str, Report]:
    """Return the existing reports by Workflow."""
    return {item["spec"]["workflowRef"]["name"]: item for item in plane.api.get(REPORTS_PATH)["items"]}
