"""Reads and approves Remediations for the commands."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Final

import click

from wfreport.api.names import LABEL_ROOT_UID
from wfreport.api.remediation import Remediation
from wfreport.cli.problems import NotFound, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster
from wfreport.cli.sources.reports import Filters, find_reports
from wfreport.cli.sources.suggestions import suggest_remediation
from wfreport.core.redact.bounds import cut_label
from wfreport.kube.access import Access
from wfreport.kube.errors import ApiError, BadResponseError, NotFoundError
from wfreport.kube.kinds import REMEDIATION
from wfreport.kube.remediations import read_remediation
from wfreport.kube.resource import Document, Resource

NO_REMEDIATIONS_KIND: Final = "the cluster has no Remediation kind; install the operator and its CRDs first"
_FIELD_MANAGER: Final = "wfreport-cli"


def _remediations(cluster: Cluster) -> Resource[Document]:
    return Resource(cluster.client, REMEDIATION, Document, field_manager=_FIELD_MANAGER)


async def list_remediations(
    cluster: Cluster, namespace: str | None, *, workflow: str | None
) -> AsyncIterator[Document]:
    """Yield the Remediations of one namespace or of all, and of one Workflow if it is given.

    Raises:
        UnusableInput: the cluster has no Remediation kind.
        ApiError: a request failed.
    """
    field_selector = f"spec.target.name={workflow}" if workflow else ""
    try:
        async for document in _remediations(cluster).list(namespace, field_selector=field_selector):
            yield document
    except NotFoundError as error:
        raise UnusableInput("API server", NO_REMEDIATIONS_KIND) from error


async def list_chain(cluster: Cluster, workflow: str) -> list[Document]:
    """List the Remediations of a Workflow's chain: also those of runs that it is or has a resubmission of.

    Raises:
        UnusableInput: the cluster has no Remediation kind.
        ApiError: a request failed.
    """
    own = [document async for document in list_remediations(cluster, cluster.namespace, workflow=workflow)]
    found = {document["metadata"]["name"]: document for document in own}
    roots = {str(document.get("spec", {}).get("rootUid")) for document in own}
    for root_uid in roots or await _roots_in_reports(cluster, workflow):
        for document in await list_of_root(cluster, root_uid):
            found[document["metadata"]["name"]] = document
    return list(found.values())


async def _roots_in_reports(cluster: Cluster, workflow: str) -> set[str]:
    """Return the uids of the first runs of a Workflow's chain, as its reports have them; none if unreadable."""
    try:
        found = [one async for one in find_reports(cluster, cluster.namespace, Filters(workflow=workflow))]
    except (ApiError, UnusableInput):
        return set()
    return {root_uid for one in found if (root_uid := one.row.status.remediation.root_uid)}


async def list_of_root(cluster: Cluster, root_uid: str) -> list[Document]:
    """List the Remediations of the chain of runs that started with the Workflow of this uid.

    Raises:
        ApiError: the request failed.
    """
    selector = f"{LABEL_ROOT_UID}={cut_label(root_uid)}"
    listed = _remediations(cluster).list(cluster.namespace, label_selector=selector)
    return [document async for document in listed if document.get("spec", {}).get("rootUid") == root_uid]


async def fetch_remediation(cluster: Cluster, name: str) -> Document:
    """Fetch one Remediation.

    Raises:
        NotFound: there is none of that name.
        ApiError: the request failed.
    """
    try:
        return await _remediations(cluster).get(cluster.namespace, name)
    except NotFoundError as error:
        suggestion = await suggest_remediation(cluster, name)
        raise NotFound(f"no Remediation {one_line(name)} in namespace {cluster.namespace}{suggestion}") from error


async def patch_status(cluster: Cluster, remediation: Remediation, status: dict[str, Any]) -> None:
    """Merge a patch into the status, if the Remediation is unchanged.

    Raises:
        ConflictError: it was changed after it was read.
        ApiError: the request failed.
    """
    patch = {"metadata": {"resourceVersion": remediation.metadata.resource_version}, "status": status}
    await _remediations(cluster).patch(cluster.namespace, remediation.metadata.name, patch, subresource="status")


async def fetch_username(cluster: Cluster) -> str:
    """Fetch the user name that the API server authenticates this client as.

    Raises:
        ApiError: the request failed.
    """
    return await Access(cluster.client).username()


def decode_remediation(document: Document) -> Remediation:
    """Decode a Remediation.

    Raises:
        UnusableInput: this version cannot decode a field.
    """
    try:
        return read_remediation(document)
    except BadResponseError as error:
        name = one_line(str(document.get("metadata", {}).get("name")))
        problem = f"this version of wfreport cannot read {error.field}"
        raise UnusableInput(name, f"{problem}; update wfreport, or use kubectl get rmd {name} -o yaml") from error


def _name_on_stderr(error: UnusableInput) -> None:
    click.echo(f"left out: Remediation {one_line(error.message)}", err=True)


def readable(
    documents: Iterable[Document], left_out: Callable[[UnusableInput], None] = _name_on_stderr
) -> Iterator[tuple[Document, Remediation]]:
    """Yield each Remediation that this version can decode; call ``left_out`` for each of the others."""
    for document in documents:
        try:
            yield document, decode_remediation(document)
        except UnusableInput as error:
            left_out(error)
