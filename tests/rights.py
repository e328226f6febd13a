"""Grants rights in a namespace, and waits for the API server to know them: its authorizer reads roles by a watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.eventually import eventually

from controlplane import ControlPlane

GROUP: Final = "rbac.authorization.k8s.io"
RBAC: Final = f"/apis/{GROUP}/v1"
REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

Json = dict[str, Any]


def user(name: str) -> Json:
    """Return the subject that is a user."""
    return {"apiGroup": GROUP, "kind": "User", "name": name}


def service_account(namespace: str, name: str) -> Json:
    """Return the subject that is a ServiceAccount."""
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def bind_role(plane: ControlPlane, namespace: str, name: str, rules: Sequence[Json], subject: Json) -> None:
    """Create a role of these rules, bind it, and return once requests of the subject are decided by it."""
    at, metadata = f"{RBAC}/namespaces/{namespace}", {"metadata": {"name": name}}
    plane.api.post(f"{at}/roles", metadata | {"rules": list(rules)})
    reference = {"apiGroup": GROUP, "kind": "Role", "name": name}
    plane.api.post(f"{at}/rolebindings", metadata | {"roleRef": reference, "subjects": [subject]})
    if rules:
        eventually(lambda: is_allowed(plane, namespace, rules[0], subject))


def is_allowed(plane: ControlPlane, namespace: str, rule: Json, subject: Json) -> bool:
    """Return whether the subject may do the first thing that a rule is about."""
    resource, _, subresource = rule["resources"][0].partition("/")
    attributes = {"verb": rule["verbs"][0], "group": rule["apiGroups"][0], "resource": resource}
    attributes |= {"namespace": namespace, "subresource": subresource}
    is_user = subject["kind"] == "User"
    name = subject["name"] if is_user else f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
    review = plane.api.post(REVIEWS, {"spec": {"user": name, "resourceAttributes": attributes}})
    return bool(review["status"]["allowed"])
