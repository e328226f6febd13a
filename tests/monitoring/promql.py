"""The names in a PromQL expression: metrics with the labels that are asked for, and the labels it is grouped by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser as promql

GRAFANAS = {"$__rate_interval": "5m", "$__range": "1d"}
"""What Grafana puts in place of its variables."""


def parsed(expr: str) -> promql.Expr:
    for variable, value in GRAFANAS.items():
        expr = expr.replace(variable, value)
    return promql.parse(expr)


def selectors(expr: promql.Expr) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each metric with its matchers."""
    for node in nodes(expr):
        if isinstance(node, promql.VectorSelector):
            yield node.name or "", {matcher.name: matcher.value for matcher in node.matchers.matchers}


def grouped_by(expr: promql.Expr) -> Iterator[tuple[set[str], set[str]]]:
    """Yield the labels of each aggregation, and the metrics that are aggregated."""
    for node in nodes(expr):
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            yield set(node.modifier.labels), {name for name, _ in selectors(_with_its_labels(node.expr))}


def _with_its_labels(expr: promql.Expr) -> promql.Expr:
    """Return the operand whose labels the result has: the right one of `and` and `unless` is only compared."""
    if isinstance(expr, promql.BinaryExpr) and str(expr.op) in {"and", "unless"}:
        return _with_its_labels(expr.lhs)
    return expr


def nodes(expr: Any) -> Iterator[Any]:
    yield expr
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        if hasattr(expr, name):
            yield from nodes(getattr(expr, name))
    for argument in getattr(expr, "args", None) or ():
        yield from nodes(argument)
