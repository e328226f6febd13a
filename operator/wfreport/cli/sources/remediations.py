"""Remediations as the commands find them."""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.names import API_VERSION, PLURAL_REMEDIATIONS
from wfreport.api.remediation import Remediation
from wfreport.cli.problems import NotFound, UnusableInput
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import CHUNK, Cluster
from wfreport.kube.client import MERGE_PATCH, decoded, join_path
from wfreport.kube.errors import BadResponseError, NotFoundError
from wfreport.kube.kinds import REMEDIATION
from wfreport.kube.objects import ListMeta
from wfreport.kube.remediations import read_remediation
from wfreport.kube.resource import documents

NO_KIND: Final = "this cluster knows no Remediations; install the operator and its CRDs first"
_BASE: Final = f"/apis/{API_VERSION}"
_REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class _RemediationList(Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[dict[str, Any], ...] = ()


_decode_page = msgspec.json.Decoder(_RemediationList).decode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


async def list_remediations(
    cluster: Cluster, namespace: str | None, *, workflow: str | None
) -> AsyncIterator[dict[str, Any]]:
    """The Remediations of a namespace, or of all; those about one Workflow if one is named.

    Raises:
        UnusableInput: the cluster has no such kind.
        ApiError: a request failed.
    """
    params = {"fieldSelector": f"spec.target.name={workflow}"} if workflow else {}
    path = join_path(_BASE, namespace, PLURAL_REMEDIATIONS)
    try:
        async for page in cluster.client.pages(PLURAL_REMEDIATIONS, path, _decode_page, limit=CHUNK, params=params):
            for item in page.items:
                yield item
    except NotFoundError as error:
        raise UnusableInput("API server", NO_KIND) from error


async def fetch_remediation(cluster: Cluster, name: str) -> dict[str, Any]:
    """One Remediation.

    Raises:
        NotFound: there is none of that name.
        ApiError: the request failed.
    """
    kind = documents(cluster.client, REMEDIATION, chunk_size=CHUNK)
    try:
        return await kind.get(cluster.namespace, name)
    except NotFoundError as error:
        raise NotFound(f"no Remediation {one_line(name)} in namespace {cluster.namespace}") from error


async def patch_status(cluster: Cluster, found: Remediation, status: dict[str, Any]) -> None:
    """Write parts of the status of a Remediation as it was read.

    Raises:
        ConflictError: it has changed since.
        ApiError: the request failed.
    """
    path = join_path(_BASE, cluster.namespace, PLURAL_REMEDIATIONS, found.metadata.name, "status")
    body = {"metadata": {"resourceVersion": found.metadata.resource_version}, "status": status}
    params = {"fieldManager": "wfreport-cli"}
    await cluster.client.request(
        "patch", PLURAL_REMEDIATIONS, path, params=params, body=_encode(body), content_type=MERGE_PATCH
    )


async def fetch_username(cluster: Cluster) -> str:
    """Who the API server takes us for.

    Raises:
        ApiError: the request failed.
    """
    body = _encode({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    answer = decoded(_decode, await cluster.client.request("create", "selfsubjectreviews", _REVIEWS, body=body))
    return str(answer.get("status", {}).get("userInfo", {}).get("username", ""))


def decoded_remediation(document: dict[str, Any]) -> Remediation:
    """Decode a Remediation.

    Raises:
        UnusableInput: it has a value that this version does not know.
    """
    try:
        return read_remediation(document)
    except BadResponseError as error:
        name = one_line(str(document.get("metadata", {}).get("name")))
        raise UnusableInput(
            name, f"{error.field} is not as this version of wfreport knows it; update wfreport, or see it with -o yaml"
        ) from error
