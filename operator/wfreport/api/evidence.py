"""The evidence of a failed pod in a report."""

from typing import Literal

from pydantic import Field

from wfreport.api.wire import LINE, LOG, SHORT, TEXT, Model, Time


class EventSummary(Model):
    """A Kubernetes Event of a failed pod."""

    reason: str = Field(description="The Event's reason.", max_length=SHORT * 2)
    message: str = Field("", description="Its message, redacted.", max_length=TEXT)
    count: int = Field(1, description="How often it occurred.", ge=0)
    last_seen_at: Time | None = Field(None, description="Time of its last occurrence.")


class ContainerEnd(Model):
    """The end of a container before its restart."""

    reason: str | None = Field(None, description="Reason given by the kubelet or the runtime.", max_length=LINE)
    exit_code: int | None = Field(None, description="Its exit code.")
    signal: int | None = Field(None, description="The signal that ended it, if the runtime reports it.")
    message: str | None = Field(None, description="Its termination message, redacted.", max_length=TEXT)
    finished_at: Time | None = Field(None, description="When it ended.")


class ContainerSummary(ContainerEnd):
    """The last known state of a container of a failed pod."""

    name: str = Field(description="Its name.", max_length=LINE)
    state: str = Field(description="Waiting, Running, Terminated, or Unknown.", max_length=SHORT)
    restarts: int | None = Field(None, description="Number of restarts; absent if there were none.", ge=0)
    last: ContainerEnd | None = Field(None, description="Its end before its last restart.")


class LogTail(Model):
    """The end of a container's log."""

    container: str | None = Field(
        None, description="The container, if it is not the one that the failure names.", max_length=LINE
    )
    text: str = Field(description="The lines, redacted.", max_length=LOG)
    lines: int = Field(description="Number of lines in text.", ge=0)
    bytes: int = Field(description="Number of bytes in text.", ge=0)
    truncated: bool = Field(default=False, description="Whether the log was longer.")
    redacted: int = Field(0, description="Number of secrets that were replaced.", ge=0)
    source: Literal["Pod", "Archive"] | None = Field(
        None, description="Archive: the log was read from Argo's archive. Unset: it was read from the pod."
    )
