"""The Lease that elects the leader among the replicas: read it, create it, write it unless it has changed."""

from datetime import datetime
from typing import Any

from wfreport.api.argo import Struct
from wfreport.kube.client import Client
from wfreport.kube.kinds import LEASE
from wfreport.kube.resource import Resource


class LeaseMeta(Struct, frozen=True):
    """``metadata``."""

    resource_version: str = ""


class LeaseSpec(Struct, frozen=True):
    """``spec``: the holder, and how long it holds the Lease without a renewal."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str = ""
    renew_time: str = ""
    lease_transitions: int = 0


class StoredLease(Struct, frozen=True):
    """A Lease as it was read."""

    metadata: LeaseMeta = LeaseMeta()
    spec: LeaseSpec = LeaseSpec()


class Leases:
    """The one Lease of an installation."""

    def __init__(self, client: Client, *, namespace: str, name: str) -> None:
        self._resource = Resource(client, LEASE, StoredLease)
        self._namespace = namespace
        self._name = name

    async def get(self) -> StoredLease:
        """GET the Lease.

        Raises:
            NotFoundError: it does not exist yet.
            ApiError: the request failed.
        """
        return await self._resource.get(self._namespace, self._name)

    async def create(self, spec: LeaseSpec) -> StoredLease:
        """POST the Lease.

        Raises:
            AlreadyExistsError: another replica was faster.
            ApiError: the request failed; it may have taken effect.
        """
        header = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": {"name": self._name}}
        return await self._resource.create(self._namespace, {**header, "spec": _complete(spec)})

    async def write(self, before: StoredLease, spec: LeaseSpec) -> StoredLease:
        """Write the spec, unless the Lease has changed since it was read.

        Raises:
            ConflictError: it has changed.
            ApiError: the request failed; it may have taken effect.
        """
        preconditions = {"resourceVersion": before.metadata.resource_version}
        return await self._resource.patch(
            self._namespace, self._name, {"metadata": preconditions, "spec": _complete(spec)}
        )


def micro_time(at: datetime) -> str:
    """Format a time as Kubernetes' ``MicroTime``."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _complete(spec: LeaseSpec) -> dict[str, Any]:
    """Return all fields, empty ones included: a merge patch leaves an absent field as it is."""
    return {
        "holderIdentity": spec.holder_identity,
        "leaseDurationSeconds": spec.lease_duration_seconds,
        "acquireTime": spec.acquire_time or None,
        "renewTime": spec.renew_time or None,
        "leaseTransitions": spec.lease_transitions,
    }
