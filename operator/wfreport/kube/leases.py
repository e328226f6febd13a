"""The Lease by which one of several replicas works: read, create, and write if it is as it was read."""

from datetime import datetime
from typing import Any

import msgspec

from wfreport.api.argo import Struct
from wfreport.kube.client import MERGE_PATCH, Client, decoded, join_path

LEASES = "leases"
_API_VERSION = "coordination.k8s.io/v1"
_BASE = f"/apis/{_API_VERSION}"


class LeaseMeta(Struct, frozen=True):
    """``metadata``."""

    resource_version: str = ""


class LeaseSpec(Struct, frozen=True):
    """``spec``: who holds it, and until when if it is not renewed."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str = ""
    renew_time: str = ""
    lease_transitions: int = 0


class StoredLease(Struct, frozen=True):
    """A Lease as the API server has it."""

    metadata: LeaseMeta = LeaseMeta()
    spec: LeaseSpec = LeaseSpec()


_decode = msgspec.json.Decoder(StoredLease).decode
_encode = msgspec.json.Encoder().encode


class Leases:
    """The one Lease of an installation."""

    def __init__(self, client: Client, *, namespace: str, name: str) -> None:
        self._client = client
        self._collection = join_path(_BASE, namespace, LEASES)
        self._path = join_path(_BASE, namespace, LEASES, name)
        self._name = name

    async def fetch(self) -> StoredLease:
        """GET it.

        Raises:
            NotFoundError: there is none yet.
            ApiError: the request failed.
        """
        return decoded(_decode, await self._client.request("get", LEASES, self._path))

    async def create(self, spec: LeaseSpec) -> StoredLease:
        """POST it.

        Raises:
            AlreadyExistsError: another replica was quicker.
            ApiError: the request failed.
        """
        body = {"apiVersion": _API_VERSION, "kind": "Lease", "metadata": {"name": self._name}, "spec": _written(spec)}
        return decoded(_decode, await self._client.request("create", LEASES, self._collection, body=_encode(body)))

    async def write(self, before: StoredLease, spec: LeaseSpec) -> StoredLease:
        """Write the spec, if nobody has written since.

        Raises:
            ConflictError: somebody has.
            ApiError: the request failed; it may have been done.
        """
        body = {"metadata": {"resourceVersion": before.metadata.resource_version}, "spec": _written(spec)}
        answer = await self._client.request("patch", LEASES, self._path, body=_encode(body), content_type=MERGE_PATCH)
        return decoded(_decode, answer)


def micro_time(at: datetime) -> str:
    """``MicroTime``, as Kubernetes writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _written(spec: LeaseSpec) -> dict[str, Any]:
    """All fields: one that is left out of a patch would stay as it was."""
    return {
        "holderIdentity": spec.holder_identity,
        "leaseDurationSeconds": spec.lease_duration_seconds,
        "acquireTime": spec.acquire_time or None,
        "renewTime": spec.renew_time or None,
        "leaseTransitions": spec.lease_transitions,
    }
