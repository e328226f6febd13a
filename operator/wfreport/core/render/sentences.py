"""Phrases for a failed and for a waiting step. They follow the step's name in a summary."""

import re
from collections.abc import Callable
from typing import Final

from wfreport.api.argo import EXECUTOR_CONTAINERS, LABEL_COMPLETED, MAIN_CONTAINER
from wfreport.api.classes import FailureClass, Owner
from wfreport.api.evidence import EventSummary
from wfreport.api.failure_reasons import FailureReason
from wfreport.api.report import Failure, Waiting
from wfreport.core.classify.agent_messages import AGENT_POD_FAILED
from wfreport.core.classify.named_objects import OF_KUBECTL, find_denied, find_quota, find_unspecified
from wfreport.core.classify.pod_rules import STORED_WAITING
from wfreport.core.classify.service_accounts import step_of_lost_result
from wfreport.core.classify.stops import REPLACED_BY_CRON, STOPPED_BY_POLICY, STOPPED_OR_REPLACED
from wfreport.core.classify.telling_line import message_of, telling_line
from wfreport.core.render.phrases import DETAIL_CHARACTERS, after_lead, tidy
from wfreport.core.snapshot.messages import parse_exit
from wfreport.core.snapshot.pod_states import is_argos_container
from wfreport.core.timing.durations import minute, seconds_between, short_duration
from wfreport.core.timing.lock_waits import HELD_BY
from wfreport.imports import lazy_pattern

_UNCHANGED_BY_RETRY: Final = frozenset({FailureClass.TEMPLATE_ERROR, FailureClass.CONFIG_ERROR})
_START_FAILURES: Final = ("FailedMount", "FailedScheduling", "Failed", "BackOff")
"""Reasons of Events that explain why a container could not start, the most specific first."""
_VAGUE_EVENT: Final = lazy_pattern(
    r"^(?:Error: (?:ErrImagePull|ImagePullBackOff)|Back-off |Unable to (?:attach or )?mount volumes)"
)
_LOW_ON: Final = lazy_pattern(r"The node was low on resource: ([\w-]+)\.")
_USAGE: Final = lazy_pattern(r"Container (\S+) was using (\S+), request is (\S+?),")
_LOOK_UP: Final = lazy_pattern(r'^failed to look-up entrypoint/cmd for image ("[^"]*")')
_LOOK_UP_CAUSE: Final = lazy_pattern(
    r"must either explicitly specify the command(?:, or list [^\n]{1,200}?https://\S{1,200}?)?: ([^\n]+)"
)
_CAUSE_CHARACTERS: Final = 80
_QUOTA: Final = lazy_pattern(r"exceeded quota: ([^,]+), (.*)", re.DOTALL)


AGENT: Final = "Argo's agent, which runs the HTTP and plugin steps"


def is_of_agent(failure: Failure) -> bool:
    """Return whether the pod of Argo's agent failed: no step has it, and the Workflow itself has no other pod."""
    return failure.node_id is None and failure.pod_name is not None


def failure_phrase(failure: Failure) -> str:
    """Describe what happened to a failed step, with the most relevant number."""
    return _PHRASES.get(failure.failure_class, _message)(failure)


def _container(failure: Failure) -> str:
    """Return the container and a blank; empty if the step has the same name, as in a containerSet."""
    container = failure.container or MAIN_CONTAINER
    if container == failure.display_name:
        return ""
    return f"Argo's {container} container " if _is_argos(failure) else f"{container} "


def _is_argos(failure: Failure) -> bool:
    """Return whether Argo added the container. A template may have one with the name of an artifact plugin's."""
    if not is_argos_container(failure.container) or failure.failure_class == FailureClass.EXIT_CODE:
        return False
    may_be_argos = failure.failure_class != FailureClass.OOM_KILLED and failure.container in EXECUTOR_CONTAINERS
    return failure.owner == Owner.PLATFORM or may_be_argos


def _exit(failure: Failure) -> str:
    return f" (exit {failure.exit_code})" if failure.exit_code is not None else ""


def _detail(failure: Failure) -> str:
    """Return the program's own last words, if Argo's message contains them: of many lines, the telling one."""
    ending = parse_exit(failure.message or "")
    text = ending.detail.strip() if ending else ""
    line = telling_line(text) if "\n" in text and len(text) > DETAIL_CHARACTERS else ""
    return tidy(message_of(line) if line else text)


def _colon(text: str) -> str:
    return f": {text}" if text else ""


def _duration(failure: Failure) -> str:
    """Return the duration of the step, such as ``12s``; empty if it is unknown."""
    seconds = seconds_between(failure.started_at, failure.finished_at)
    return short_duration(seconds) if seconds else ""


def _message(failure: Failure) -> str:
    if failure.exit_code is not None and parse_exit(failure.message or ""):
        return _exit_code(failure)
    return tidy(failure.message or "") or failure.reason or "failed without a message"


def _out_of_memory(failure: Failure) -> str:
    limit = (failure.resources.limits or {}).get("memory") if failure.resources else None
    return f"{_container(failure)}OOMKilled{f' at {limit}' if limit else ''}{_exit(failure)}"


def _exit_code(failure: Failure) -> str:
    if failure.exit_code is None:
        return "daemon exited while it was still needed" if failure.reason == "DaemonExited" else _message(failure)
    container = "" if failure.container in (None, MAIN_CONTAINER) else _container(failure)
    ending = f"{container}exited with code {failure.exit_code}" if container else f"exit code {failure.exit_code}"
    words = _lacking(f"{failure.message or ''}\n{failure.log_line or ''}") or _detail(failure) or _last_words(failure)
    return f"{ending}{_colon(words) or _convention(failure.exit_code)}"


def _convention(exit_code: int) -> str:
    """Return what the exit code means by the convention of shells and runtimes, in brackets; empty without one."""
    meaning = _EXIT_CODES.get(exit_code)
    return f" ({meaning})" if meaning else ""


_EXIT_CODES: Final = {
    126: "in a shell: not executable",
    127: "in a shell: command not found",
    132: "128 + SIGILL",
    134: "128 + SIGABRT",
    135: "128 + SIGBUS",
    136: "128 + SIGFPE",
    139: "128 + SIGSEGV",
}


def _last_words(failure: Failure) -> str:
    """Return the message of the most telling line of the program's log; empty if no log is stored."""
    return tidy(message_of(failure.log_line)) if failure.log_line else ""


def _killed(failure: Failure) -> str:
    return f"{_container(failure)}killed by signal {failure.signal}{_exit(failure)}, sender unknown"


def _explanation(failure: Failure) -> str:
    """Return the message, without the standard part of an exit."""
    text = failure.message or ""
    return _detail(failure) if parse_exit(text.strip()) else tidy(text)


def _evicted(failure: Failure) -> str:
    low = _LOW_ON.search(failure.message or "")
    if low and AGENT_POD_FAILED.match(failure.message or ""):
        return f"its pod was evicted, its machine was low on {low[1]}"
    if low is None:
        return after_lead("evicted", _explanation(failure))
    usage = _USAGE.search(failure.message or "")
    used = f" ({usage[1]} used {usage[2]}, requested {usage[3]})" if usage else ""
    return f"evicted, its machine was low on {low[1]}{used}"


def _lost_host(failure: Failure) -> str:
    host = f" {failure.host_node_name}" if failure.host_node_name else ""
    return f"its machine{host} was lost ({failure.reason or tidy(failure.message or '')})"


def _timed_out(failure: Failure) -> str:
    after = f" after {_duration(failure)}" if _duration(failure) else ""
    if failure.reason == FailureReason.MAX_DURATION_EXCEEDED:
        return f"killed{after}, as the maxDuration of all its attempts was over{_exit(failure)}"
    of = "the Workflow's " if failure.reason == "WorkflowDeadlineExceeded" else "its "
    return f"exceeded {of}deadline{after}"


def _stopped(failure: Failure) -> str:
    after = f" after {_duration(failure)}" if _duration(failure) else ""
    return f"{_STOPS.get(failure.reason or '', 'stopped by hand')}{after}"


_STOPS: Final = {
    STOPPED_BY_POLICY: "stopped by a RemediationPolicy",
    REPLACED_BY_CRON: "replaced by the next run of its CronWorkflow (concurrencyPolicy Replace)",
    STOPPED_OR_REPLACED: "terminated by hand, or by its CronWorkflow (concurrencyPolicy Replace),",
}


def _never_started(lead: str) -> Callable[[Failure], str]:
    def phrase(failure: Failure) -> str:
        cause = _cause_from_events(failure.events or []) or _cause_from_pod(failure)
        if failure.exit_code is not None and parse_exit(failure.message or ""):
            cause = cause or f"{_detail(failure)}{_exit(failure)}".strip()
        duration = _duration(failure) if cause and not failure.exit_code else ""
        waited = f", gave up after {duration}" if duration else ""
        return f"{after_lead(lead, cause or _explanation(failure))}{waited}"

    return phrase


def _cause_from_pod(failure: Failure) -> str:
    """Return the message of the waiting container, without the reason, which is part of the phrase."""
    waiting = (one for one in failure.containers or () if one.reason == failure.reason and one.message)
    container = next(waiting, None)
    text = container.message if container else failure.pod_message if failure.evidence == STORED_WAITING else ""
    return tidy((text or "").removeprefix(f"{failure.reason}: "))


def _cause_from_events(events: list[EventSummary]) -> str:
    causes = [event for event in events if event.reason in _START_FAILURES]
    causes.sort(key=lambda event: (_VAGUE_EVENT.match(event.message) is not None, _START_FAILURES.index(event.reason)))
    return tidy(causes[0].message.removeprefix("Error: ")) if causes else ""


_START_FAILURE: Final = _never_started("could not start")
_REJECTED: Final = _never_started("its pod was rejected")


def _not_configured(failure: Failure) -> str:
    """Describe a failed start, or a request that the API server refused."""
    lacking = _lacking(failure.message or "") if failure.reason == FailureReason.FORBIDDEN else ""
    if lacking:
        return lacking
    if failure.reason in _WITHOUT_LEAD or OF_KUBECTL.search(failure.message or ""):
        return _message(failure)
    return _REJECTED(failure) if failure.reason == FailureReason.POD_REJECTED else _START_FAILURE(failure)


def _lacking(text: str) -> str:
    """Return who lacks which right, if RBAC denied one; else empty."""
    right = find_denied(text)
    if right is None:
        return ""
    account = right.service_account
    subject = f"ServiceAccount {account[0]}/{account[1]}" if account else right.user
    where = f" in namespace {right.namespace}" if right.namespace else ""
    return f"{subject} may not {right.verb} {right.resource}{where}"


_WITHOUT_LEAD: Final = frozenset(
    {
        FailureReason.FORBIDDEN,
        FailureReason.RESOURCE_NOT_SERVED,
        FailureReason.ALREADY_EXISTS,
        FailureReason.UNAUTHORIZED,
    }
)
"""Reasons of failures that are not about the start of a pod."""


def _over_quota(failure: Failure) -> str:
    text = failure.message or ""
    unspecified = find_unspecified(text)
    if unspecified is None:
        return _message(failure)
    containers = unspecified.containers
    of_argo = "Argo's containers " if set(containers) <= EXECUTOR_CONTAINERS else ""
    subject = f" of {of_argo}{','.join(containers)}" if containers else ""
    name = find_quota(text)
    return f"quota{f' {name}' if name else ''} demands {', '.join(unspecified.resources)}{subject}, which are not set"


def _of_controller(failure: Failure) -> str:
    lost = step_of_lost_result(failure.message or "")
    if failure.reason == FailureReason.TASK_RESULT_LOST and lost:
        account = failure.service_account_name
        subject = f" (reported as ServiceAccount {account})" if account else ""
        return f"the result of {lost} never reached Argo's controller{subject}: {_message(failure)}"
    return _message(failure)


def _unknown(failure: Failure) -> str:
    text = failure.message or ""
    if text.startswith("Pod failed before main container starts"):
        return f"its pod failed before its main container started{f' ({failure.reason})' if failure.reason else ''}"
    failed = next((one for one in failure.containers or () if one.exit_code), None)
    if AGENT_POD_FAILED.match(text) and failed:
        return f"its pod failed, exit code {failed.exit_code}{_colon(tidy(failed.message or ''))}"
    return _message(failure)


_PHRASES: dict[FailureClass, Callable[[Failure], str]] = {
    FailureClass.OOM_KILLED: _out_of_memory,
    FailureClass.EXIT_CODE: _exit_code,
    FailureClass.KILLED: _killed,
    FailureClass.EVICTED: _evicted,
    FailureClass.PREEMPTED: lambda failure: after_lead("preempted", _explanation(failure)),
    FailureClass.NODE_LOST: _lost_host,
    FailureClass.POD_DELETED: lambda _: "pod deleted while running, cause unknown",
    FailureClass.IMAGE_PULL: _never_started("image could not be pulled"),
    FailureClass.CONFIG_ERROR: _not_configured,
    FailureClass.QUOTA_EXCEEDED: _over_quota,
    FailureClass.UNSCHEDULABLE: _never_started("could not be scheduled"),
    FailureClass.TIMEOUT: _timed_out,
    FailureClass.CONTROLLER_ERROR: _of_controller,
    FailureClass.CANCELLED: _stopped,
    FailureClass.UNKNOWN: _unknown,
}


def waiting_phrase(entry: Waiting) -> str:
    """Describe what a step or the Workflow is waiting for, and since when."""
    since = f" (since {minute(entry.since_at)})" if entry.since_at else ""
    text = tidy((entry.message or "").removeprefix(entry.reason).lstrip(": "))
    if entry.reason in _PLAIN_WAITS:
        return f"{_PLAIN_WAITS[entry.reason]}{since}"
    lead, detail = _wait_with_detail(entry.reason, text)
    cause = _LOOK_UP_CAUSE.search(entry.message or "") if entry.reason == "ImageCommandLookupFailed" else None
    return f"{lead}{since}{_colon(detail)}{_colon(tidy(cause[1], _CAUSE_CHARACTERS)) if cause else ''}"


def _wait_with_detail(reason: str, text: str) -> tuple[str, str]:
    quota, image = _QUOTA.search(text), _LOOK_UP.match(text)
    if reason == "LockWait" and text.startswith("lock "):
        lock, _, holders = text.partition(HELD_BY)
        return f"is waiting for {lock}", f"held by {holders}" if holders else ""
    if reason == "Backoff" and text.startswith("for "):
        return f"is in backoff {text}", ""
    if reason == "QuotaExceeded" and quota:
        return f"exceeds the quota {quota[1]}", quota[2]
    if reason == "ImageCommandLookupFailed" and image:
        return "cannot start", f"the command of image {image[1]} cannot be looked up"
    return _WAITS.get(reason, f"is waiting ({reason})"), text


_PLAIN_WAITS: Final = {
    "WorkflowSuspended": "is suspended by spec.suspend",
    "NotStarted": "has not been picked up by an Argo controller",
    "RetryNotStarted": "has not been picked up again by an Argo controller",
    "LabelledCompleted": f"is ignored by Argo's controller: its label {LABEL_COMPLETED} is true",
    "ParallelismLimit": "is waiting for other Workflows to end",
}
"""Phrases for reasons that need no further detail."""

_WAITS: Final = {
    "Suspended": "is suspended",
    "ContainerCreating": "is starting (ContainerCreating)",
    "PodInitializing": "is starting (PodInitializing)",
    "CrashLoopBackOff": "cannot start",
    "PodRestarting": "is being started again",
    "Pending": "is pending",
    "HTTPPending": "is waiting for Argo's agent",
    "PluginPending": "is waiting for Argo's agent",
    "LockWait": "is waiting for a lock",
    "LockLimitMissing": "cannot get its lock",
    "QuotaExceeded": "exceeds a quota",
    "ErrImagePull": "cannot pull its image",
    "ImagePullBackOff": "cannot pull its image",
    "InvalidImageName": "cannot pull its image",
    "RegistryUnavailable": "cannot pull its image",
    "Unschedulable": "is unschedulable",
    "Backoff": "is in backoff",
    "ImageCommandLookupFailed": "cannot start",
    "CreateContainerConfigError": "cannot start",
    "CreateContainerError": "cannot start",
    "RunContainerError": "cannot start",
    "Forbidden": "cannot start",
    "FailedMount": "cannot mount a volume",
    "FailedMapVolume": "cannot mount a volume",
    "FailedMountOnFilesystemMismatch": "cannot mount a volume",
    "FailedAttachVolume": "cannot attach a volume",
    "FailedCreatePodSandBox": "cannot start",
    "FailedCreatePodContainer": "cannot start",
    "FailedPrepareDynamicResources": "cannot start",
    "FailedResourceClaimCreation": "cannot start",
    "FailedPostStartHook": "cannot start",
    "FailedValidation": "cannot start",
    "NetworkNotReady": "cannot start",
    "Stopping": "has not ended yet",
    "PodFailed": "does not end",
    "PodSucceeded": "does not end",
    "PodTerminating": "does not end",
    "MainNotStarted": "does not end",
    "MainEnded": "does not end",
    "ExecutorFailed": "cannot report its result",
    "MachineSilent": "does not end",
    "DeadlinePassed": "does not end",
}
"""Phrases for reasons that are followed by Argo's or the kubelet's message."""


def retry_prospect(failure: Failure, *, can_retry: bool) -> str:
    """Return what to expect of another attempt; that it fails again is certain only if nothing would be different.

    Args:
        failure: the failure.
        can_retry: whether ``argo retry`` can continue the run as it is; else only a new run is another attempt.
    """
    if failure.reason == FailureReason.TASK_RESULT_LOST:
        return "a new run may help; a retry would not run the step whose result is lost"
    if failure.retryable:
        once = " once there is room in the quota" if "exceeded quota" in (failure.message or "") else ""
        return f"retry may help{once}" if can_retry else f"a new run may help{once}"
    attempt = "a retry" if can_retry else "a new run"
    certainty = "will not help" if failure.failure_class in _UNCHANGED_BY_RETRY else "is unlikely to help"
    return f"{attempt} alone {certainty}"
