"""Base of the models of reports: limits of texts, types of fields, and the format on the wire.

The models are msgspec Structs, which a report has many of: they are written about eight times as fast as pydantic's,
and a command that reads a report need not import pydantic. They check what they decode, and nothing when they are
constructed. The models of what users write are pydantic's (`wfreport.api.validated`).
"""

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar, dataclass_transform, get_args, overload

import msgspec

SHORT, LINE, TEXT, LOG = 63, 253, 1024, 16_384
"""Maximum lengths in characters, in this order: labels, names, messages, log tails."""

_ValueT = TypeVar("_ValueT")
_OWN: Final = frozenset({"schema_keywords", "schema_beside", "times"})
"""Attributes of a model's class, which are not its fields."""


@functools.lru_cache(maxsize=8192)
def rfc3339(value: datetime) -> str:
    """Render a time with a zone as Kubernetes does: in UTC, to the second."""
    return _utc(value).isoformat(timespec="seconds").replace("+00:00", "Z")


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # a zone on the first or the last day of the calendar
        return value.replace(tzinfo=UTC)


def is_same_time(one: datetime | None, other: datetime | None) -> bool:
    """Whether two times are equal to the second, which is the resolution of stored times."""
    if one is None or other is None:
        return one is other
    return rfc3339(one) == rfc3339(other)


Time = datetime
"""An instant in UTC, to the second."""

Quantity = Annotated[str, msgspec.Meta(max_length=SHORT)]
LABEL_KEY = 317
"""Maximum length of a label key: a DNS name of 253 characters, a slash, and a name of 63."""

LabelKey = Annotated[str, msgspec.Meta(max_length=LABEL_KEY)]

LabelValue = Annotated[str, msgspec.Meta(max_length=SHORT)]
"""A label value: at most 63 characters."""

Name = Annotated[str, msgspec.Meta(max_length=LINE)]

DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""Pattern of the names of objects: a DNS subdomain (RFC 1123). Such a name cannot leave its place in a URL's path."""

UID = r"^[A-Za-z0-9-]*$"
"""Pattern of uids in objects that the operator writes."""

UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
"""Pattern of the uids that the API server gives."""

RefName = Annotated[str, msgspec.Meta(max_length=LINE, extra_json_schema={"pattern": DNS_SUBDOMAIN})]
"""A name that the API server checks and the operator does not: an object stored before the check is read as well."""

Uid = Annotated[str, msgspec.Meta(max_length=SHORT, extra_json_schema={"pattern": UUID})]
"""A uid that the API server checks and the operator does not. A report of anything else would wait for ever."""


def schema_of_rules(*pairs: tuple[str, str], **beside: Any) -> dict[str, Any]:
    """Return the part of a model's schema with checks by the API server.

    Args:
        pairs: CEL rules, each with a message for the user.
        beside: further keywords of the schema.
    """
    validations = [{"rule": rule, "message": message} for rule, message in pairs]
    return ({"x-kubernetes-validations": validations} if pairs else {}) | beside


class FieldSpec:
    """The default, the name on the wire, and the schema's keywords of a field."""

    __slots__ = ("default", "keywords", "wire_name")

    def __init__(self, default: object, wire_name: str | None, keywords: Mapping[str, Any]) -> None:
        self.default = default
        self.wire_name = wire_name
        self.keywords = keywords

    def field(self) -> Any:
        """Return the field as msgspec declares it.

        Structs leave out what is its field's default, by identity: None, that is. Another default comes from a factory.
        """
        if self.default is None or self.default is msgspec.NODEFAULT:
            return msgspec.field(default=self.default, name=self.wire_name)
        default = self.default
        return msgspec.field(default_factory=lambda: default, name=self.wire_name)


@overload
def Field(description: str, *, default: _ValueT, wire_name: str | None = ..., **bounds: int | str) -> _ValueT: ...
@overload
def Field(description: str, *, wire_name: str | None = ..., **bounds: int | str) -> Any: ...
def Field(  # noqa: N802 - as pydantic's
    description: str, *, default: Any = msgspec.NODEFAULT, wire_name: str | None = None, **bounds: Any
) -> Any:
    """Declare a field of a model.

    Args:
        description: its description in the CRD.
        default: its value if it is absent. A None is not written.
        wire_name: its name on the wire, if that is not the camelCase of its own.
        bounds: bounds for the CRD, by pydantic's names; only the API server checks them.
    """
    return FieldSpec(default, wire_name, {"description": description, **bounds})


def _annotations(namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the annotations of a class that is being made; Python 3.14 computes them when they are asked for."""
    compute = namespace.get("__annotate_func__") or namespace.get("__annotate__")
    annotations: Mapping[str, Any] = namespace.get("__annotations__") or (compute(1) if compute else {})
    return annotations


class _ModelMeta(msgspec.StructMeta):
    """Makes the Struct of a model from its fields."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> type:
        """Keep the keywords of fields for the CRD, and bring times to the resolution of the wire."""
        annotations = _annotations(namespace)
        declared = {field: namespace[field] for field in annotations if field in namespace and field not in _OWN}
        specs = {k: v if isinstance(v, FieldSpec) else FieldSpec(v, None, {}) for k, v in declared.items()}
        fields = {field: spec.field() for field, spec in specs.items()}
        keywords = {field: spec.keywords for field, spec in specs.items()}
        more = fields | {"schema_keywords": keywords}
        if times := _times(bases, annotations):
            more |= {"times": times, "__post_init__": _to_seconds}
        # kw_only is not inherited, and a subclass has required fields after optional ones
        model: type = super().__new__(cls, name, bases, namespace | more, **{"kw_only": True} | config)
        return model


def _to_seconds(model: Any) -> None:
    """Bring times to the resolution of the wire, so that a model equals what is read of it later."""
    for name in model.times:
        value = getattr(model, name)
        if value is not None and (value.microsecond or value.tzinfo is not UTC):
            msgspec.structs.force_setattr(model, name, _utc(value).replace(microsecond=0))


def _times(bases: tuple[type, ...], annotations: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the fields that are times, those of base classes included."""
    inherited = [name for base in bases for name in getattr(base, "times", ())]
    return tuple(inherited) + tuple(name for name, kind in annotations.items() if datetime in (kind, *get_args(kind)))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Model(msgspec.Struct, metaclass=_ModelMeta, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A frozen model with camelCase names on the wire.

    Unknown fields are ignored, so that an older operator can read the reports of a newer one. The names of the methods
    are pydantic's, because both kinds of models are used side by side.

    Attributes:
        schema_keywords: keywords of the schema of each field that the class itself declares.
        schema_beside: keywords of the schema of the model.
        times: names of the fields that are times.
    """

    schema_keywords: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    schema_beside: ClassVar[Mapping[str, Any]] = {}
    times: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def model_validate(cls, value: object) -> Self:
        """Return the model of a JSON value.

        Raises:
            msgspec.ValidationError: the value does not fit; the message has the field's path.
        """
        return msgspec.convert(value, cls)

    @classmethod
    def model_validate_json(cls, text: bytes) -> Self:
        """Return the model of JSON text.

        Raises:
            msgspec.MsgspecError: the text is not JSON (DecodeError), or does not fit (ValidationError).
        """
        return msgspec.json.decode(text, type=cls)

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """Return a copy with other values."""
        return msgspec.structs.replace(self, **update)

    def dump(self) -> dict[str, Any]:
        """Return the model as the API stores it: camelCase, without nulls."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def field_path(error: msgspec.MsgspecError) -> str:
    """Return the path of the field that did not fit, such as ``status.failures[0].class``; empty for the whole."""
    return str(error).rpartition(" - at `$")[2].removeprefix(".").removesuffix("`") if " - at `$" in str(error) else ""
