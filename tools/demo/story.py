"""The main story of the demo as a check: a run fails, its report names the cause, and a policy heals another run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from demo import healing
from demo.healed import ATTEMPTS, HEALED
from demo.running import HERE, NAMESPACE, Demo, reports, wait_for_reports
from demo.scenes import SHOWN_FAILURE, is_final, submit

_CAUSE: Final = "main OOMKilled at 256Mi (exit 137)"


def play(demo: Demo, log: Callable[[str], None]) -> None:
    """Play it, and log what happened.

    Raises:
        ControlPlaneError: a report or a resubmission is missing or is not as expected.
    """
    submit(demo, [SHOWN_FAILURE])
    wait_for_reports(demo, _is_explained)
    log(f"{SHOWN_FAILURE} is reported: {reports(demo.plane)[SHOWN_FAILURE]['status']['summary']}")
    demo.plane.kubectl("apply", "-n", NAMESPACE, "-f", HERE / "oom-ladder.yaml")
    healing.wait_until_allowed(demo)
    healing.run(demo, lambda: submit(demo, [HEALED], speed=1))
    log(f"{HEALED} is healed by resubmission {ATTEMPTS}: {healing.healed_run(demo)} succeeded")


def _is_explained(current: Mapping[str, Mapping[str, Any]]) -> bool:
    report = current.get(SHOWN_FAILURE)
    return report is not None and is_final(report) and _CAUSE in report["status"].get("summary", "")
