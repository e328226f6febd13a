"""Checks a container's new memory limit against the LimitRanges and ResourceQuotas of its namespace.

The API server refuses a pod that exceeds them, and Argo retries forever: the run would hang instead of failing.
"""

from collections.abc import Iterable

from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.snapshot.quantity import format_bytes, parse_bytes

_SCOPED = ("scopes", "scopeSelector")
_LIMITS = "limits.memory"


def check_capacity(limit_bytes: int, *, limit_ranges: Iterable[Json], quotas: Iterable[Json]) -> None:
    """Check a container's new memory limit against the namespace's LimitRange and ResourceQuota objects.

    Raises:
        RefusedError: the limit exceeds one of them; transient if the quota itself is large enough but in use.
    """
    for limit_range in limit_ranges:
        _check_limit_range(limit_bytes, limit_range)
    for quota in quotas:
        _check_quota(limit_bytes, quota)


def _check_limit_range(limit_bytes: int, limit_range: Json) -> None:
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        maximum = (item.get("max") or {}).get("memory")
        allowed = parse_bytes(maximum)
        if item.get("type") in ("Container", "Pod") and allowed is not None and limit_bytes > allowed:
            raise RefusedError(
                Refusal.OVER_LIMIT,
                f"{format_bytes(limit_bytes)} exceeds the {maximum} of memory that LimitRange {_name(limit_range)} "
                f"allows per {str(item['type']).lower()}",
            )


def _check_quota(limit_bytes: int, quota: Json) -> None:
    spec, status = quota.get("spec") or {}, quota.get("status") or {}
    if any(spec.get(field) for field in _SCOPED):
        return  # it applies to some pods only, and this function does not evaluate which
    hard, used = status.get("hard") or spec.get("hard") or {}, status.get("used") or {}
    allowed, in_use = parse_bytes(hard.get(_LIMITS)), parse_bytes(used.get(_LIMITS)) or 0
    if allowed is None or in_use + limit_bytes <= allowed:
        return
    message = f"{format_bytes(limit_bytes)} exceeds ResourceQuota {_name(quota)}: {_LIMITS} is {hard[_LIMITS]}"
    if limit_bytes > allowed:
        raise RefusedError(Refusal.OVER_QUOTA, message)
    raise RefusedError(Refusal.OVER_QUOTA, f"{message}, of which {used[_LIMITS]} is in use", is_transient=True)


def _name(document: Json) -> str:
    return str((document.get("metadata") or {}).get("name"))
