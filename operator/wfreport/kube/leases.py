"""The Lease that elects the leader among the replicas: read it, create it, write it unless it has changed.

An annotation on it is the record of the reconciles that may kill a leader. The event loop writes it with each renewal.
If a reconcile holds the loop, a thread writes it by `BlockingLease`.
"""

import http.client
import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.names import ANNOTATION_RECONCILE_RECORD
from wfreport.api.nesting import json_decoder
from wfreport.kube.client import MERGE_PATCH, Client
from wfreport.kube.credentials import Endpoint
from wfreport.kube.kinds import LEASE
from wfreport.kube.resource import Resource

BLOCKING_TIMEOUT_SECONDS: Final = 3
BLOCKING_TRIES: Final = 3
_OK, _CONFLICT = 200, 409


class LeaseAnnotations(Struct, frozen=True):
    """``metadata.annotations``."""

    record: str = msgspec.field(default="", name=ANNOTATION_RECONCILE_RECORD)


class LeaseMeta(Struct, frozen=True):
    """``metadata``."""

    resource_version: str = ""
    annotations: LeaseAnnotations = LeaseAnnotations()


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

    @property
    def record(self) -> str:
        """Return the record of reconciles; empty if it has none."""
        return self.metadata.annotations.record


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

    async def create(self, spec: LeaseSpec, record: str) -> StoredLease:
        """POST the Lease, with a record of reconciles.

        Raises:
            AlreadyExistsError: another replica was faster.
            ApiError: the request failed; it may have taken effect.
        """
        metadata = {"name": self._name, "annotations": _annotations(record) if record else {}}
        header = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata}
        return await self._resource.create(self._namespace, {**header, "spec": _complete(spec)})

    async def write(self, before: StoredLease, spec: LeaseSpec, record: str) -> StoredLease:
        """Write the spec and the record of reconciles, unless the Lease has changed since it was read.

        Raises:
            ConflictError: it has changed.
            ApiError: the request failed; it may have taken effect.
        """
        metadata = {"resourceVersion": before.metadata.resource_version, "annotations": _annotations(record)}
        return await self._resource.patch(self._namespace, self._name, {"metadata": metadata, "spec": _complete(spec)})


class BlockingLease:
    """Writes the record of reconciles from a thread, by a connection of its own: the event loop may be held.

    It writes only while the Lease is held by ``identity``, and only the annotation, with the resourceVersion as a
    precondition: it never renews the Lease, and the next renewal reads the Lease before it writes.

    Args:
        endpoint: returns the API server's address with the current credentials. They are not renewed here.
        namespace: the Lease's namespace.
        name: the Lease's name.
        identity: this replica.
    """

    def __init__(self, endpoint: Callable[[], Endpoint], *, namespace: str, name: str, identity: str) -> None:
        self._endpoint = endpoint
        self._path = LEASE.path(namespace, name)
        self._identity = identity

    def annotate(self, record: str) -> bool:
        """Write the record. Return False if the Lease is not held by this replica.

        Raises:
            OSError: the network or TLS failed, or timed out.
            http.client.HTTPException: the response is not HTTP, or its status is not 200.
        """
        with closing(_connect(self._endpoint())) as connection:
            for _ in range(BLOCKING_TRIES):
                lease = _decode_lease(self._exchange(connection, "GET", None))
                if lease.spec.holder_identity != self._identity:
                    return False
                metadata = {"resourceVersion": lease.metadata.resource_version, "annotations": _annotations(record)}
                if self._exchange(connection, "PATCH", {"metadata": metadata}):
                    return True
        raise http.client.HTTPException("the Lease changed at each attempt")

    def _exchange(self, connection: http.client.HTTPConnection, method: str, patch: dict[str, Any] | None) -> bytes:
        """Make a request; return the body, empty after a conflict."""
        endpoint = self._endpoint()
        headers = {"Accept": "application/json", "Content-Type": MERGE_PATCH}
        if endpoint.authorization:
            headers["Authorization"] = endpoint.authorization
        path = urlsplit(endpoint.server).path + self._path
        connection.request(method, path, body=msgspec.json.encode(patch) if patch else None, headers=headers)
        response = connection.getresponse()
        body = response.read()
        if response.status not in (_OK, _CONFLICT):
            raise http.client.HTTPException(f"{method} {path}: {response.status}")
        return body if response.status == _OK else b""


class _TlsConnection(http.client.HTTPConnection):
    """A connection that checks the name of the endpoint, which may differ from the host's."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext, server_name: str) -> None:
        super().__init__(host, port, timeout=BLOCKING_TIMEOUT_SECONDS)
        self._tls = tls
        self._server_name = server_name

    def connect(self) -> None:
        super().connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._server_name)


def _connect(endpoint: Endpoint) -> http.client.HTTPConnection:
    server = urlsplit(endpoint.server)
    host, port = server.hostname or "", server.port or (443 if endpoint.tls else 80)
    proxy = urlsplit(endpoint.proxy) if endpoint.proxy else None
    to_host, to_port = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
    if endpoint.tls:
        tls = _TlsConnection(to_host, to_port, endpoint.tls, endpoint.server_name or host)
        connection: http.client.HTTPConnection = tls
    else:
        connection = http.client.HTTPConnection(to_host, to_port, timeout=BLOCKING_TIMEOUT_SECONDS)
    if proxy:
        connection.set_tunnel(host, port)
    return connection


def micro_time(at: datetime) -> str:
    """Format a time as Kubernetes' ``MicroTime``."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_decode_lease = json_decoder(StoredLease)


def _annotations(record: str) -> dict[str, str | None]:
    """Return the annotations of a merge patch, in which None removes one."""
    return {ANNOTATION_RECONCILE_RECORD: record or None}


def _complete(spec: LeaseSpec) -> dict[str, Any]:
    """Return all fields, empty ones included: a merge patch leaves an absent field as it is."""
    return {
        "holderIdentity": spec.holder_identity,
        "leaseDurationSeconds": spec.lease_duration_seconds,
        "acquireTime": spec.acquire_time or None,
        "renewTime": spec.renew_time or None,
        "leaseTransitions": spec.lease_transitions,
    }
