"""Base of all models of wfreport's kinds: limits of texts, types of fields, and the format on the wire."""

import functools
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

SHORT, LINE, TEXT, LOG = 63, 253, 1024, 16_384
"""Maximum lengths in characters, in this order: labels, names, messages, log tails."""


@functools.lru_cache(maxsize=8192)
def rfc3339(value: datetime) -> str:
    """Render a time with a zone as Kubernetes does: in UTC, to the second."""
    try:
        utc = value.astimezone(UTC)
    except OverflowError:  # a zone on the first or the last day of the calendar
        utc = value.replace(tzinfo=UTC)
    return utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def is_same_time(one: datetime | None, other: datetime | None) -> bool:
    """Whether two times are equal to the second, which is the resolution of stored times."""
    if one is None or other is None:
        return one is other
    return rfc3339(one) == rfc3339(other)


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
"""An instant in UTC, to the second."""

Quantity = Annotated[str, Field(max_length=SHORT)]
LABEL_KEY = 317
"""Maximum length of a label key: a DNS name of 253 characters, a slash, and a name of 63."""

LabelKey = Annotated[str, Field(max_length=LABEL_KEY)]

LabelValue = Annotated[str, Field(max_length=SHORT)]
"""A label value: at most 63 characters."""

Name = Annotated[str, Field(max_length=LINE)]

DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""Pattern of the names of objects: a DNS subdomain (RFC 1123). Such a name cannot leave its place in a URL's path."""

UID = r"^[A-Za-z0-9-]*$"
"""Pattern of uids."""

RefName = Annotated[str, Field(max_length=LINE, json_schema_extra={"pattern": DNS_SUBDOMAIN})]
"""A name that the API server checks and the operator does not: an object stored before the check is read as well."""

Uid = Annotated[str, Field(max_length=SHORT, json_schema_extra={"pattern": UID})]
"""A uid that the API server checks and the operator does not."""

Factor = Annotated[str, Field(max_length=16, pattern=r"^[0-9]{1,4}(\.[0-9]{1,3})?$")]
"""A decimal number as a string, because the Kubernetes API has no floats."""


def rules(*pairs: tuple[str, str], **beside: Any) -> ConfigDict:
    """Return a model's configuration for checks by the API server.

    Args:
        pairs: CEL rules, each with a message for the user.
        beside: further keywords of the schema.
    """
    validations = [{"rule": rule, "message": message} for rule, message in pairs]
    return ConfigDict(json_schema_extra=({"x-kubernetes-validations": validations} if pairs else {}) | beside)


class Model(BaseModel):
    """A frozen model with camelCase names on the wire.

    Unknown fields are ignored, so that an older operator can read the reports of a newer one.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")
