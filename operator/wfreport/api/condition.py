"""A condition, the same in all our kinds."""

from typing import Literal

from pydantic import Field

from wfreport.api.wire import LINE, SHORT, TEXT, Model, Time


class Condition(Model):
    """A condition, as the Kubernetes API conventions have it."""

    type: str = Field(description="What the condition is about.", max_length=LINE)
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(description="Why, as one stable word.", min_length=1, max_length=SHORT)
    message: str = Field("", description="Why, for people.", max_length=TEXT)
    last_transition_time: Time = Field(description="When the status last changed.")
    observed_generation: int | None = Field(
        None, description="The generation of the spec that this was judged by.", ge=0
    )
