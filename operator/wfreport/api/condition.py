"""A condition, shared by all kinds of wfreport."""

from typing import Literal

from pydantic import Field

from wfreport.api.wire import LINE, SHORT, TEXT, Model, Time


class Condition(Model):
    """A condition as defined by the Kubernetes API conventions."""

    type: str = Field(description="The type of the condition.", max_length=LINE)
    status: Literal["True", "False", "Unknown"] = Field(description="Whether the condition holds.")
    reason: str = Field(description="The cause of the status as one stable word.", min_length=1, max_length=SHORT)
    message: str = Field("", description="The cause of the status in words.", max_length=TEXT)
    last_transition_time: Time = Field(description="Time of the last change of the status.")
    observed_generation: int | None = Field(
        None, description="The generation of the spec for which the condition was set.", ge=0
    )
