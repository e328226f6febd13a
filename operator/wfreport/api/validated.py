"""Base of the models of what users write, policies: pydantic's, whose errors name the field.

A model of `wfreport.api.wire` is a field of these as ``Annotated[Condition, EMBEDDED]``. `described` makes a model of
pydantic from it, for the CRDs.
"""

import functools
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    create_model,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from wfreport.api import wire
from wfreport.api.wire import LABEL_KEY, LINE, SHORT, rfc3339

Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
"""An instant in UTC, to the second."""

Quantity = Annotated[str, Field(max_length=SHORT)]
LabelKey = Annotated[str, Field(max_length=LABEL_KEY)]
LabelValue = Annotated[str, Field(max_length=SHORT)]
"""A label value: at most 63 characters."""

Name = Annotated[str, Field(max_length=LINE)]

Factor = Annotated[str, Field(max_length=16, pattern=r"^[0-9]{1,4}(\.[0-9]{1,3})?$")]
"""A decimal number as a string, because the Kubernetes API has no floats."""


def rules(*pairs: tuple[str, str], **beside: Any) -> ConfigDict:
    """Return a model's configuration for checks by the API server; the arguments are those of `schema_of_rules`."""
    return ConfigDict(json_schema_extra=wire.schema_of_rules(*pairs, **beside))


class ValidatedModel(BaseModel):
    """A frozen model with camelCase names on the wire, which is checked when it is constructed.

    Unknown fields are ignored, so that an older operator can read the objects of a newer one.
    """

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore", defer_build=True
    )


class _Embedded:
    """Lets pydantic validate, write and describe a model of `wfreport.api.wire`."""

    def __get_pydantic_core_schema__(self, source: type[wire.Model], handler: GetCoreSchemaHandler) -> CoreSchema:
        del handler

        def validate(value: object) -> wire.Model:
            try:
                return value if isinstance(value, source) else source.model_validate(value)
            except msgspec.ValidationError as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(source.dump),
            metadata={"pydantic_js_functions": [lambda _, handler: _json_schema(source, handler)]},
        )


def _json_schema(model: type[wire.Model], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    schema: dict[str, Any] = handler(described(model).__pydantic_core_schema__)
    return schema


EMBEDDED: Final = _Embedded()


@functools.cache
def described(model: type[wire.Model]) -> type[BaseModel]:
    """Return a model of pydantic with the same fields, names, bounds and descriptions."""
    hints, fields = get_type_hints(model, include_extras=True), msgspec.structs.fields(model)
    keywords = {name: given for base in reversed(model.__mro__) for name, given in _keywords(base).items()}
    definitions: dict[str, Any] = {
        field.name: (
            _described_type(hints[field.name]),
            Field(_default(field), alias=field.encode_name, **keywords.get(field.name, {})),
        )
        for field in fields
    }
    twin: type[BaseModel] = create_model(
        model.__name__,
        __config__=ConfigDict(json_schema_extra=dict(model.schema_beside)),
        __doc__=model.__doc__,
        __module__=model.__module__,
        **definitions,
    )
    return twin


def _keywords(base: type) -> dict[str, Any]:
    return dict(vars(base).get("schema_keywords", {}))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
        return default.dump() if isinstance(default, wire.Model) else default
    return ... if field.default is msgspec.NODEFAULT else field.default


def _described_type(kind: Any) -> Any:
    """Return a type in which models and bounds are pydantic's."""
    if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, wire.Model):
        return described(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[(_described_type(arguments[0]), *map(_bound, arguments[1:]))]
    if origin in (Union, UnionType):
        return Union[tuple(map(_described_type, arguments))]  # noqa: UP007 - computed
    if origin in (list, dict):
        return origin[tuple(map(_described_type, arguments))]
    return kind


def _bound(meta: msgspec.Meta) -> Any:
    return Field(max_length=meta.max_length, json_schema_extra=meta.extra_json_schema)
