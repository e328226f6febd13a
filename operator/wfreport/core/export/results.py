"""How a run or a step ended, in the words of OpenTelemetry's conventions for CI/CD.

``failure`` is the run's own doing, e.g. an exit code of its program; ``error`` is the system's, e.g. a machine that was
lost. The owner of a failure decides between them.

Source: https://opentelemetry.io/docs/specs/semconv/cicd/cicd-spans/
"""

from enum import StrEnum
from typing import Final

from wfreport.api.argo import Phase
from wfreport.api.classes import FailureClass, Owner
from wfreport.api.report import Failure


class PipelineResult(StrEnum):
    """Values of ``cicd.pipeline.result`` and ``cicd.pipeline.task.run.result``."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"
    SKIP = "skip"


_BY_PHASE: Final[dict[str, PipelineResult]] = {
    Phase.SUCCEEDED: PipelineResult.SUCCESS,
    Phase.FAILED: PipelineResult.FAILURE,
    Phase.ERROR: PipelineResult.ERROR,
    Phase.SKIPPED: PipelineResult.SKIP,
    Phase.OMITTED: PipelineResult.SKIP,
}
_BY_CLASS: Final = {FailureClass.TIMEOUT: PipelineResult.TIMEOUT, FailureClass.CANCELLED: PipelineResult.CANCELLATION}

UNSUCCESSFUL: Final = frozenset(
    {PipelineResult.FAILURE, PipelineResult.ERROR, PipelineResult.TIMEOUT, PipelineResult.CANCELLATION}
)


def result_of(phase: str | None, failure: Failure | None) -> PipelineResult:
    """Return the result of a run or step in this phase, with its failure if it has one.

    A node that never ended counts as cancelled: the run ended without it.
    """
    by_phase = _BY_PHASE.get(phase or "", PipelineResult.CANCELLATION)
    if failure is None or by_phase not in {PipelineResult.FAILURE, PipelineResult.ERROR}:
        return by_phase
    by_owner = PipelineResult.FAILURE if failure.owner == Owner.USER else PipelineResult.ERROR
    return _BY_CLASS.get(failure.failure_class, by_owner)
