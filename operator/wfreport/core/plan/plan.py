"""What an act would change, before it is done: for the audit, for dry runs and for those who approve."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wfreport.api.names import ANNOTATION_REMEDIATION_UID

Json = Mapping[str, Any]
"""An object, or a part of one, as the API server has it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field, before and after.

    Attributes:
        path: where, in the words of ``kubectl explain``.
        before: its value in the run that failed; None for none.
        after: its value afterwards.
    """

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class PatchTarget:
    """The object that an act is about, as it was when the act was decided.

    Attributes:
        uid: no other object of that name is meant.
        resource_version: it must not have changed since; empty where any state will do.
    """

    uid: str
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """A JSON merge patch, with what it changes.

    Attributes:
        body: the patch; its metadata names the target, so that the API server refuses it for any other object.
        changes: the same for people.
    """

    body: Json
    changes: tuple[Change, ...] = field(default=())


def precondition(target: PatchTarget) -> dict[str, Any]:
    """``metadata`` of a patch that holds for this very object, and in this very state if one is given."""
    version = {"resourceVersion": target.resource_version} if target.resource_version else {}
    return {"uid": target.uid, **version}


def signed(remediation_uid: str) -> dict[str, dict[str, str]]:
    """``metadata`` of a patch that says whose it is; nothing where it is nobody's yet."""
    return {"annotations": {ANNOTATION_REMEDIATION_UID: remediation_uid}} if remediation_uid else {}


def is_signed(found: Json, remediation_uid: str) -> bool:
    """Whether an object says that this very Remediation changed it."""
    annotations = found["metadata"].get("annotations") or {}
    return bool(remediation_uid) and annotations.get(ANNOTATION_REMEDIATION_UID) == remediation_uid
