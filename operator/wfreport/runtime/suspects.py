"""The record on the Lease of the reconciles that may have killed a leader, and the rules about it. No I/O, no clock.

    a leader marks a reconcile that is slow or large ──► it dies ──► its successor finds the mark: a suspect, 1 death
                        ▲                                                              │
                        │                                        tried alone, after all other keys, under a mark
                        │                                           │                               │
                        └───────── cleared, as any other key ◄── it ends           it dies again: 2 deaths, abandoned

A leader that stops releases the Lease and clears its marks. A mark on a Lease that was not released therefore means
that its holder died, or was so busy that it lost the Lease, while it reconciled that key.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from wfreport.api.argo import Struct

MAX_MARKS: Final = 32
"""Marks of each kind on the Lease: an annotation has to stay small. Those with the most deaths remain."""

DEATHS_TO_ABANDON: Final = 2
"""Deaths after which a key is abandoned: the first one makes it a suspect, the second one happened while it was tried
alone."""

DEATHS_TO_MARK_ALL: Final = 2
"""Deaths in a row without any mark after which every reconcile is marked, until the operator has run for a while."""


class MarkReason(StrEnum):
    """Why a reconcile is marked."""

    LARGE_OBJECT = "LargeObject"
    BLOCKED_EVENT_LOOP = "BlockedEventLoop"
    MEMORY_GREW = "MemoryGrew"
    HEAVY_BEFORE = "HeavyBefore"
    UNEXPLAINED_DEATHS = "UnexplainedDeaths"
    ABANDONED_BEFORE = "AbandonedBefore"


class Mark(Struct, frozen=True, omit_defaults=True):
    """A reconcile that may kill the process.

    Attributes:
        controller: the controller, as in the metrics.
        namespace: namespace of the key.
        name: name of the key.
        reason: a ``MarkReason``, or one of another version.
        deaths: how many leaders have died while they worked on it.
    """

    controller: str = ""
    namespace: str = ""
    name: str = ""
    reason: str = ""
    deaths: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Controller, namespace and name."""
        return (self.controller, self.namespace, self.name)


class LeaseRecord(Struct, frozen=True, omit_defaults=True):
    """The content of the annotation.

    Attributes:
        in_work: what the leader is reconciling, if it is slow or large.
        suspects: what has to be tried alone, or abandoned.
        abandoned: what is not tried again, and has no report to record that.
        unexplained_deaths: leaders in a row that have died without a mark.
    """

    in_work: tuple[Mark, ...] = ()
    suspects: tuple[Mark, ...] = ()
    abandoned: tuple[Mark, ...] = ()
    unexplained_deaths: int = 0


_decode = msgspec.json.Decoder(LeaseRecord).decode
_encode = msgspec.json.Encoder().encode


def decode_record(text: str) -> LeaseRecord:
    """Decode the annotation; anything that is not a record counts as an empty one."""
    try:
        record = _decode(text) if text else LeaseRecord()
    except msgspec.MsgspecError:
        return LeaseRecord()
    return record


def encode_record(record: LeaseRecord) -> str:
    """Encode the annotation; empty for an empty record, so that an ordinary Lease has none."""
    bounded = LeaseRecord(
        in_work=bounded_marks(record.in_work),
        suspects=bounded_marks(record.suspects),
        abandoned=bounded_marks(record.abandoned),
        unexplained_deaths=record.unexplained_deaths,
    )
    return "" if bounded == LeaseRecord() else _encode(bounded).decode()


def after_takeover(record: LeaseRecord, *, was_released: bool) -> LeaseRecord:
    """Return what a new leader makes of its predecessor's record.

    Args:
        record: the predecessor's record.
        was_released: whether the predecessor has released the Lease, so that it did not die.
    """
    if was_released:
        return LeaseRecord(suspects=record.suspects, abandoned=record.abandoned)
    died_at = [msgspec.structs.replace(mark, deaths=mark.deaths + 1) for mark in record.in_work]
    return LeaseRecord(
        suspects=bounded_marks((*record.suspects, *died_at)),
        abandoned=record.abandoned,
        unexplained_deaths=0 if died_at else record.unexplained_deaths + 1,
    )


def bounded_marks(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Return one mark for each key, those with the most deaths first, at most ``MAX_MARKS``."""
    by_key: dict[tuple[str, str, str], Mark] = {}
    for mark in marks:
        before = by_key.get(mark.key)
        if before is None or before.deaths < mark.deaths:
            by_key[mark.key] = mark
    return tuple(sorted(by_key.values(), key=lambda mark: -mark.deaths)[:MAX_MARKS])


def without(marks: Iterable[Mark], key: tuple[str, str, str]) -> tuple[Mark, ...]:
    """Return the marks of other keys."""
    return tuple(mark for mark in marks if mark.key != key)
