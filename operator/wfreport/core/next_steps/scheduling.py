"""Next steps about a pod that no machine takes, by what the scheduler's plugins say of the machines."""

from typing import Final

from wfreport.core.next_steps.commands import kubectl
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.imports import lazy_pattern

SHORT_OF: Final = lazy_pattern(r"Insufficient ([\w./-]{1,100})")
PLACEMENT: Final = lazy_pattern(
    r"(?i)taint|node selector|node affinity|affinity/selector|affinity rules|topology|node name|hostname"
)
_GATED: Final = lazy_pattern(r"SchedulingGated|scheduling gates")
_OBSTACLES: Final = (
    (
        lazy_pattern(r"Too many pods"),
        "Wait until other pods end, or add machines: each has as many pods as it may run.",
    ),
    (
        lazy_pattern(r"free ports"),
        "Remove the hostPort from the template, or wait: other pods hold it on the machines.",
    ),
    (
        lazy_pattern(r"were unschedulable"),
        "Let the platform uncordon a machine or add one: those that are cordoned take no pods.",
    ),
    (
        lazy_pattern(r"max volume count"),
        "Use fewer volumes, or add machines: these can attach no further volume.",
    ),
    (
        lazy_pattern(r"ReadWriteOncePod|no available disk"),
        "Wait until the pod that has the volume ends: it is for one at a time.",
    ),
    (
        lazy_pattern(r"(?i)resource ?claim|allocate all claims"),
        "Look at the pod's ResourceClaims: no machine has the devices that they ask for.",
    ),
)
"""What the scheduler says beside resources and placement, and what to do about it."""


def scheduling_steps(text: str, _: ReportedRun) -> list[NextStep]:
    """Return what to do about a pod that no machine takes."""
    scarce = list(dict.fromkeys(SHORT_OF.findall(text)))
    if scarce:
        return [
            NextStep(f"Lower the pod's requests of {', '.join(scarce)}, add machines, or wait until other pods end."),
            kubectl("what each machine has, and what is requested", "describe", "nodes", namespace=""),
        ]
    obstacles = [NextStep(sentence) for pattern, sentence in _OBSTACLES if pattern.search(text)]
    # Events tell of gates long after they were removed: only then does the scheduler say anything of machines.
    if _GATED.search(text) and not obstacles and not PLACEMENT.search(text):
        return [NextStep("Wait for what set the pod's schedulingGates, such as a queue, to remove them: look at it.")]
    return [*obstacles, *_placement(text)]


def _placement(text: str) -> list[NextStep]:
    if not PLACEMENT.search(text):
        return [kubectl("which machines are ready", "get", "nodes", namespace="")]
    return [
        NextStep("Correct nodeSelector, affinity or tolerations in the template: they exclude the machines."),
        kubectl("labels of the machines", "get", "nodes", "--show-labels", namespace=""),
        kubectl("their taints", "get", "nodes", "-o", "custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
                namespace=""),
    ]  # fmt: skip
