"""The evidence of a failed pod in a report."""

from typing import Literal

from wfreport.api.wire import LINE, LOG, SHORT, TEXT, Field, Model, Time


class EventSummary(Model):
    """A Kubernetes Event of a failed pod."""

    reason: str = Field("The Event's reason.", max_length=SHORT * 2)
    message: str = Field("Its message, redacted.", default="", max_length=TEXT)
    count: int = Field("How often it occurred.", default=1, ge=0)
    last_seen_at: Time | None = Field("Time of its last occurrence.", default=None)


class ContainerEnd(Model):
    """The end of a container before its restart."""

    reason: str | None = Field("Reason given by the kubelet or the runtime.", default=None, max_length=LINE)
    exit_code: int | None = Field("Its exit code.", default=None)
    signal: int | None = Field("The signal that ended it, if the runtime reports it.", default=None)
    message: str | None = Field("Its termination message, redacted.", default=None, max_length=TEXT)
    finished_at: Time | None = Field("When it ended.", default=None)


class ContainerSummary(ContainerEnd):
    """The last known state of a container of a failed pod."""

    name: str = Field("Its name.", max_length=LINE)
    state: str = Field("Waiting, Running, Terminated, or Unknown.", max_length=SHORT)
    restarts: int | None = Field("Number of restarts; absent if there were none.", default=None, ge=0)
    last: ContainerEnd | None = Field("Its end before its last restart.", default=None)


class LogTail(Model):
    """The end of a container's log."""

    container: str | None = Field(
        "The container, if it is not the one that the failure names.", default=None, max_length=LINE
    )
    text: str = Field("The lines, redacted.", max_length=LOG)
    lines: int = Field("Number of lines in text.", ge=0)
    bytes: int = Field("Number of bytes in text.", ge=0)
    truncated: bool = Field("Whether the log was longer.", default=False)
    redacted: int = Field("Number of secrets that were replaced.", default=0, ge=0)
    source: Literal["Pod", "Archive"] | None = Field(
        "Archive: the log was read from Argo's archive. Unset: it was read from the pod.", default=None
    )
