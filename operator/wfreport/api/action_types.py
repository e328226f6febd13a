"""The names of the actions. A command reads them without the models of the actions."""

from enum import StrEnum


class ActionType(StrEnum):
    """The actions."""

    LABEL_PODS = "LabelPods"
    RESUBMIT = "Resubmit"
    RAISE_MEMORY = "RaiseMemory"
    RETRY = "Retry"
    SUSPEND_CRON = "SuspendCron"
    STOP = "Stop"
    NOTIFY = "Notify"
    NONE = "None"
