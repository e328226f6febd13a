"""Finds the installed operator, and what is missing for it to work."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from msgspec import Struct, field

from wfreport.api.argo import LABEL_COMPLETED
from wfreport.api.names import LABEL_WORKFLOW_UID
from wfreport.api.reasons import PolicyConditionType
from wfreport.cli.sources.cluster import Cluster
from wfreport.core.plurals import plural
from wfreport.core.record.rights import LOGS, REPORTING, Right
from wfreport.core.timing.durations import short_duration
from wfreport.kube.access import Access
from wfreport.kube.errors import ForbiddenError, NotFoundError
from wfreport.kube.kinds import DEPLOYMENT, LEASE, POLICY, REMEDIATION, REPORT, WORKFLOW, ResourceType
from wfreport.kube.leases import StoredLease
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.resource import Document, Resource, documents
from wfreport.kube.workflows import workflow_selector

_SELECTOR: Final = "app.kubernetes.io/name=wfreport"
_COMPLETED: Final = f"{LABEL_COMPLETED}=true"
_BY_USERS: Final = f"!{LABEL_WORKFLOW_UID}"
_CRDS: Final = "kubectl apply --server-side -k crds"
_NAMES_MAX: Final = 3
_READ_MAX: Final = 5
_SOON_SECONDS: Final = 30
_POLICIES_MAX: Final = 500
_NOT_PERMITTED: Final = "you are not permitted to read it"


class CheckState(StrEnum):
    """The result of a check. Unknown: the user is not permitted to find out."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


class Finding(Struct, frozen=True):
    """The result of one check."""

    state: CheckState
    subject: str
    message: str


class Installation(Struct, frozen=True):
    """An installed operator, as its Deployment describes it."""

    namespace: str
    name: str
    image: str
    service_account: str
    replicas: int
    ready_replicas: int
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that it watches; a single empty name stands for all."""
        names = [name.strip() for name in self.variables.get("WFREPORT_NAMESPACES", "").split(",") if name.strip()]
        return names or [""]

    @property
    def selector(self) -> str:
        """The label selector of the Workflows that it reports."""
        variables = self.variables
        return workflow_selector(
            instance_id=variables.get("WFREPORT_INSTANCE_ID", ""),
            label_selector=variables.get("WFREPORT_LABEL_SELECTOR", ""),
        )

    @property
    def lease_name(self) -> str:
        """The name of its Lease."""
        return self.variables.get("WFREPORT_LEASE_NAME") or "wfreport"


async def check_kinds(cluster: Cluster) -> AsyncIterator[Finding]:
    """Yield whether the API server serves each kind.

    Raises:
        ApiError: a request failed.
    """
    yield await _check_kind(cluster, WORKFLOW, "install Argo Workflows")
    for kind in (REPORT, POLICY, REMEDIATION):
        yield await _check_kind(cluster, kind, _CRDS)


async def _check_kind(cluster: Cluster, kind: ResourceType, remedy: str) -> Finding:
    subject = f"{kind.plural}.{kind.api_version.partition('/')[0]}"
    try:
        # read nowhere else than where the user works: a right in one namespace is enough
        await documents(cluster.client, kind).list_page(cluster.namespace, limit=1)
    except NotFoundError:
        return Finding(CheckState.PROBLEM, subject, f"the API server does not serve it: {remedy}")
    except ForbiddenError:
        return Finding(CheckState.UNKNOWN, subject, _NOT_PERMITTED)
    return Finding(CheckState.OK, subject, kind.api_version.partition("/")[2])


async def check_own_rights(cluster: Cluster, namespaces: Sequence[str]) -> AsyncIterator[Finding]:
    """Yield whether we ourselves may run the operator; an empty namespace stands for all.

    Raises:
        ApiError: a request failed.
    """
    access = Access(cluster.client)
    for namespace in namespaces:
        lacking = await _lacking(partial(access.is_allowed, namespace))
        yield _rights_finding("your rights", namespace, lacking)


async def find_installations(cluster: Cluster, namespace: str | None) -> list[Installation]:
    """Find Deployments of the operator, in one namespace or in all.

    Raises:
        ApiError: the request failed.
    """
    found = documents(cluster.client, DEPLOYMENT).list(namespace, label_selector=_SELECTOR)
    return [_installation_of(document) async for document in found]


def _installation_of(document: Document) -> Installation:
    metadata, spec, status = document["metadata"], document.get("spec", {}), document.get("status") or {}
    pod: dict[str, Any] = spec.get("template", {}).get("spec", {})
    container: dict[str, Any] = next(iter(pod.get("containers", [])), {})
    namespace = str(metadata["namespace"])
    return Installation(
        namespace=namespace,
        name=str(metadata["name"]),
        image=str(container.get("image", "")),
        service_account=str(pod.get("serviceAccountName", "default")),
        replicas=int(spec.get("replicas", 1)),
        ready_replicas=int(status.get("readyReplicas", 0)),
        variables={str(entry["name"]): _value(entry, namespace) for entry in container.get("env") or ()},
    )


def _value(entry: dict[str, Any], namespace: str) -> str:
    """Return the value of a variable. The only reference that the manifests contain is to the pod's namespace."""
    reference = (entry.get("valueFrom") or {}).get("fieldRef") or {}
    return namespace if reference.get("fieldPath") == "metadata.namespace" else str(entry.get("value") or "")


async def check_installation(cluster: Cluster, found: Installation, now: datetime) -> AsyncIterator[Finding]:
    """Yield what is wrong with an installed operator, and what is not: replicas, Lease, rights.

    Raises:
        ApiError: a request failed.
    """
    state = CheckState.OK if found.ready_replicas >= min(1, found.replicas) and found.replicas else CheckState.PROBLEM
    ready = f"{found.ready_replicas} of {found.replicas} replicas are ready"
    yield Finding(state, f"Deployment {found.namespace}/{found.name}", f"{ready}, image {found.image}")
    yield await _check_lease(cluster, found, now)
    for namespace in found.namespaces:
        yield await _check_rights(cluster, found, namespace)


async def _check_lease(cluster: Cluster, found: Installation, now: datetime) -> Finding:
    subject = f"Lease {found.namespace}/{found.lease_name}"
    try:
        lease = await Resource(cluster.client, LEASE, StoredLease).get(found.namespace, found.lease_name)
    except NotFoundError:
        return Finding(
            CheckState.PROBLEM, subject, "it does not exist: no replica has ever worked; read the pods' logs"
        )
    except ForbiddenError:
        return Finding(CheckState.UNKNOWN, subject, _NOT_PERMITTED)
    if not lease.spec.holder_identity or not lease.spec.renew_time:
        return Finding(CheckState.PROBLEM, subject, "no replica holds it: nothing is reported; read the pods' logs")
    age = max((now - datetime.fromisoformat(lease.spec.renew_time)).total_seconds(), 0)
    renewed = f"held by {lease.spec.holder_identity}, renewed {short_duration(age)} ago"
    if age > lease.spec.lease_duration_seconds:
        return Finding(CheckState.PROBLEM, subject, f"{renewed}, longer than its {lease.spec.lease_duration_seconds}s")
    return Finding(CheckState.OK, subject, renewed)


async def _check_rights(cluster: Cluster, found: Installation, namespace: str) -> Finding:
    access = Access(cluster.client)
    account = (found.namespace, found.service_account)
    try:
        lacking = await _lacking(partial(access.is_account_allowed, account, namespace))
    except ForbiddenError:
        where = f" in {namespace}" if namespace else ""
        return Finding(CheckState.UNKNOWN, f"rights{where}", "you are not permitted to review the operator's rights")
    return _rights_finding("rights", namespace, lacking)


async def _lacking(is_allowed: Callable[..., Awaitable[bool]]) -> list[Right]:
    """Return the rights to report, with logs, that are not given."""
    return [
        right
        for right in (*REPORTING, LOGS)
        if not await is_allowed(verb=right.verb, group=right.group, resource=right.resource)
    ]


def _rights_finding(subject: str, namespace: str, lacking: Sequence[Right]) -> Finding:
    where = f"{subject} in {namespace}" if namespace else f"{subject} in all namespaces"
    needed = [str(right) for right in lacking if right != LOGS]
    if needed:
        return Finding(CheckState.PROBLEM, where, f"not permitted to {', '.join(needed)}")
    if lacking:
        return Finding(CheckState.OK, where, "reports, without log tails: add manifests/components/pod-logs for them")
    return Finding(CheckState.OK, where, "reports with log tails")


async def check_policies(cluster: Cluster, namespace: str | None) -> AsyncIterator[Finding]:
    """Yield the state of each policy, as the operator recorded it: its message names the missing component.

    Raises:
        ApiError: a request failed.
    """
    try:
        page = await documents(cluster.client, POLICY).list_page(namespace, limit=_POLICIES_MAX)
    except (NotFoundError, ForbiddenError):
        return  # the check of the kinds has reported it
    for policy in page.items or ():
        yield _policy_finding(policy)


def _policy_finding(policy: Document) -> Finding:
    metadata = policy["metadata"]
    subject = f"policy {metadata['namespace']}/{metadata['name']}"
    conditions = (policy.get("status") or {}).get("conditions") or ()
    ready = next((each for each in conditions if each.get("type") == PolicyConditionType.READY), None)
    if ready is None or ready.get("observedGeneration") not in (None, metadata.get("generation")):
        return Finding(CheckState.PROBLEM, subject, "the operator has not evaluated it: does it watch this namespace?")
    state = CheckState.OK if ready["status"] == "True" else CheckState.PROBLEM
    return Finding(state, subject, f"{ready['reason']}: {ready.get('message', '')}".rstrip(": "))


async def check_reports(cluster: Cluster, namespace: str | None, selector: str, now: datetime) -> Finding:
    """Return whether every completed Workflow that the selector selects has a report.

    Raises:
        ApiError: a request failed.
    """
    subject = f"reports in {namespace}" if namespace else "reports in all namespaces"
    workflows, reports = documents(cluster.client, WORKFLOW), documents(cluster.client, REPORT)
    try:
        reported = {meta.labels.workflow_uid async for meta in reports.list_metadata(namespace)}
        completed = workflows.list_metadata(namespace, label_selector=",".join(filter(None, (_COMPLETED, selector))))
        missing = [meta async for meta in completed if not meta.skipped and meta.uid not in reported]
        if missing:  # users' reports have no label; there are few
            users = [document async for document in reports.list(namespace, label_selector=_BY_USERS)]
            bound = {_bound_uid(document) for document in users}
            missing = [meta for meta in missing if meta.uid not in bound]
        oldest = await _oldest_end(workflows, missing)
    except (NotFoundError, ForbiddenError) as error:
        return Finding(CheckState.UNKNOWN, subject, error.message)
    age = (now - oldest).total_seconds() if oldest else _SOON_SECONDS
    if not missing or (age < _SOON_SECONDS and len(missing) <= _READ_MAX):
        return Finding(CheckState.OK, subject, "every completed Workflow has one")
    names = [f"{meta.namespace}/{meta.name}" for meta in missing]
    since = f"; of the first {min(_READ_MAX, len(missing))}, one ended {short_duration(age)} ago" if oldest else ""
    return Finding(
        CheckState.PROBLEM, subject, f"{plural(len(missing), 'completed Workflow')} without one: {_some(names)}{since}"
    )


def _bound_uid(report: Document) -> str:
    return str(((report.get("status") or {}).get("observedWorkflow") or {}).get("uid", ""))


async def _oldest_end(workflows: Resource[Document], missing: Sequence[ObjectMeta]) -> datetime | None:
    """Return the earliest end of a few Workflows; None if none of them can be read."""
    ends = []
    for meta in sorted(missing, key=lambda each: each.creation_timestamp)[:_READ_MAX]:
        try:
            status = (await workflows.get(meta.namespace, meta.name)).get("status") or {}
            ends.append(datetime.fromisoformat(status["finishedAt"]))
        except (NotFoundError, KeyError, TypeError, ValueError):
            continue  # deleted since, or a status that Argo does not write
    return min((end for end in ends if end.tzinfo), default=None)


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:_NAMES_MAX]) + (", …" if len(listed) > _NAMES_MAX else "")
