"""What all models of our own kinds share: bounds of texts, times, and how they stand on the wire."""

import functools
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

SHORT, LINE, TEXT, LOG = 63, 253, 1024, 16_384
"""Maximal lengths: labels, names, messages, log tails."""


@functools.lru_cache(maxsize=8192)
def rfc3339(value: datetime) -> str:
    """Render an aware time the way Kubernetes does: UTC, to the second."""
    try:
        utc = value.astimezone(UTC)
    except OverflowError:  # a zone on the first or the last day there is
        utc = value.replace(tzinfo=UTC)
    return utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def is_same_time(one: datetime | None, other: datetime | None) -> bool:
    """Whether two times are the same to the second, which is as far as they are kept."""
    if one is None or other is None:
        return one is other
    return rfc3339(one) == rfc3339(other)


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
"""An instant, UTC, to the second."""

Quantity = Annotated[str, Field(max_length=SHORT)]
LabelKey = Annotated[str, Field(max_length=317)]
"""A label key: a DNS name of 253 characters, a slash, and 63 more."""

Name = Annotated[str, Field(max_length=LINE)]


class Model(BaseModel):
    """Frozen, camelCase on the wire.

    Unknown fields are ignored, so that an older operator can read a newer report.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")
