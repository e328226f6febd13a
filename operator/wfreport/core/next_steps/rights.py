"""Next steps about a right that RBAC denied: who grants it, to which ServiceAccount, and by which commands."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from wfreport.core.classify.named_objects import DeniedRight, find_denied
from wfreport.core.next_steps.commands import after_the_spec_is_corrected, kubectl, run_again
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.imports import lazy_pattern

_APPLIED: Final = lazy_pattern(r"error when (?:retrieving current configuration of|applying patch|creating)")
_CLUSTER_RESOURCES: Final = frozenset(
    {
        "namespaces",
        "nodes",
        "persistentvolumes",
        "storageclasses.storage.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
    }
)
_TASK_RESULTS: Final = "workflowtaskresults.argoproj.io"
_CHECKS_RIGHT: Final = "no means that the right is missing; to ask, you yourself need the right to impersonate"
_DEFAULT: Final = "default"
"""The ServiceAccount of every pod that names none: a right of its own is one of all these pods."""

_NOT_IN_NAMES: Final = lazy_pattern(r"[^a-z0-9]+")
_LONGEST_NAME: Final = 50


class _NeededRight(Struct, frozen=True):
    """A right to be granted.

    Attributes:
        verbs: its verbs, separated by commas.
        resource: the resource with its group and subresource.
        namespace: the namespace; empty for the whole cluster, None for that of the run.
    """

    verbs: str
    resource: str
    namespace: str | None

    @property
    def kind(self) -> str:
        """The kind of role that holds it, as ``kubectl create`` takes it."""
        return "clusterrole" if self.namespace == "" else "role"

    @property
    def admin(self) -> str:
        """Who may grant it."""
        return f"an admin of namespace {self.namespace}" if self.namespace else "an admin of the cluster"

    def __str__(self) -> str:
        where = f"in namespace {self.namespace}" if self.namespace else "in the whole cluster"
        applied = ", which kubectl apply needs" if "," in self.verbs else ""
        return f"{self.verbs.replace(',', ', ')} {self.resource} {where}{applied}"


def denied_steps(text: str, run: ReportedRun) -> list[NextStep]:
    """Return what to do about the right that a message says was denied; empty if it names none."""
    denied = find_denied(text)
    return list(_about_right(denied, _needed(denied, text), run)) if denied else []


def once_granted(text: str, run: ReportedRun) -> NextStep:
    """Return how to run it again once what a message names is there: a ServiceAccount of its own changes the spec."""
    denied = find_denied(text)
    if denied and _is_of_default(denied, run):
        return after_the_spec_is_corrected(run)
    return run_again(run, "when that is done in the cluster; a changed template must be submitted anew")


def _needed(denied: DeniedRight, text: str) -> _NeededRight:
    # An apply reads the object, then creates or patches it: the right that was denied first is not enough.
    verbs = "get,create,patch" if _APPLIED.search(text) else denied.verb
    resource = f"{denied.resource}/{denied.subresource}" if denied.subresource else denied.resource
    # RBAC takes a Namespace as an object within itself; whoever creates it needs the right in the whole cluster.
    return _NeededRight(verbs, resource, "" if denied.resource in _CLUSTER_RESOURCES else denied.namespace)


def _is_of_default(denied: DeniedRight, run: ReportedRun) -> bool:
    return denied.service_account == (run.namespace, _DEFAULT)


def _about_right(denied: DeniedRight, right: _NeededRight, run: ReportedRun) -> Iterator[NextStep]:
    account = denied.service_account
    is_foreign = account is not None and account[0] != run.namespace
    if account and is_foreign:
        yield from _of_another_namespace(account[0], run)
    options = [f"--subresource={denied.subresource}"] if denied.subresource else []
    check = ("auth", "can-i", denied.verb, denied.resource, *options, "--as", denied.user)
    yield kubectl(_CHECKS_RIGHT, *check, namespace=denied.namespace)
    if _is_of_default(denied, run):
        yield from _with_own_account(right, run)
        return
    subject = f"ServiceAccount {account[1]} of namespace {account[0]}" if account else f"user {denied.user}"
    yield NextStep(f"Let {right.admin} grant {subject} the right to {right}.")
    if account and not is_foreign:
        yield from _grant(right, account[1], run)


def _of_another_namespace(namespace: str, run: ReportedRun) -> Iterator[NextStep]:
    yield NextStep(
        f"The request was made as a ServiceAccount of namespace {namespace}, and the run is in namespace "
        f"{run.namespace}: the step does not use its pod's credentials. Find out whose before you grant anything."
    )
    if run.has_workflow:
        text = "what gives it other credentials: a mounted Secret, a kubeconfig, a token"
        yield kubectl(text, "get", "workflow", run.workflow, "-o", "yaml")


def _with_own_account(right: _NeededRight, run: ReportedRun) -> Iterator[NextStep]:
    """Yield how to run a step as an account of its own, which also needs the rights of Argo's containers."""
    name, template = _own_name(run), _template(run)
    yield NextStep(
        f"Let {right.admin} give the step a ServiceAccount of its own that may {right}. Like every step's, it must "
        f"also be allowed to create and patch workflowtaskresults. Then set serviceAccountName: {name} in "
        f"{f'template {template}' if template else 'the template'}."
    )
    yield kubectl(f"the account; {_DEFAULT} is that of every pod that names none", "create", "serviceaccount", name)
    yield from _grant(right, name, run)
    yield from _grant_reports(name, run, "create the right by which Argo's containers report the result")


def _template(run: ReportedRun) -> str:
    """Return the template of the leading failure; empty if there is none."""
    return next((failure.template_name or "" for failure in run.status.failures or ()), "")


def _own_name(run: ReportedRun) -> str:
    """Return a name for an account that the template, or else the pipeline or the run, has for itself."""
    pipeline = run.status.workflow_source.pipeline if run.status.workflow_source else None
    name = _NOT_IN_NAMES.sub("-", (_template(run) or pipeline or run.workflow).lower())[:_LONGEST_NAME].strip("-")
    return f"wf-{name}".rstrip("-") if name in ("", _DEFAULT) else name


def _grant(right: _NeededRight, account: str, run: ReportedRun) -> Iterator[NextStep]:
    resource = right.resource.partition(".")[0].partition("/")[0]
    name = f"{account}-{right.verbs.replace(',', '-')}-{resource}"
    yield from _created_and_bound(name, right, account, run, "create the right")


def report_right_steps(account: str, run: ReportedRun) -> Iterator[NextStep]:
    """Yield how to check, and grant, the right that Argo's containers need to report a step's result."""
    user = f"system:serviceaccount:{run.namespace}:{account}"
    check = ("auth", "can-i", "create", _TASK_RESULTS, f"--as={user}")
    yield kubectl(_CHECKS_RIGHT, *check)
    yield from _grant_reports(
        account, run, "if it is no: create the right", "and grant it; else it happens in each run"
    )


def _grant_reports(account: str, run: ReportedRun, create: str, bind: str = "and grant it") -> Iterator[NextStep]:
    right = _NeededRight("create,patch", _TASK_RESULTS, None)
    yield from _created_and_bound(f"{account}-reports-results", right, account, run, create, bind)


def _created_and_bound(
    name: str, right: _NeededRight, account: str, run: ReportedRun, create: str, bind: str = "and grant it"
) -> Iterator[NextStep]:
    """Yield the commands that create a role with a right, and bind it to an account of the run's namespace."""
    rule = (f"--verb={right.verbs}", f"--resource={right.resource}")
    yield kubectl(create, "create", right.kind, name, *rule, namespace=right.namespace)
    bound = (f"--{right.kind}={name}", f"--serviceaccount={run.namespace}:{account}")
    yield kubectl(bind, "create", f"{right.kind}binding", name, *bound, namespace=right.namespace)
