"""What a report keeps of a failed pod."""

from typing import Literal

from pydantic import Field

from wfreport.api.wire import LINE, LOG, SHORT, TEXT, Model, Time


class EventSummary(Model):
    """A Kubernetes Event of a failed pod."""

    reason: str = Field(description="The Event's reason.", max_length=SHORT * 2)
    message: str = Field("", description="Its message, redacted.", max_length=TEXT)
    count: int = Field(1, description="How often it was seen.", ge=0)
    last_seen_at: Time | None = Field(None, description="When it was last seen.")


class ContainerEnd(Model):
    """How a container ended, before it was restarted."""

    reason: str | None = Field(None, description="The kubelet's or the runtime's reason.", max_length=LINE)
    exit_code: int | None = Field(None, description="Its exit code.")
    signal: int | None = Field(None, description="The signal that ended it, where the runtime says so.")
    message: str | None = Field(None, description="Its termination message, redacted.", max_length=TEXT)
    finished_at: Time | None = Field(None, description="When it ended.")


class ContainerSummary(ContainerEnd):
    """A container of a failed pod, as it was last seen."""

    name: str = Field(description="Its name.", max_length=LINE)
    state: str = Field(description="Waiting, Running, Terminated, or Unknown.", max_length=SHORT)
    restarts: int | None = Field(None, description="How often it was restarted, if ever.", ge=0)
    last: ContainerEnd | None = Field(None, description="How it ended before its last restart.")


class LogTail(Model):
    """The end of a container's log."""

    container: str | None = Field(
        None, description="The container, where it is not the one that the failure names.", max_length=LINE
    )
    text: str = Field(description="The lines, redacted.", max_length=LOG)
    lines: int = Field(description="How many lines are kept.", ge=0)
    bytes: int = Field(description="How many bytes are kept.", ge=0)
    truncated: bool = Field(default=False, description="Whether the log had more.")
    redacted: int = Field(0, description="How many secrets were replaced.", ge=0)
    source: Literal["Pod", "Archive"] | None = Field(
        None, description="Archive: it is the log that Argo archived. Unset: it was read from the pod."
    )
