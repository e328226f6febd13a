"""Finds the objects that messages of Kubernetes and Argo name: what is missing, denied, or exhausted."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from wfreport.imports import lazy_pattern

_READ_CHARACTERS: Final = 4096
_NAME: Final = r"\w[\w.:@/-]{0,252}"
"""No name begins with a dash: as an argument of a command it would be an option."""

_OBJECT: Final = r"[a-z0-9][a-z0-9.-]{0,252}"
_NAMESPACE: Final = r"[a-z0-9][a-z0-9-]{0,62}"
_KEY: Final = r"[\w.-]{1,253}"

_KINDS: Final = {
    "secret": "Secret",
    "configmap": "ConfigMap",
    "serviceaccount": "ServiceAccount",
    "persistentvolumeclaim": "PersistentVolumeClaim",
    "workflowtemplate": "WorkflowTemplate",
    "clusterworkflowtemplate": "ClusterWorkflowTemplate",
    "priorityclass": "PriorityClass",
    "namespace": "Namespace",
    "persistentvolume": "PersistentVolume",
    "runtimeclass": "RuntimeClass",
    "storageclass": "StorageClass",
}
CLUSTER_KINDS: Final = frozenset(
    {"ClusterWorkflowTemplate", "PriorityClass", "Namespace", "PersistentVolume", "RuntimeClass", "StorageClass"}
)
"""Kinds without a namespace."""

_KIND: Final = rf"(?P<kind>{'|'.join(_KINDS)}|storageclass(?:e)|priorityclass(?:e)|runtimeclass(?:e))"
_MISSING: Final = (
    # the API server and the kubelet: secret "a" not found, secrets "a" not found, storageclass.storage.k8s.io "a" ...
    lazy_pattern(rf"(?i)(?<![\w.-]){_KIND}s?(?:\.[a-z0-9.-]{{1,100}})? \"(?P<name>{_NAME})\" not found"),
    # kubelet: couldn't find key k in ConfigMap ns/name, in Secret ns/name
    lazy_pattern(rf"(?i)couldn't find key (?P<key>{_KEY}) in {_KIND} (?:{_NAMESPACE}/)?(?P<name>{_OBJECT})(?![\w./-])"),
    # Argo: secret 'a' does not have the key 'k', ConfigMap 'a' does not have the key 'k'
    lazy_pattern(rf"(?i){_KIND} '(?P<name>{_NAME})' does not have (?:the )?key '(?P<key>{_KEY})'"),
    lazy_pattern(rf"(?i)no (?P<kind>priorityclass) with name (?P<name>{_NAME}) was found"),
)
_TEMPLATE: Final = r"[\w-]{1,128}"
_MISSING_TEMPLATE: Final = (
    # Argo: validate.go and its resolution of templates
    lazy_pattern(rf"template reference (?P<holder>{_OBJECT})\.(?P<template>{_TEMPLATE}) not found"),
    lazy_pattern(rf"template (?P<template>{_TEMPLATE}) not found in workflow template (?P<holder>{_OBJECT})"),
    lazy_pattern(rf"workflow template (?P<holder>{_OBJECT}) not found"),
)
_MISSING_KEY: Final = lazy_pattern(rf"references non-existent (?P<kind>secret|config) key: (?P<key>{_KEY})")
_KEY_HOLDER: Final = lazy_pattern(rf" of (?P<kind>Secret|ConfigMap) (?P<name>{_OBJECT})(?=\s|$)")
CLAIM: Final = "PersistentVolumeClaim"
_CLAIMS: Final = lazy_pattern(rf"; {CLAIM}s? of the pod: ({_OBJECT}(?:, {_OBJECT}){{0,4}})(?=;|\s|$)")

_QUOTE: Final = r"\\{0,3}\""
"""A quotation mark, also within JSON."""

_DENIED: Final = lazy_pattern(
    rf"User {_QUOTE}(?P<user>{_NAME}){_QUOTE} cannot (?P<verb>[a-z]{{1,40}}) (?:"
    rf"resource {_QUOTE}(?P<resource>[a-z0-9][a-z0-9/.-]{{0,99}}){_QUOTE} "
    rf"in API group {_QUOTE}(?P<group>[a-z0-9.-]{{0,253}}){_QUOTE}|"
    r"(?P<old>[a-z][a-z0-9/.-]{0,99})(?= in the namespace| at the cluster scope))"  # before Kubernetes 1.12
    rf"(?: in the namespace {_QUOTE}(?P<namespace>{_NAME}){_QUOTE}| at the cluster scope)?(?! in the namespace)"
)
_SERVICE_ACCOUNT: Final = lazy_pattern(rf"system:serviceaccount:(?P<namespace>{_NAMESPACE}):(?P<name>{_OBJECT})")
_QUOTA: Final = lazy_pattern(rf"(?:exceeded|failed) quota: (?P<name>{_OBJECT})")
_UNSPECIFIED: Final = lazy_pattern(r"must specify ([^\n]{1,2048})")
_RESOURCE: Final = lazy_pattern(
    r"^((?:limits|requests)\.[\w./-]{1,80}|cpu|memory|storage|ephemeral-storage|hugepages-\w{1,10}|"
    r"[a-z][a-z0-9.-]{0,99}/[\w.-]{1,63})(?: for: ([\w.,-]{1,400}))?$"
)
_IMAGE: Final = (
    lazy_pattern(rf"(?:pull and unpack|Failed to pull|look-up entrypoint/cmd for) image \"(?P<name>{_NAME})\""),
    lazy_pattern(rf"image \"(?P<name>{_NAME})\""),
    lazy_pattern(rf"pull access denied for (?P<name>{_NAME})"),
)
OF_KUBECTL: Final = lazy_pattern(r"\bno more retries\b|Error from server \(")
"""Argo's and kubectl's words about an object that a resource template manages."""

_WEBHOOK: Final = lazy_pattern(rf"admission webhook \"(?P<name>{_NAME})\" denied")


class NamedObject(Struct, frozen=True):
    """An object that a pod needs and does not have.

    Attributes:
        kind: its kind, as in a manifest.
        name: its name.
        key: the key that it lacks; empty if the object itself is missing.
    """

    kind: str
    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"the key {self.key} of the {self.kind} {self.name}" if self.key else f"the {self.kind} {self.name}"


class DeniedRight(Struct, frozen=True):
    """A right that RBAC denied.

    Attributes:
        user: the user, such as ``system:serviceaccount:team:default``.
        verb: the verb.
        resource: the resource with its group, such as ``pods`` or ``deployments.apps``.
        subresource: the subresource; empty for the resource itself.
        namespace: the namespace; empty for the whole cluster.
    """

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str

    @property
    def service_account(self) -> tuple[str, str] | None:
        """Namespace and name of the ServiceAccount; None for another user."""
        match = _SERVICE_ACCOUNT.fullmatch(self.user)
        return (match["namespace"], match["name"]) if match else None


class Unspecified(Struct, frozen=True):
    """Resources that a quota demands, and the containers that have none.

    Attributes:
        resources: the resources, such as ``limits.cpu``.
        containers: the containers; empty if the message names none.
    """

    resources: Sequence[str]
    containers: Sequence[str]


def find_missing(text: str) -> NamedObject | None:
    """Return the first object that a message says is missing; None if it names none."""
    shown = text[:_READ_CHARACTERS]
    for pattern in _MISSING:
        match = pattern.search(shown)
        if match:
            key = match.groupdict().get("key") or ""
            return NamedObject(_kind(match["kind"]), match["name"], key)
    lacking = _MISSING_KEY.search(shown)
    holder = _KEY_HOLDER.search(shown, lacking.end()) if lacking else None
    return NamedObject(holder["kind"], holder["name"], lacking["key"]) if lacking and holder else None


def find_missing_template(text: str) -> tuple[str, str] | None:
    """Return the WorkflowTemplate and its template that a message says are missing; None if it names none.

    The template is empty if the message does not name it. One of both is missing; Argo does not always tell which.
    """
    matches = (pattern.search(text[:_READ_CHARACTERS]) for pattern in _MISSING_TEMPLATE)
    match = next(filter(None, matches), None)
    return (match["holder"], match.groupdict().get("template") or "") if match else None


def find_missing_key(text: str) -> tuple[str, str] | None:
    """Return kind and key of a mounted Secret or ConfigMap that lacks the key: the kubelet does not name the object."""
    match = _MISSING_KEY.search(text[:_READ_CHARACTERS])
    return ("Secret" if match["kind"] == "secret" else "ConfigMap", match["key"]) if match else None


def find_claims(text: str) -> list[str]:
    """Return the claims of the pod that a message about its volumes names."""
    missing = find_missing(text)
    if missing and missing.kind == CLAIM:
        return [missing.name]
    match = _CLAIMS.search(text[:_READ_CHARACTERS])
    return match[1].split(", ") if match else []


def _kind(written: str) -> str:
    return _KINDS.get(written.lower()) or _KINDS[written.lower().removesuffix("e")]


def find_denied(text: str) -> DeniedRight | None:
    """Return the right that RBAC denied; None if the message names none."""
    match = _DENIED.search(text[:_READ_CHARACTERS])
    if match is None:
        return None
    resource, _, subresource = (match["resource"] or match["old"]).partition("/")
    group = f".{match['group']}" if match["group"] else ""
    return DeniedRight(match["user"], match["verb"], f"{resource}{group}", subresource, match["namespace"] or "")


def denied_clause(text: str) -> str:
    """Return the part of a message that names the right that RBAC denied; empty if it names none."""
    match = _DENIED.search(text[:_READ_CHARACTERS])
    return match[0] if match else ""


def find_quota(text: str) -> str | None:
    """Return the name of the ResourceQuota in a message."""
    match = _QUOTA.search(text[:_READ_CHARACTERS])
    return match["name"] if match else None


def find_unspecified(text: str) -> Unspecified | None:
    """Return what a quota demands that a pod specifies; None if the message demands nothing."""
    demand = _UNSPECIFIED.search(text[:_READ_CHARACTERS])
    separator = "; ?" if demand and " for: " in demand[1] else ", ?"
    parts = re.split(separator, demand[1]) if demand else []
    found = [match for part in parts if (match := _RESOURCE.match(part.strip().rstrip(".")))]
    if not found:
        return None
    containers = dict.fromkeys(name for match in found for name in (match[2] or "").split(",") if name)
    return Unspecified(list(dict.fromkeys(match[1] for match in found)), list(containers))


def find_image(text: str) -> str | None:
    """Return the image that a message is about; None if it names none."""
    matches = (pattern.search(text[:_READ_CHARACTERS]) for pattern in _IMAGE)
    return next((match["name"] for match in matches if match), None)


def find_webhook(text: str) -> str | None:
    """Return the admission webhook that denied a request; None if the message names none."""
    match = _WEBHOOK.search(text[:_READ_CHARACTERS])
    return match["name"] if match else None
