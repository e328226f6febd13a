"""Fields of a report's status that somebody else has written.

Only the operator writes a status, and most of it is derived again at each reconcile. Some of it is an input: earlier
runs, evidence of pods that are gone, the run that the report is bound to, the installation that reports. What another
client put there would be believed for ever, and a field that the operator does not write would stay for ever, because
a server-side apply removes only fields of its own. The API server records who has written each field, in
``metadata.managedFields``: a client that changes a value takes it from those who applied it, and one that writes the
same value owns it as well. Conditions of types that are not the operator's belong to others and count for nothing.

A status in which the operator owns nothing was restored from a backup, and is believed: nobody could render it again.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.names import FIELD_MANAGER
from wfreport.api.nesting import json_decoder
from wfreport.api.reasons import ConditionType
from wfreport.kube.objects import ObjectMeta

_STATUS, _CONDITIONS = "status", "f:conditions"
_BEFORE_FIRST_APPLY: Final = "before-first-apply"
"""The manager that the API server makes up for the fields of an object without managers, when one is applied."""
_OWN_CONDITIONS: Final = frozenset(f'k:{{"type":"{kind}"}}' for kind in ConditionType)

Fields = Mapping[str, Any]


class StatusFields(Struct, frozen=True):
    """``fieldsV1``: the written fields of the status."""

    status: dict[str, Any] = msgspec.field(default_factory=dict, name="f:status")


class ManagedEntry(Struct, frozen=True):
    """An entry of ``metadata.managedFields``."""

    manager: str = ""
    subresource: str = ""
    fields: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"{}"), name="fieldsV1")


class ManagedMeta(ObjectMeta, frozen=True):
    """``metadata``, with the clients that have written the object."""

    managed_fields: tuple[ManagedEntry, ...] | None = None


_decode_fields = json_decoder(StatusFields)


def forged_fields(meta: ManagedMeta) -> frozenset[str]:
    """Return the names of the fields of the status that other clients have written over the operator's."""
    entries = [entry for entry in meta.managed_fields or () if entry.subresource == _STATUS]
    foreign = [entry for entry in entries if entry.manager not in (FIELD_MANAGER, _BEFORE_FIRST_APPLY)]
    own = _merged(entry for entry in entries if entry.manager == FIELD_MANAGER) if foreign else {}
    if not own:
        return frozenset()
    written = (_judged(_written_by(entry)) for entry in foreign)
    names = (name for fields in written for name in fields if _adds({name: fields[name]}, own))
    return frozenset(name.removeprefix("f:") for name in names)


def _written_by(entry: ManagedEntry) -> Fields:
    try:
        return _decode_fields(bytes(entry.fields)).status
    except msgspec.MsgspecError:  # of a proxy or an aggregated API server: nothing is known
        return {}


def _judged(fields: Fields) -> Fields:
    """Return the fields without conditions of other types than the operator's."""
    conditions = fields.get(_CONDITIONS)
    if not isinstance(conditions, dict):
        return fields
    own = {key: value for key, value in conditions.items() if key in _OWN_CONDITIONS}
    return {**fields, _CONDITIONS: own} if own else {name: fields[name] for name in fields if name != _CONDITIONS}


def _merged(entries: Iterable[ManagedEntry]) -> Fields:
    merged: dict[str, Any] = {}
    for entry in entries:
        _merge(merged, _written_by(entry))
    return merged


def _merge(into: dict[str, Any], fields: Fields) -> None:
    for name, inner in fields.items():
        _merge(into.setdefault(name, {}), inner if isinstance(inner, dict) else {})


def _adds(fields: Fields, own: Fields) -> bool:
    """Return whether some of the fields are not among the operator's own. A ``.`` is the object or item itself."""
    return any(
        name not in own or (isinstance(inner, dict) and _adds(inner, own[name]))
        for name, inner in fields.items()
        if name != "."
    )
