"""Next steps about a failed step, by its class."""

from collections.abc import Callable, Iterator
from typing import Final

from wfreport.api.classes import CLASS_ADVICE, FailureClass, Owner
from wfreport.api.failure_reasons import FailureReason
from wfreport.api.report import Failure
from wfreport.core.classify.artifact_messages import OTHER_VERSION, UNKNOWN_FLAG
from wfreport.core.classify.named_objects import find_denied, find_missing, find_missing_template
from wfreport.core.classify.stops import REPLACED_BY_CRON, STOPPED_BY_POLICY
from wfreport.core.next_steps.artifacts import artifact_steps
from wfreport.core.next_steps.commands import (
    after_the_spec_is_corrected,
    controller_log,
    describe_host,
    describe_pod,
    if_again,
    kubectl,
    log_of,
    run_again,
    run_all_again,
    template_of,
)
from wfreport.core.next_steps.configuration import claim_steps, image_steps, object_steps
from wfreport.core.next_steps.locks import holder_steps
from wfreport.core.next_steps.memory import memory_steps
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.quotas import quota_steps
from wfreport.core.next_steps.rights import once_granted, report_right_steps
from wfreport.core.next_steps.room import is_disk_full, room_steps
from wfreport.core.next_steps.scheduling import scheduling_steps
from wfreport.core.snapshot.messages import parse_exit
from wfreport.imports import lazy_pattern

Steps = Iterator[NextStep]
_LOW_ON: Final = lazy_pattern(r"low on resource: ([\w-]+)")
_STATUS: Final = lazy_pattern(r"response code: (\d{3})")


def failure_steps(failure: Failure, run: ReportedRun) -> Steps:
    """Yield what to do about a failed step, the most useful first."""
    yield from _BY_CLASS.get(failure.failure_class, _unknown)(failure, run)


def texts_of(failure: Failure) -> str:
    """Return all texts about a failure, the most specific last."""
    events = (f"{event.reason} {event.message}" for event in failure.events or ())
    waiting = (one.message for one in failure.containers or () if one.message)
    return "\n".join(text for text in (failure.message, failure.pod_message, *events, *waiting) if text)


def _pod(failure: Failure, run: ReportedRun, text: str) -> Steps:
    """Yield the command that shows the pod, if it still exists."""
    if failure.pod_name and run.has_pod(failure.pod_name):
        yield describe_pod(failure.pod_name, text)


def _advice(failure: Failure) -> NextStep:
    return NextStep(CLASS_ADVICE[failure.failure_class].replace("`", ""))


def _lost(failure: Failure, run: ReportedRun) -> Steps:
    yield from describe_host(failure, "the state of its machine")
    if not failure.host_node_name:
        yield kubectl("which machines are ready", "get", "nodes", namespace="")
    yield run_again(run)


def _evicted(failure: Failure, run: ReportedRun) -> Steps:
    if failure.owner == Owner.USER:
        yield NextStep(f"Raise limits.ephemeral-storage in {template_of(failure)}, or write less to disk.")
        yield after_the_spec_is_corrected(run)
        return
    low = _LOW_ON.search(texts_of(failure))
    resource = low[1] if low else "memory or ephemeral-storage"
    yield from describe_host(failure, "what its machine is short of")
    if not failure.host_node_name:
        yield from _pod(failure, run, "which machine it was on, and its Events")
        yield kubectl("machines with DiskPressure or MemoryPressure", "describe", "nodes", namespace="")
    yield run_again(run)
    # The pod of Argo's agent has no template that could set requests.
    requests = (
        f"set requests of {resource} that are near the usage, and free it"
        if failure.template_name
        else f"free {resource}"
    )
    yield NextStep(f"If it happens again, {requests} on the machines.")


def _preempted(failure: Failure, run: ReportedRun) -> Steps:  # noqa: ARG001 - all functions of the table are alike
    yield run_again(run)
    yield NextStep("If it happens again, give the pod a higher priorityClassName, or add machines.")
    yield kubectl("the priority classes", "get", "priorityclass", namespace="")


def _deleted(failure: Failure, run: ReportedRun) -> Steps:
    if failure.pod_name:
        selected = f"involvedObject.name={failure.pod_name}"
        yield kubectl("who deleted it, for as long as Events are stored", "get", "events", "--field-selector", selected)
    yield from describe_host(failure, "was its machine drained?")
    yield run_again(run)


def _image(failure: Failure, run: ReportedRun) -> Steps:
    steps = image_steps(texts_of(failure), run)
    yield from _pod(failure, run, "the Events of its pod")
    yield from steps
    if failure.retryable:
        yield run_again(run, "when the registry responds again")
    else:
        yield after_the_spec_is_corrected(run)


def _configuration(failure: Failure, run: ReportedRun) -> Steps:
    text = texts_of(failure)
    is_denied = find_denied(text) is not None
    if not is_denied:  # no Event is about a right, and the commands that grant it need the place
        yield from _pod(failure, run, "the Events of its pod")
    if failure.retryable:
        yield from describe_host(failure, "the state of its machine")
        yield run_again(run)
        yield from map(if_again, object_steps(text, run) or [_advice(failure)])
        return
    yield from object_steps(text, run) or [_advice(failure)]
    if is_denied or find_missing(text):
        yield once_granted(text, run)
    else:
        yield after_the_spec_is_corrected(run)


def _unschedulable(failure: Failure, run: ReportedRun) -> Steps:
    text = texts_of(failure)
    named = object_steps(text, run) if find_missing(text) else []
    pod_name = failure.pod_name if run.has_pod(failure.pod_name) else None
    yield from named or claim_steps(text, pod_name, run) or scheduling_steps(text, run)
    yield from _pod(failure, run, "what the scheduler reports")
    yield run_again(run, "when a machine can take the pod")


def _timeout(failure: Failure, run: ReportedRun) -> Steps:
    of = "the Workflow" if failure.reason == "WorkflowDeadlineExceeded" else template_of(failure)
    limit = f"activeDeadlineSeconds or timeout of {of}"
    if failure.reason == FailureReason.MAX_DURATION_EXCEEDED:
        limit = f"maxDuration in the retryStrategy of {of}: it is for all attempts together"
    yield from log_of(failure, run)
    yield NextStep(f"Find the slow part, then speed it up, or raise {limit}.")
    yield run_again(run, "with the same limit, if it was slow by chance")


def _exit_code(failure: Failure, run: ReportedRun) -> Steps:
    words = _last_words(failure)
    if find_denied(words):  # the log has no more about it, and the commands that grant the right need its place
        yield from object_steps(words, run)
        yield once_granted(words, run)
        return
    yield from log_of(failure, run)
    if is_disk_full(words):
        yield from room_steps(failure, run, words, "let it write less")
        return
    correction = NextStep(_what_failed(failure, run))
    if failure.retryable:
        yield run_again(run)
        yield if_again(correction)
    else:
        yield correction
        yield after_the_spec_is_corrected(run)
        yield run_again(run, "only if you corrected something outside of the Workflow, such as its data or a service")


def _last_words(failure: Failure) -> str:
    """Return what the program, or Argo in its place, said last."""
    ending = parse_exit(failure.message or "")
    return "\n".join(text for text in (failure.log_line, ending.detail if ending else failure.message) if text)


def _what_failed(failure: Failure, run: ReportedRun) -> str:
    where = template_of(failure)
    if failure.reason == "HTTPError":
        status = _STATUS.search(failure.message or "")
        answer = f"its service responded with {status[1]}" if status else "the message has the response"
        return f"Check the URL, the headers and the service of {where}: {answer}."
    known = _WHAT_TO_CORRECT.get(failure.reason or "")
    if known:
        return known.format(template=where)
    if run.may_have_log(failure):
        return f"Correct the program or the input of {where}."
    return f"Correct the program or the input of {where}; its pod and its log are gone, so the message is all there is."


_WHAT_TO_CORRECT: Final = {
    "DaemonExited": "Keep the daemon of {template} running until the steps that use it have ended.",
    "KubeflowError": (
        "Let the platform check what the message names: ML Metadata, the API server of Kubeflow Pipelines, the "
        "artifact store and its credentials."
    ),
    "PluginError": "Read the message of the plugin, and correct {template} or what the plugin calls.",
    **dict.fromkeys(
        ("FailureCondition", "ResourceDeleted"),
        "Look at the object that {template} created or watched: its status or its deletion made the step fail.",
    ),
}


def _killed(failure: Failure, run: ReportedRun) -> Steps:
    yield from log_of(failure, run)
    yield from _pod(failure, run, "its Events: a kill, a drain, a failed probe")
    yield from describe_host(failure, "memory pressure, a drain, kernel kills")
    yield run_again(run, "if it was killed from outside")
    yield NextStep(
        f"If it happens again, raise the memory limit of {template_of(failure)}: a child process may be killed."
    )


def _lock(failure: Failure, run: ReportedRun) -> Steps:
    yield from holder_steps(failure.message or "", run)
    yield NextStep(
        "Wait until the holder of the lock named in the message ends, or end it; or raise the semaphore's limit."
    )
    yield run_again(run, "when the lock is free")


def _invalid(failure: Failure, run: ReportedRun) -> Steps:
    reference = find_missing_template(failure.message or "")
    if reference:
        yield from _missing_template(*reference, run)
        return
    missing = find_missing(failure.message or "")
    if missing:
        yield from object_steps(failure.message or "", run)
    yield NextStep(
        f"Correct {template_of(failure)}: the message names the expression, parameter or field that is wrong."
    )
    source = run.status.workflow_source
    if source and source.workflow_template:
        yield kubectl("correct it here", "edit", "workflowtemplate", source.workflow_template)
    elif run.has_workflow and not missing:
        yield kubectl("the spec that was run", "get", "workflow", run.workflow, "-o", "yaml")
    yield after_the_spec_is_corrected(run)


def _missing_template(holder: str, template: str, run: ReportedRun) -> Steps:
    """Yield what to do about a WorkflowTemplate that does not exist, or that lacks a template."""
    text = f"is it there, with a template {template}?" if template else "is it there?"
    names = "custom-columns=NAME:.metadata.name,TEMPLATES:.spec.templates[*].name"
    yield kubectl(text, "get", "workflowtemplate", holder, "-o", names)
    lacking = f" with a template {template}" if template else ""
    yield NextStep(
        f"If not, apply the WorkflowTemplate {holder}{lacking} to namespace {run.namespace}; or correct the Workflow's "
        "reference to it, which needs clusterScope: true for a ClusterWorkflowTemplate."
    )
    yield run_again(run, "when it is there; a corrected Workflow must be submitted anew")


def _quota(failure: Failure, run: ReportedRun) -> Steps:
    yield from quota_steps(texts_of(failure), run)
    yield run_again(run, "when there is room in the quota" if failure.retryable else "when that is done")


def _controller(failure: Failure, run: ReportedRun) -> Steps:
    if failure.reason == FailureReason.TASK_RESULT_LOST:
        yield from _lost_result(failure, run)
        return
    advice = NextStep(
        _OF_ONE_VERSION
        if _is_of_another_version(failure.message or "")
        else _CONTROLLER_ADVICE.get(failure.reason or "", "The platform reads the controller's log.")
    )
    yield controller_log(run)
    if failure.retryable:
        yield run_again(run)
        yield if_again(advice)
    else:
        yield advice
        yield run_again(run, "when that is done")


def _is_of_another_version(message: str) -> bool:
    """Whether argoexec does not know what the controller that started it asks of it."""
    ending = parse_exit(message)
    text = ending.detail if ending else message
    return bool(OTHER_VERSION.search(text) or UNKNOWN_FLAG.match(text))


def _lost_result(failure: Failure, run: ReportedRun) -> Steps:
    account = failure.service_account_name
    if account:
        yield from report_right_steps(account, run)
    else:
        yield NextStep(
            "The ServiceAccount of the pods must have the right to create and patch workflowtaskresults; else it "
            "happens in each run."
        )
        yield kubectl("which ServiceAccounts have which roles", "get", "rolebindings", "-o", "wide")
    yield controller_log(run)
    yield run_all_again(run, "run all of it again, as a new Workflow")


_OF_ONE_VERSION: Final = (
    "Let Argo's controller and argoexec have the same version: this argoexec does not know what the controller asks of "
    "it. The image is the controller's --executor-image, or executor.image in workflow-controller-configmap."
)
_CONTROLLER_ADVICE: Final = {
    "APIServerError": "The platform checks the API server and its admission webhooks.",
    "WorkflowTooLarge": (
        "Make the Workflow smaller (fewer items per loop, shorter parameters, a Workflow of Workflows), or let the "
        "platform configure nodeStatusOffLoad."
    ),
    "ExecutorError": "The platform checks argoexec's image and its rights in the namespace.",
    "DatabaseError": "The platform checks the database of Argo's controller (persistence).",
    "LockError": "The platform checks the ConfigMap or the database that holds the limits of the locks.",
}


def _cancelled(failure: Failure, run: ReportedRun) -> Steps:
    if failure.reason == REPLACED_BY_CRON:
        yield NextStep("Nothing failed: the next run of the CronWorkflow replaced it (concurrencyPolicy: Replace).")
    elif failure.reason == STOPPED_BY_POLICY:
        yield NextStep("Nothing failed: a RemediationPolicy stopped it, because it hung or took too long.")
    else:
        yield NextStep("Nothing failed: it was stopped. Ask who stopped it before you run it again.")
    yield run_again(run, "only if it is still needed")


def _unknown(failure: Failure, run: ReportedRun) -> Steps:
    yield from log_of(failure, run)
    yield from _pod(failure, run, "its state and Events")
    yield from describe_host(failure, "the state of its machine")
    yield controller_log(run)
    yield run_again(run, "" if failure.retryable else "when the cause is mended")


_BY_CLASS: Final[dict[FailureClass, Callable[[Failure, ReportedRun], Steps]]] = {
    FailureClass.OOM_KILLED: memory_steps,
    FailureClass.NODE_LOST: _lost,
    FailureClass.EVICTED: _evicted,
    FailureClass.PREEMPTED: _preempted,
    FailureClass.POD_DELETED: _deleted,
    FailureClass.IMAGE_PULL: _image,
    FailureClass.CONFIG_ERROR: _configuration,
    FailureClass.UNSCHEDULABLE: _unschedulable,
    FailureClass.TIMEOUT: _timeout,
    FailureClass.EXIT_CODE: _exit_code,
    FailureClass.KILLED: _killed,
    FailureClass.ARTIFACT_IO: artifact_steps,
    FailureClass.LOCK_WAIT: _lock,
    FailureClass.TEMPLATE_ERROR: _invalid,
    FailureClass.QUOTA_EXCEEDED: _quota,
    FailureClass.CONTROLLER_ERROR: _controller,
    FailureClass.CANCELLED: _cancelled,
}
