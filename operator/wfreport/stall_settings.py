"""The grace times of runs that hang, a part of the settings."""

from pydantic import Field
from pydantic_settings import BaseSettings

from wfreport.core.stall.model import StallGraces


class StallSettings(BaseSettings):
    """The grace times of runs that hang, a part of ``Settings``."""

    stalled_grace_seconds: float = Field(
        300, ge=1, le=86400, description="Time until a run that hangs is reported as stalled (docs/howto/hung-runs.md)."
    )
    stalled_grace_outputs_seconds: float = Field(
        1800,
        ge=1,
        le=604800,
        description="The same after the main container ended, while Argo's wait container may store logs and outputs.",
    )
    stalled_grace_task_result_seconds: float = Field(
        900,
        ge=1,
        le=86400,
        description=(
            "The same if Argo waits for the result of a step that has ended. Longer than TASK_RESULT_TIMEOUT_DURATION "
            "of Argo's controller (10 minutes)."
        ),
    )
    stalled_grace_deletion_seconds: float = Field(
        900,
        ge=1,
        le=604800,
        description="The same if the finalizer for the garbage collection of artifacts blocks a deletion.",
    )

    @property
    def stall_graces(self) -> StallGraces:
        """Return the times until runs that hang are reported."""
        return StallGraces(
            seconds=self.stalled_grace_seconds,
            outputs_seconds=self.stalled_grace_outputs_seconds,
            task_result_seconds=self.stalled_grace_task_result_seconds,
            deletion_seconds=self.stalled_grace_deletion_seconds,
        )
