"""What happened to a step, and what a step waits for, in half a sentence each: the step's name goes before it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from wfreport.api.argo import EXECUTOR_CONTAINERS, MAIN_CONTAINER
from wfreport.api.classes import FailureClass
from wfreport.api.evidence import EventSummary
from wfreport.api.report import Failure, Waiting
from wfreport.core.classify.pod_rules import STORED_WAITING
from wfreport.core.render.phrases import after_lead, tidy
from wfreport.core.snapshot.messages import parse_exit
from wfreport.core.timing.durations import seconds_between, short_duration

_TELLING_EVENTS: Final = ("FailedMount", "FailedScheduling", "Failed", "BackOff")
"""Reasons of Events that say why a container could not start, the most telling first."""
_VAGUE_EVENT: Final = re.compile(r"^(?:Error: (?:ErrImagePull|ImagePullBackOff)|Back-off )")
_LOW_ON: Final = re.compile(r"The node was low on resource: ([\w-]+)\.")
_USAGE: Final = re.compile(r"Container (\S+) was using (\S+), request is (\S+?),")
_LOOK_UP: Final = re.compile(r'^failed to look-up entrypoint/cmd for image ("[^"]*")')
_QUOTA: Final = re.compile(r"exceeded quota: ([^,]+), (.*)", re.DOTALL)


def what_happened(failure: Failure) -> str:
    """What became of a failed step, with the number that matters."""
    return _SENTENCES.get(failure.failure_class, _message)(failure)


def _who(failure: Failure) -> str:
    """The container, and a blank; nothing where the step has its name (a containerSet's)."""
    container = failure.container or MAIN_CONTAINER
    if container == failure.display_name:
        return ""
    return f"Argo's {container} container " if container in EXECUTOR_CONTAINERS else f"{container} "


def _exit(failure: Failure) -> str:
    return f" (exit {failure.exit_code})" if failure.exit_code is not None else ""


def _detail(failure: Failure) -> str:
    """What the program itself said last, where Argo passed it on."""
    ending = parse_exit(failure.message or "")
    return tidy(ending.detail) if ending else ""


def _colon(text: str) -> str:
    return f": {text}" if text else ""


def _ran(failure: Failure) -> str:
    """``12s``: how long it was there; empty where that is not known."""
    seconds = seconds_between(failure.started_at, failure.finished_at)
    return short_duration(seconds) if seconds else ""


def _message(failure: Failure) -> str:
    if failure.exit_code is not None and parse_exit(failure.message or ""):
        return _exit_code(failure)
    return tidy(failure.message or "") or failure.reason or "failed, and Argo does not say why"


def _out_of_memory(failure: Failure) -> str:
    limit = (failure.resources.limits or {}).get("memory") if failure.resources else None
    return f"{_who(failure)}OOMKilled{f' at {limit}' if limit else ''}{_exit(failure)}"


def _exit_code(failure: Failure) -> str:
    if failure.exit_code is None:
        return "daemon ended while it was needed" if failure.reason == "DaemonExited" else _message(failure)
    return f"{_who(failure)}exited with code {failure.exit_code}{_colon(_detail(failure))}"


def _killed(failure: Failure) -> str:
    return f"{_who(failure)}killed by signal {failure.signal}{_exit(failure)}, by whom is not known"


def _own_text(failure: Failure) -> str:
    """The message, unless it only says how a container ended."""
    text = failure.message or ""
    return _detail(failure) if parse_exit(text.strip()) else tidy(text)


def _evicted(failure: Failure) -> str:
    low = _LOW_ON.search(failure.message or "")
    if low is None:
        return after_lead("evicted", _own_text(failure))
    usage = _USAGE.search(failure.message or "")
    used = f" ({usage[1]} used {usage[2]}, requested {usage[3]})" if usage else ""
    return f"evicted, its machine was low on {low[1]}{used}"


def _lost_host(failure: Failure) -> str:
    host = f" {failure.host_node_name}" if failure.host_node_name else ""
    return f"its machine{host} was lost ({failure.reason or tidy(failure.message or '')})"


def _timed_out(failure: Failure) -> str:
    of = "the Workflow's " if failure.reason == "WorkflowDeadlineExceeded" else "its "
    after = f" after {_ran(failure)}" if _ran(failure) else ""
    return f"exceeded {of}deadline{after}"


def _stopped(failure: Failure) -> str:
    after = f" after {_ran(failure)}" if _ran(failure) else ""
    return f"stopped by hand{after}"


def _never_started(lead: str) -> Callable[[Failure], str]:
    def sentence(failure: Failure) -> str:
        told = _told_by_events(failure.events or []) or _told_by_pod(failure)
        if failure.exit_code is not None and parse_exit(failure.message or ""):
            told = told or f"{_detail(failure)}{_exit(failure)}".strip()
        waited = f", given up after {_ran(failure)}" if told and _ran(failure) and not failure.exit_code else ""
        return f"{after_lead(lead, told or _own_text(failure))}{waited}"

    return sentence


def _told_by_pod(failure: Failure) -> str:
    """What the pod waited for, without the reason in front of it, which the sentence itself says."""
    waiting = (found for found in failure.containers or () if found.reason == failure.reason and found.message)
    container = next(waiting, None)
    text = container.message if container else failure.pod_message if failure.evidence == STORED_WAITING else ""
    return tidy((text or "").removeprefix(f"{failure.reason}: "))


def _told_by_events(events: list[EventSummary]) -> str:
    telling = [event for event in events if event.reason in _TELLING_EVENTS]
    telling.sort(key=lambda event: (_VAGUE_EVENT.match(event.message) is not None, _TELLING_EVENTS.index(event.reason)))
    return tidy(telling[0].message.removeprefix("Error: ")) if telling else ""


def _not_known(failure: Failure) -> str:
    text = failure.message or ""
    if text.startswith("Pod failed before main container starts"):
        return f"its pod failed before its main container started{f' ({failure.reason})' if failure.reason else ''}"
    return _message(failure)


_SENTENCES: dict[FailureClass, Callable[[Failure], str]] = {
    FailureClass.OOM_KILLED: _out_of_memory,
    FailureClass.EXIT_CODE: _exit_code,
    FailureClass.KILLED: _killed,
    FailureClass.EVICTED: _evicted,
    FailureClass.PREEMPTED: lambda failure: after_lead("preempted", _own_text(failure)),
    FailureClass.NODE_LOST: _lost_host,
    FailureClass.POD_DELETED: lambda _: "pod deleted while it ran, by whom is not known",
    FailureClass.IMAGE_PULL: _never_started("image could not be pulled"),
    FailureClass.CONFIG_ERROR: _never_started("could not start"),
    FailureClass.UNSCHEDULABLE: _never_started("no machine could take it"),
    FailureClass.TIMEOUT: _timed_out,
    FailureClass.CANCELLED: _stopped,
    FailureClass.UNKNOWN: _not_known,
}


def what_is_waited_for(entry: Waiting) -> str:
    """What a step, or the Workflow, waits for and since when."""
    since = f" since {_moment(entry.since_at)}" if entry.since_at else ""
    text = tidy((entry.message or "").removeprefix(entry.reason).lstrip(": "))
    if entry.reason in _PLAIN_WAITS:
        return f"{_PLAIN_WAITS[entry.reason]}{since}"
    lead, detail = _wait_with_detail(entry.reason, text)
    return f"{lead}{since}{_colon(detail)}"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def _wait_with_detail(reason: str, text: str) -> tuple[str, str]:
    quota, image = _QUOTA.search(text), _LOOK_UP.match(text)
    if reason == "LockWait" and text.startswith("lock "):
        return f"waits for {text}", ""
    if reason == "QuotaExceeded" and quota:
        return f"exceeds the quota {quota[1]}", quota[2]
    if reason == "ImageCommandLookupFailed" and image:
        return "cannot start", f"the command of image {image[1]} cannot be looked up"
    return _WAITS.get(reason, f"waits ({reason})"), text


_PLAIN_WAITS: Final = {
    "Suspended": "is suspended",
    "WorkflowSuspended": "is suspended by spec.suspend",
    "NotStarted": "was taken up by no Argo controller",
    "ParallelismLimit": "waits for other Workflows to end",
    "HTTPPending": "waits for Argo's agent",
    "PluginPending": "waits for Argo's agent",
    "ContainerCreating": "is being started (ContainerCreating)",
    "PodInitializing": "is being started (PodInitializing)",
    "Pending": "is pending",
}
"""Reasons that say it all."""

_WAITS: Final = {
    "LockWait": "waits for a lock",
    "QuotaExceeded": "exceeds a quota",
    "ErrImagePull": "cannot pull its image",
    "ImagePullBackOff": "cannot pull its image",
    "InvalidImageName": "cannot pull its image",
    "RegistryUnavailable": "cannot pull its image",
    "Unschedulable": "finds no machine",
    "Backoff": "waits for its next attempt",
    "ImageCommandLookupFailed": "cannot start",
    "CreateContainerConfigError": "cannot start",
    "CreateContainerError": "cannot start",
    "RunContainerError": "cannot start",
    "Forbidden": "cannot start",
    "FailedMount": "cannot mount a volume",
    "FailedAttachVolume": "cannot attach a volume",
    "FailedCreatePodSandBox": "cannot start",
}
"""Reasons that need Argo's or the kubelet's words beside them."""
