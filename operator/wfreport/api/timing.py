"""The part of a report's status that says where the time of a run went."""

from pydantic import Field

from wfreport.api.wire import LINE, SHORT, Model


class StepTime(Model):
    """A step and how long it took."""

    display_name: str = Field(description="The step, as Argo displays it.", max_length=LINE)
    node_id: str = Field(description="Its node id.", max_length=LINE)
    seconds: int = Field(description="From its creation to its end.", ge=0)


class RetryCost(Model):
    """What the attempts cost that a later attempt superseded."""

    attempts: int = Field(description="Superseded attempts.", ge=0)
    pods: int = Field(description="Pods that ran in them.", ge=0)
    seconds: int = Field(description="How long they took, one by one, added up.", ge=0)
    backoff_seconds: int = Field(description="How long passed between an attempt and the next, added up.", ge=0)


class Timing(Model):
    """Where the time went. Written when the run has ended; while it runs the times in observedWorkflow say it."""

    duration_seconds: int | None = Field(None, description="From the run's start to its end.", ge=0)
    duration: str | None = Field(None, description="The same for people: 31m3s.", max_length=SHORT)
    queued_seconds: int | None = Field(None, description="From the Workflow's creation to the run's start.", ge=0)
    gap_seconds: int | None = Field(
        None,
        description=(
            "Time in which no step of the critical path existed. With the seconds of its steps it adds up to "
            "durationSeconds."
        ),
        ge=0,
    )
    slowest_step: StepTime | None = Field(None, description="The step that took longest, suspend steps apart.")
    retries: RetryCost | None = Field(None, description="What superseded attempts cost; absent where there were none.")


class CriticalStep(Model):
    """A step on the chain that decided when the run ended."""

    display_name: str = Field(description="The step, as Argo displays it.", max_length=LINE)
    node_id: str = Field(description="Its node id.", max_length=LINE)
    seconds: int = Field(description="From its creation to its end: queued and running.", ge=0)
    wait_seconds: int = Field(
        description="From the end of the step before it (of the first: from the run's start) to its creation.",
        ge=0,
    )
    wait_reason: str | None = Field(None, description="What it waited for: Backoff, or not known.", max_length=SHORT)
    queued_seconds: int | None = Field(
        None, description="Of its seconds, those before its main container ran. Absent: no pod was seen.", ge=0
    )
    queued_reason: str | None = Field(
        None, description="What most of them went into; see the page of reasons.", max_length=SHORT
    )
