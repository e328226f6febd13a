"""Renders tables of measurements with ratios, and compares them with the targets."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Record = Mapping[str, Any]

PEAK_RSS_MB: Final = 200
LOAD_CPU_SHARES: Final = {"naive-kopf": 0.1}
"""Most CPU time on the load, as a share of each other operator's; of all that are not named here, 1."""

_LEAST_CPU_SECONDS: Final = 0.5
"""A shorter load says nothing: CPU time is counted in ticks of 10 ms."""


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of a phase and its format."""

    field: str
    heading: str
    decimals: int = 2
    has_ratio: bool = True


_EACH = (
    Column("cpu_seconds", "CPU s"),
    Column("peak_rss_mb", "peak MB", 0),
    Column("requests", "requests", 0),
    Column("received_mb", "MB in", 1),
    Column("sent_mb", "MB out", 1),
    Column("apiserver_cpu_seconds", "API server CPU s", 1),
)
_START = Column("start_cpu_seconds", "CPU s to the first request")
_AGES = (
    Column("lag_p50_seconds", "lag p50 s"),
    Column("lag_p99_seconds", "lag p99 s"),
    Column("failure_age_p50_seconds", "failure p50 s", 1, has_ratio=False),
    Column("failure_age_p99_seconds", "failure p99 s", 1, has_ratio=False),
    Column("progress_age_p50_seconds", "progress p50 s", 1, has_ratio=False),
    Column("progress_age_p99_seconds", "progress p99 s", 1, has_ratio=False),
)
_FAULTS = (Column("missing", "missing", 0, has_ratio=False), Column("wrong", "wrong", 0, has_ratio=False))
_NOISE = Column("others_cpu_seconds", "noise CPU s", 1, has_ratio=False)
COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "cold": (_START, *_EACH, Column("seconds_to_last_report", "s to last report", 1), *_FAULTS, _NOISE),
    "load": (*_EACH, *_AGES, *_FAULTS, _NOISE),
    "idle": (Column("cpu_seconds", "CPU s"), Column("rss_mb", "MB", 0), Column("requests", "requests", 0), _NOISE),
    "restart": (_START, *_EACH, *_FAULTS, _NOISE),
}


def tables(records: Sequence[Record], *, against: str) -> str:
    """Return one Markdown table per phase: medians over rounds, ratios to the operator ``against``."""
    return "\n".join(_table(phase, columns, records, against) for phase, columns in COLUMNS.items())


def verdict(records: Sequence[Record], *, operator: str, against: str) -> str:
    """Return the targets, each with its measurement."""
    own = [phase for record in records if record["operator"] == operator for phase in record["phases"].values()]
    lines = []
    if own:
        peak = max(phase["peak_rss_mb"] for phase in own)
        lines.append(_line(f"peak RSS {peak:.0f} MB, target under {PEAK_RSS_MB}", met=peak < PEAK_RSS_MB))
        faults = sum(phase["missing"] + phase["wrong"] for phase in own)
        lines.append(_line(f"{faults} missing or wrong reports, target 0", met=not faults))
    mine, theirs = (_median(records, name, "load", "cpu_seconds") for name in (operator, against))
    if mine is not None and theirs and theirs >= _LEAST_CPU_SECONDS:
        share, most = mine / theirs, LOAD_CPU_SHARES.get(against, 1)
        text = f"CPU on the load {share:.3f} of {against}, target at most {most}"
        lines.append(_line(text, met=share <= most))
    return "".join(lines)


def _table(phase: str, columns: Sequence[Column], records: Sequence[Record], against: str) -> str:
    names = list(dict.fromkeys(record["operator"] for record in records))
    lines = [
        f"**{phase}**\n",
        "| operator | " + " | ".join(column.heading for column in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for name in names:
        cells = [_cell(column, phase, name, records, against) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _cell(column: Column, phase: str, name: str, records: Sequence[Record], against: str) -> str:
    value = _median(records, name, phase, column.field)
    if value is None:
        return "-"
    text = f"{value:.{column.decimals}f}"
    reference = _median(records, against, phase, column.field)
    return f"{text} ({value / reference:.2g}x)" if column.has_ratio and reference and name != against else text


def _median(records: Sequence[Record], operator: str, phase: str, field: str) -> float | None:
    found = [record["phases"][phase][field] for record in records if record["operator"] == operator]
    values = [value for value in found if value is not None]
    return statistics.median(values) if values else None


def _line(text: str, *, met: bool) -> str:
    return f"{'met   ' if met else 'MISSED'}  {text}\n"
