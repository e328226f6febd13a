"""The timing of a run in a report's status."""

from pydantic import Field

from wfreport.api.wire import LINE, SHORT, Model


class StepTime(Model):
    """A step and its duration."""

    display_name: str = Field(description="The step, as Argo displays it.", max_length=LINE)
    node_id: str = Field(description="Its node id.", max_length=LINE)
    seconds: int = Field(description="From its creation to its end.", ge=0)


class RetryCost(Model):
    """The cost of the attempts that were superseded by a later attempt."""

    attempts: int = Field(description="Number of superseded attempts.", ge=0)
    pods: int = Field(description="Number of pods that ran in them.", ge=0)
    seconds: int = Field(description="Sum of the durations of these attempts.", ge=0)
    backoff_seconds: int = Field(description="Sum of the times between an attempt and the next one.", ge=0)


class Timing(Model):
    """Timing of the run. Written when the run has ended; until then observedWorkflow has its start."""

    duration_seconds: int | None = Field(None, description="From the run's start to its end.", ge=0)
    duration: str | None = Field(None, description="The same, readable: 31m3s.", max_length=SHORT)
    queued_seconds: int | None = Field(None, description="From the Workflow's creation to the run's start.", ge=0)
    gap_seconds: int | None = Field(
        None,
        description=(
            "Time in which no step of the critical path existed. durationSeconds is the sum of this and "
            "the seconds of these steps."
        ),
        ge=0,
    )
    critical_path_steps: int | None = Field(
        None, description="Number of steps of the critical path; absent if criticalPath lists all of them.", ge=0
    )
    critical_path_seconds: int | None = Field(
        None, description="Sum of the seconds of these steps; absent if criticalPath lists all of them.", ge=0
    )
    slowest_step: StepTime | None = Field(None, description="The longest step, except for suspend steps.")
    retries: RetryCost | None = Field(None, description="Cost of superseded attempts; absent if there were none.")


class CriticalStep(Model):
    """A step of the critical path: the chain of steps that determined the end of the run."""

    display_name: str = Field(description="The step, as Argo displays it.", max_length=LINE)
    node_id: str = Field(description="Its node id.", max_length=LINE)
    seconds: int = Field(description="From its creation to its end: queued and running.", ge=0)
    wait_seconds: int = Field(
        description="From the end of the previous step (for the first one: from the run's start) to its creation.",
        ge=0,
    )
    unlisted_seconds: int | None = Field(
        None,
        description="Seconds of shorter steps before it that are not listed, and of the waits before them.",
        ge=0,
    )
    wait_reason: str | None = Field(
        None, description="Cause of that wait: Backoff; absent if unknown.", max_length=SHORT
    )
    queued_seconds: int | None = Field(
        None, description="The part of its seconds before its main container started. Absent if no pod was seen.", ge=0
    )
    queued_reason: str | None = Field(
        None, description="Cause of most of the queued time; see the page of reasons.", max_length=SHORT
    )
