"""Changes and patches of an action, computed before it is performed: for audit, dry runs and approval."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from wfreport.api.names import ANNOTATION_REMEDIATION_UID

Json = Mapping[str, Any]
"""JSON of an object of the API server, or of a part of it."""


def object_at(document: Json, key: str) -> Json:
    """Return the object at a key; an empty one if there is none, or something else. The CRDs may have no schema."""
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


class Change(Struct, frozen=True):
    """A changed field.

    Attributes:
        path: path of the field, as for ``kubectl explain``.
        before: value in the failed run; None if unset.
        after: value after the action; None if unset.
    """

    path: str
    before: str | None
    after: str | None


class PatchTarget(Struct, frozen=True):
    """The object to patch, as it was at the time of the decision.

    Attributes:
        uid: uid of the object, so that no other object of the same name is patched.
        resource_version: resourceVersion that the object must still have; empty to accept any state.
    """

    uid: str
    resource_version: str = ""


class Patch(Struct, frozen=True):
    """A JSON merge patch and its changes.

    Attributes:
        body: the patch; its metadata contains the target, so that the API server refuses it for any other object.
        changes: the changed fields, for people.
    """

    body: Json
    changes: tuple[Change, ...] = field(default=())


def precondition(target: PatchTarget) -> dict[str, Any]:
    """Return the ``metadata`` of a patch that applies only to this object, and only in the target's state if given."""
    version = {"resourceVersion": target.resource_version} if target.resource_version else {}
    return {"uid": target.uid, **version}


def signed(remediation_uid: str) -> dict[str, dict[str, str]]:
    """Return the ``metadata`` of a patch that records the Remediation; empty without a uid."""
    return {"annotations": {ANNOTATION_REMEDIATION_UID: remediation_uid}} if remediation_uid else {}


def is_signed(document: Json, remediation_uid: str) -> bool:
    """Return whether the object has this Remediation's uid in the annotation that marks a change."""
    annotations = document["metadata"].get("annotations") or {}
    return bool(remediation_uid) and annotations.get(ANNOTATION_REMEDIATION_UID) == remediation_uid
