"""The timing of a run in a report's status."""

from wfreport.api.wire import LINE, SHORT, Field, Model


class StepTime(Model):
    """A step and its duration."""

    display_name: str = Field("The step, as Argo displays it.", max_length=LINE)
    node_id: str = Field("Its node id.", max_length=LINE)
    seconds: int = Field("From its creation to its end.", ge=0)


class RetryCost(Model):
    """The cost of the attempts that were superseded by a later attempt."""

    attempts: int = Field("Number of superseded attempts.", ge=0)
    pods: int = Field("Number of pods that ran in them.", ge=0)
    seconds: int = Field("Sum of the durations of these attempts.", ge=0)
    backoff_seconds: int = Field("Sum of the times between an attempt and the next one.", ge=0)


class Timing(Model):
    """Timing of the run. Written when the run has ended; until then observedWorkflow has its start."""

    duration_seconds: int | None = Field("From the run's start to its end.", default=None, ge=0)
    duration: str | None = Field("The same, readable: 31m3s.", default=None, max_length=SHORT)
    queued_seconds: int | None = Field("From the Workflow's creation to the run's start.", default=None, ge=0)
    gap_seconds: int | None = Field(
        (
            "Time in which no step of the critical path existed. durationSeconds is the sum of this and "
            "the seconds of these steps."
        ),
        default=None,
        ge=0,
    )
    critical_path_steps: int | None = Field(
        "Number of steps of the critical path; absent if criticalPath lists all of them.", default=None, ge=0
    )
    critical_path_seconds: int | None = Field(
        "Sum of the seconds of these steps; absent if criticalPath lists all of them.", default=None, ge=0
    )
    slowest_step: StepTime | None = Field("The longest step, except for suspend steps.", default=None)
    retries: RetryCost | None = Field("Cost of superseded attempts; absent if there were none.", default=None)


class CriticalStep(Model):
    """A step of the critical path: the chain of steps that determined the end of the run."""

    display_name: str = Field("The step, as Argo displays it.", max_length=LINE)
    node_id: str = Field("Its node id.", max_length=LINE)
    seconds: int = Field("From its creation to its end: queued and running.", ge=0)
    wait_seconds: int = Field(
        "From the end of the previous step (for the first one: from the run's start) to its creation.", ge=0
    )
    unlisted_seconds: int | None = Field(
        "Seconds of shorter steps before it that are not listed, and of the waits before them.", default=None, ge=0
    )
    wait_reason: str | None = Field("Cause of that wait: Backoff; absent if unknown.", default=None, max_length=SHORT)
    queued_seconds: int | None = Field(
        "The part of its seconds before its main container started. Absent if no pod was seen.", default=None, ge=0
    )
    queued_reason: str | None = Field(
        "Cause of most of the queued time; see the page of reasons.", default=None, max_length=SHORT
    )
