"""Command lines that several next steps share."""

from collections.abc import Iterator

from msgspec.structs import replace

from wfreport.api.argo import MAIN_CONTAINER
from wfreport.api.report import Failure
from wfreport.core.next_steps.model import CONTROLLER, CONTROLLER_NAMESPACE, NextStep, ReportedRun


def kubectl(text: str, *arguments: str, namespace: str | None = None) -> NextStep:
    """Return a command of kubectl."""
    return NextStep(text, ("kubectl", *arguments), namespace)


def argo(text: str, *arguments: str, namespace: str | None = None) -> NextStep:
    """Return a command of Argo's command line."""
    return NextStep(text, ("argo", *arguments), namespace)


def wfreport(text: str, *arguments: str) -> NextStep:
    """Return a command of this program."""
    return NextStep(text, ("wfreport", *arguments))


def describe_pod(pod_name: str, text: str) -> NextStep:
    """Return the command that shows a pod with its Events."""
    return kubectl(text, "describe", "pod", pod_name)


def describe_host(failure: Failure, text: str) -> Iterator[NextStep]:
    """Yield the command that shows the machine of the failed step, if that is known."""
    if failure.host_node_name:
        yield kubectl(text, "describe", "node", failure.host_node_name, namespace="")


def log_of(failure: Failure, run: ReportedRun) -> Iterator[NextStep]:
    """Yield the command that prints the log of a failed step, if there may be one."""
    if run.may_have_log(failure):
        yield wfreport("the whole log", "logs", run.workflow, run.step_argument(failure))


def run_again(run: ReportedRun, text: str = "") -> NextStep:
    """Return how to run what failed again, with the same spec."""
    if run.has_policy_action:
        return wfreport("a RemediationPolicy acts on this run", "remediations", run.workflow)
    if not run.has_workflow or run.is_being_deleted:
        return submit_again(run, text)
    if run.is_retriable:
        return argo(text or "run the failed steps again", "retry", run.workflow)
    return run_all_again(run, text)


def run_all_again(run: ReportedRun, text: str = "") -> NextStep:
    """Return how to run every step again with the same spec, also those that succeeded."""
    if run.has_policy_action or not run.has_workflow or run.is_being_deleted:
        return run_again(run, text)
    ended = f"once this run has ended (argo terminate {run.workflow} -n {run.namespace}): " if run.goes_on else ""
    return argo(text or f"{ended}run all of it again, as a new Workflow", "resubmit", run.workflow)


def submit_again(run: ReportedRun, text: str = "") -> NextStep:
    """Return how to submit the run anew, from the object that it came from if that is known."""
    if run.is_of_kubeflow:
        return NextStep(f"Run the pipeline again in Kubeflow Pipelines{f' {text}' if text else ''}.")
    source = run.status.workflow_source
    if source and source.cron_workflow:
        return argo(text or "run it again", "submit", "--from", f"cronwf/{source.cron_workflow}")
    if source and source.workflow_template:
        return argo(text or "run it again", "submit", "--from", f"workflowtemplate/{source.workflow_template}")
    if source and source.cluster_workflow_template:
        name = f"clusterworkflowtemplate/{source.cluster_workflow_template}"
        return argo(text or "run it again", "submit", "--from", name)
    return NextStep(f"Submit the Workflow again{f' {text}' if text else ''}.")


def after_the_spec_is_corrected(run: ReportedRun) -> NextStep:
    """Return how to run a corrected spec: a retry would run the stored one."""
    step = submit_again(run, "when the spec is corrected")
    if step.command:
        return step
    old = "; argo retry and argo resubmit would run the old spec" if run.has_workflow else ""
    if run.is_of_kubeflow:
        return NextStep(f"Then run the corrected pipeline again in Kubeflow Pipelines{old}.")
    return NextStep(f"Then submit the corrected Workflow{old}.")


def end_run(run: ReportedRun, text: str) -> NextStep:
    """Return the command that ends a run, and what that costs."""
    return argo(f"{text}; it then counts as failed", "terminate", run.workflow)


def end_and_resubmit(run: ReportedRun, text: str = "end this run") -> Iterator[NextStep]:
    """Yield the commands that end a run that hangs, and start it anew."""
    yield end_run(run, text)
    yield argo("then run it anew", "resubmit", run.workflow)


def controller_state() -> NextStep:
    """Return the command that shows whether Argo's controller runs."""
    return kubectl("does Argo's controller run?", "get", CONTROLLER, namespace=CONTROLLER_NAMESPACE)


def controller_log(run: ReportedRun) -> NextStep:
    """Return the command that prints what Argo's controller logged about the run."""
    started_at = run.status.observed_workflow.started_at if run.status.observed_workflow else None
    since = [f"--since-time={started_at:%Y-%m-%dT%H:%M:%SZ}"] if started_at else ["--tail=1000"]
    text = f"what Argo's controller logged (its namespace may be another); search for {run.workflow}"
    return kubectl(text, "logs", CONTROLLER, *since, namespace=CONTROLLER_NAMESPACE)


def restart_controller(text: str = "restart Argo's controller, which reads its Workflows anew") -> NextStep:
    """Return the command that restarts Argo's controller."""
    return kubectl(text, "rollout", "restart", CONTROLLER, namespace=CONTROLLER_NAMESPACE)


def template_of(failure: Failure) -> str:
    """Return the template of the failed step, for a sentence."""
    return f"template {failure.template_name}" if failure.template_name else "the template"


def container_of(failure: Failure) -> str:
    """Return the container that failed; the main one if no other is known."""
    return failure.container or MAIN_CONTAINER


def if_again(step: NextStep) -> NextStep:
    """Return a step that is due only if another attempt failed, too."""
    text = step.text if step.command else f"{step.text[:1].lower()}{step.text[1:]}"
    return replace(step, text=f"if it fails again: {text}" if step.command else f"If it fails again, {text}")
