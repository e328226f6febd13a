"""A condition, shared by all kinds of wfreport."""

from typing import Literal

from wfreport.api.wire import LINE, SHORT, TEXT, Field, Model, Time


class Condition(Model):
    """A condition as defined by the Kubernetes API conventions."""

    type: str = Field("The type of the condition.", max_length=LINE)
    status: Literal["True", "False", "Unknown"] = Field("Whether the condition holds.")
    reason: str = Field("The cause of the status as one stable word.", min_length=1, max_length=SHORT)
    message: str = Field("The cause of the status in words.", default="", max_length=TEXT)
    last_transition_time: Time = Field("Time of the last change of the status.")
    observed_generation: int | None = Field(
        "The generation of the spec for which the condition was set.", default=None, ge=0
    )
