"""Fields of a report's status that somebody else has written.

Only the operator writes a status, and most of it is derived again at each reconcile. Some of it is an input: earlier
runs, evidence of pods that are gone, the run that the report is bound to, the installation that reports. What another
client put there would be believed for ever, and a field that the operator does not write would stay for ever, because
a server-side apply removes only fields of its own. The API server records who has written each field, in
``metadata.managedFields``. Conditions of types that are not the operator's belong to others and count for nothing.
"""

from typing import Final

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.names import FIELD_MANAGER
from wfreport.api.reasons import ConditionType
from wfreport.kube.objects import ObjectMeta

_STATUS, _CONDITIONS = "status", "conditions"
_OWN_CONDITIONS: Final = frozenset(f'k:{{"type":"{kind}"}}' for kind in ConditionType)


class StatusFields(Struct, frozen=True):
    """``fieldsV1``: the written fields of the status."""

    status: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict, name="f:status")


class ManagedEntry(Struct, frozen=True):
    """An entry of ``metadata.managedFields``."""

    manager: str = ""
    subresource: str = ""
    fields: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"{}"), name="fieldsV1")


class ManagedMeta(ObjectMeta, frozen=True):
    """``metadata``, with the clients that have written the object."""

    managed_fields: tuple[ManagedEntry, ...] = ()


_decode_fields = msgspec.json.Decoder(StatusFields).decode
_decode_conditions = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def forged_fields(meta: ManagedMeta) -> frozenset[str]:
    """Return the names of the fields of the status that clients other than operators have written."""
    return frozenset(name for entry in meta.managed_fields if _is_foreign(entry) for name in _written_by(entry))


def _is_foreign(entry: ManagedEntry) -> bool:
    return entry.subresource == _STATUS and entry.manager != FIELD_MANAGER


def _written_by(entry: ManagedEntry) -> list[str]:
    fields = _decode_fields(bytes(entry.fields)).status
    named = {name.removeprefix("f:"): value for name, value in fields.items() if name.startswith("f:")}
    conditions = named.pop(_CONDITIONS, None)
    is_forged = conditions is not None and not _OWN_CONDITIONS.isdisjoint(_decode_conditions(bytes(conditions)))
    return [*named, _CONDITIONS] if is_forged else [*named]
