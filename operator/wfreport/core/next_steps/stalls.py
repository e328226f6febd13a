"""Next steps about a run that hangs, by the reason of the stall."""

import json
from collections.abc import Callable, Iterator
from typing import Final

from wfreport.api.reasons import StallReason
from wfreport.api.report import ReportStatus, Stalled
from wfreport.core.next_steps.commands import (
    after_the_spec_is_corrected,
    argo,
    controller_log,
    controller_state,
    describe_pod,
    end_and_resubmit,
    end_run,
    kubectl,
    restart_controller,
)
from wfreport.core.next_steps.configuration import object_steps
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.snapshot.pod_states import is_argos_container
from wfreport.imports import lazy_pattern

Steps = Iterator[NextStep]
DAEMONS: Final = "daemons use up the Workflow's parallelism"
_HELD: Final = "; its finalizer "
_LABEL_WORKFLOW: Final = "workflows.argoproj.io/workflow"
_LABEL_COMPLETE: Final = "workflows.argoproj.io/report-outputs-completed=true"
_ALIVE: Final = lazy_pattern(r", and (\w[\w.-]{0,252}(?:, \w[\w.-]{0,252}){0,20}) keeps? (?:the pod|it) alive")
_MACHINE: Final = lazy_pattern(r"on machine (\w[\w.-]{0,252})")
_CRASH: Final = lazy_pattern(r"whose pod (\w[\w.-]{0,252}) .{0,300}its container (\w[\w.-]{0,252}) crashes")

_QUIT: Final = {
    "istio-proxy": ("pilot-agent", "request", "POST", "quitquitquit"),
    "linkerd-proxy": ("/usr/lib/linkerd/linkerd-await", "sleep", "1", "--shutdown"),
}
"""Commands that end injected sidecars whose images have no shell (sidecar-injection.md of Argo's documentation)."""

_NOT_INJECTED: Final = {
    "istio-proxy": 'or sidecar.istio.io/inject: "false"',
    "linkerd-proxy": "or linkerd.io/inject: disabled",
}
"""Annotations that leave an injected sidecar out of a pod."""


def stall_steps(stalled: Stalled, run: ReportedRun) -> Steps:
    """Yield what to do about a run that hangs, the most useful first."""
    by_reason = _BY_REASON.get(stalled.reason)
    if by_reason is not None:
        yield from by_reason(stalled, run)
        return
    if stalled.advice:
        yield NextStep(stalled.advice)
    yield from end_and_resubmit(run)


def _pod_name(run: ReportedRun) -> str | None:
    return pod_of_stall(run.status)


def pod_of_stall(status: ReportStatus) -> str | None:
    """Return the pod of the step that hangs; None if that is unknown."""
    node_id = status.stalled.node_id if status.stalled else None
    named = (one.pod_name for one in (*(status.waiting or ()), *(status.steps or ())) if one.node_id == node_id)
    return next(filter(None, named), None) if node_id else None


def _pods(run: ReportedRun, text: str) -> NextStep:
    return kubectl(text, "get", "pods", "-l", f"{_LABEL_WORKFLOW}={run.workflow}")


def _pod_gone(_: Stalled, run: ReportedRun) -> Steps:
    yield restart_controller()
    yield _pods(run, "the pods that are left")
    yield from end_and_resubmit(run, "if that does not help, end this run")


def _main_ended(stalled: Stalled, run: ReportedRun) -> Steps:
    alive, pod = _ALIVE.search(stalled.message or ""), _pod_name(run)
    names = alive[1].split(", ") if alive else []
    sidecars = [name for name in names if not is_argos_container(name)]
    if pod and sidecars:
        yield kubectl(f"end {sidecars[0]}; the step then ends as its main container did", "exec", pod, "-c",
                      sidecars[0], "--", *_QUIT.get(sidecars[0], ("kill", "1")))  # fmt: skip
    if sidecars:
        yield NextStep(_ending_with_main(sidecars[0]))
    elif pod and names:
        text = f"does Argo's {names[0]} container still store outputs? Then wait for it"
        yield kubectl(text, "logs", pod, "-c", names[0])
    elif not names:
        yield from _machine(stalled)
    if pod:
        text = "else delete the pod; the step then fails, its log is lost"
        lost = "" if sidecars or not names else ", and so are outputs that are not stored yet"
        yield kubectl(f"{text}{lost}", "delete", "pod", pod)
    yield end_run(run, "or end the run")


def _machine(stalled: Stalled) -> Steps:
    """Yield the commands that show whether the machine is alive, and that give it up, if the message names it."""
    machine = _MACHINE.search(stalled.message or "")
    if machine:
        yield kubectl("is it Ready? If not, bring it back", "get", "node", machine[1], namespace="")
        text = (
            "only if the machine is gone for good: Kubernetes then deletes its pods within minutes, and the step then "
            "ends as Error or Failed"
        )
        yield kubectl(text, "delete", "node", machine[1], namespace="")


def _ending_with_main(sidecar: str) -> str:
    """Return how to let a sidecar end with the main container, or leave an injected one out."""
    command = json.dumps(_QUIT.get(sidecar, ("kill", "1")))
    without = f", {_NOT_INJECTED[sidecar]} if the step does without it" if sidecar in _NOT_INJECTED else ""
    return (
        f"So that {sidecar} ends with the main container from now on, set in the template's metadata.annotations: "
        f"workflows.argoproj.io/kill-cmd-{sidecar}: '{command}'{without}; or make it a native sidecar."
    )


def _main_not_started(stalled: Stalled, run: ReportedRun) -> Steps:
    pod = _pod_name(run)
    named = object_steps(stalled.message or "", run)
    if pod and not named:
        yield describe_pod(pod, "first of all: Message in the State of main is why the runtime could not start it")
    yield from named or [
        NextStep(
            "Most often it is a command that is not in the image or not executable, a volume mounted over it, or a "
            "memory limit that is too small; else a runtime or device of the machine, and a new run may start."
        )
    ]
    yield end_run(run, "end this run")
    yield after_the_spec_is_corrected(run)


def _terminating(stalled: Stalled, run: ReportedRun) -> Steps:
    pod = _pod_name(run)
    if _HELD in (stalled.message or ""):
        yield _finalizers(pod) if pod else _pods(run, "which of its pods are still there")
        return
    yield from _machine(stalled)
    if pod:
        yield describe_pod(pod, "if the machine is Ready: its Events say what the deletion waits for")
        yield from _without_the_machine(pod, run)
    else:
        yield _pods(run, "which of its pods are still there")


def _machine_silent(stalled: Stalled, run: ReportedRun) -> Steps:
    pod = _pod_name(run)
    yield from _machine(stalled)
    yield from _without_the_machine(pod, run) if pod else [_pods(run, "which of its pods are still there")]


def _finalizers(pod: str) -> NextStep:
    text = "its finalizers: end what holds it"
    return kubectl(text, "get", "pod", pod, "-o", "jsonpath={.metadata.finalizers}")


def _without_the_machine(pod: str, run: ReportedRun) -> Steps:
    text = "only if the machine is gone for good and this pod is still there minutes later"
    yield kubectl(text, "delete", "pod", pod, "--force", "--grace-period=0")
    yield argo("when this run has ended, run it anew", "resubmit", run.workflow)


def _result_missing(stalled: Stalled, run: ReportedRun) -> Steps:
    pod = _pod_name(run)
    pod = pod if run.existing_pods is None or (pod and run.has_pod(pod)) else None
    if pod:
        yield kubectl("what Argo's wait container did last; add > wait.log to keep it", "logs", pod, "-c", "wait")
    if stalled.node_id:
        text = "let the step end in the phase that it has; outputs that are not stored by now are lost"
        yield kubectl(text, "label", "workflowtaskresult", stalled.node_id, _LABEL_COMPLETE, "--overwrite")
    else:
        yield kubectl("which one lacks report-outputs-completed=true", "get", "workflowtaskresults", "-l",
                      f"{_LABEL_WORKFLOW}={run.workflow}", "--show-labels")  # fmt: skip
    if pod:
        yield kubectl(f"only if that does not help: delete its pod{_cost(stalled, run)}", "delete", "pod", pod)
    yield controller_log(run)


def _cost(stalled: Stalled, run: ReportedRun) -> str:
    """Return what the deletion of the pod costs, beside the outputs that the first step gives up."""
    has_failed = any(failure.node_id == stalled.node_id for failure in run.status.failures or ())
    return "; the step stays failed, its log is lost" if has_failed else "; the step may then fail, its log is lost"


def _agent_gone(stalled: Stalled, run: ReportedRun) -> Steps:
    machine, crash = _MACHINE.search(stalled.message or ""), _CRASH.search(stalled.message or "")
    if crash:
        yield kubectl("why it crashes", "logs", crash[1], "-c", crash[2], "--previous")
    elif machine:
        yield kubectl("the state of its machine", "describe", "node", machine[1], namespace="")
    yield _pods(run, "the agent's pod ends in -agent")
    yield from end_and_resubmit(run)


def _nothing_scheduled(stalled: Stalled, run: ReportedRun) -> Steps:
    if DAEMONS in (stalled.message or ""):
        yield NextStep("Raise spec.parallelism above the number of daemons: Argo counts their pods as well.")
        yield end_run(run, "end this run")
        yield after_the_spec_is_corrected(run)
        return
    yield controller_log(run)
    yield restart_controller()
    yield from end_and_resubmit(run, "if that does not help, end this run")


def _exit_handler(_: Stalled, run: ReportedRun) -> Steps:
    yield restart_controller()
    yield controller_log(run)
    yield end_run(run, "if that does not help; then do the exit handler's work by hand")


def _suspended_and_terminated(_: Stalled, run: ReportedRun) -> Steps:
    yield argo("to end it: Argo then carries out the shutdown that was requested", "resume", run.workflow)
    unset = '{"spec":{"shutdown":null}}'
    text = "to keep it: run this first, and only then argo resume"
    yield kubectl(text, "patch", "workflow", run.workflow, "--type=merge", "-p", unset)


def _artifact_gc_pods(run: ReportedRun) -> str:
    return f"{_LABEL_WORKFLOW}={run.workflow},workflows.argoproj.io/component=artifact-gc"


def _deletion_blocked(stalled: Stalled, run: ReportedRun) -> Steps:
    if "artifact-gc" not in (stalled.message or ""):
        yield kubectl("its finalizers: whoever set one has to end its work", "get", "workflow", run.workflow, "-o",
                      "jsonpath={.metadata.finalizers}")  # fmt: skip
        yield _pods(run, "what is left of the run: foregroundDeletion waits until it is deleted")
        yield argo("only if nobody works on them any more: delete it without them", "delete", "--force", run.workflow)
        return
    text = "the deletion: are there pods of the garbage collection, and why do they fail?"
    yield kubectl(text, "describe", "pods", "-l", _artifact_gc_pods(run))
    yield kubectl("or give the collection up: its artifacts stay in the store", "patch", "workflow", run.workflow,
                  "--type=merge", "-p", '{"spec":{"artifactGC":{"forceFinalizerRemoval":true}}}')  # fmt: skip
    yield argo("or delete it at once, with the same effect", "delete", "--force", run.workflow)


def _artifact_gc_failed(_: Stalled, run: ReportedRun) -> Steps:
    yield kubectl("why the garbage collection failed", "logs", "-l", _artifact_gc_pods(run), "--tail=50")
    yield NextStep(
        "Mend its access to the artifact store (credentials, ServiceAccount), and delete the artifacts by hand."
    )


def _lock_leaked(_: Stalled, run: ReportedRun) -> Steps:
    yield restart_controller("build the locks anew from the running Workflows")
    yield end_run(run, "or end this run")


def _controller_silent(_: Stalled, run: ReportedRun) -> Steps:
    yield controller_state()
    yield controller_log(run)
    yield restart_controller()


_BY_REASON: Final[dict[str, Callable[[Stalled, ReportedRun], Steps]]] = {
    StallReason.POD_GONE: _pod_gone,
    StallReason.MAIN_ENDED: _main_ended,
    StallReason.MAIN_NOT_STARTED: _main_not_started,
    StallReason.POD_TERMINATING: _terminating,
    StallReason.MACHINE_SILENT: _machine_silent,
    StallReason.TASK_RESULT_MISSING: _result_missing,
    StallReason.AGENT_GONE: _agent_gone,
    StallReason.NOTHING_SCHEDULED: _nothing_scheduled,
    StallReason.EXIT_HANDLER_NOT_STARTED: _exit_handler,
    StallReason.SUSPENDED_AND_TERMINATED: _suspended_and_terminated,
    StallReason.DELETION_BLOCKED: _deletion_blocked,
    StallReason.ARTIFACT_GC_FAILED: _artifact_gc_failed,
    StallReason.LOCK_LEAKED: _lock_leaked,
    StallReason.CONTROLLER_SILENT: _controller_silent,
}
