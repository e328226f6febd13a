"""Reads cumulative usage; the difference of two readings is the usage of a phase."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from time import monotonic

from bench.operators import OPERATOR_USER, Operator
from bench.processes import Tree, machine_busy_seconds
from bench.proxy import CountingProxy
from controlplane import ControlPlane

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "users": [OPERATOR_USER]}, {"level": "None"}],
}
"""One audit line per request of the operator: an exact count, independent of the client library."""

_REFUSED = 400


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums since the control plane started, all in seconds or bytes."""

    at_seconds: float
    operator_seconds: float
    apiserver_seconds: float
    etcd_seconds: float
    others_seconds: float
    received_bytes: int
    sent_bytes: int
    requests: Counter[str]


def read_counters(plane: ControlPlane, proxy: CountingProxy, operator: Operator | None) -> Counters:
    """Read all counters. A watch counts as a request when it ends."""
    used = operator.tree.cpu_seconds() if operator else 0.0
    apiserver, etcd = (Tree(plane.components[name].pid).cpu_seconds() for name in ("kube-apiserver", "etcd"))
    own = sum(os.times()[:2])
    return Counters(
        at_seconds=monotonic(),
        operator_seconds=used,
        apiserver_seconds=apiserver,
        etcd_seconds=etcd,
        others_seconds=machine_busy_seconds() - used - apiserver - etcd - own,
        received_bytes=proxy.received_bytes,
        sent_bytes=proxy.sent_bytes,
        requests=_requests(plane),
    )


def _requests(plane: ControlPlane) -> Counter[str]:
    """Count requests by verb and resource, and refused ones separately."""
    counted: Counter[str] = Counter()
    for event in plane.audit_events():
        target = event.get("objectRef") or {}
        resource = "/".join(filter(None, (target.get("resource"), target.get("subresource")))) or "other"
        counted[f"{event['verb']} {resource}"] += 1
        if (event.get("responseStatus") or {}).get("code", 0) >= _REFUSED:
            counted["refused"] += 1
    return counted
