"""Whether a namespace would take a container of that much memory: its LimitRanges and ResourceQuotas.

A pod over them is refused by the API server, and Argo tries again for ever: the run would hang instead of failing.
"""

from collections.abc import Iterable

from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.quantity import format_bytes, parse_bytes
from wfreport.core.plan.refusal import RefusedError

_SCOPED = ("scopes", "scopeSelector")
_LIMITS = "limits.memory"


def check_capacity(limit_bytes: int, *, limit_ranges: Iterable[Json], quotas: Iterable[Json]) -> None:
    """Check a container's new memory limit against the namespace's LimitRange and ResourceQuota objects.

    Raises:
        RefusedError: it is over one of them; ``passing`` where the quota is only used up for now.
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
                f"LimitRange {_name(limit_range)} allows a {str(item['type']).lower()} {maximum} of memory, and "
                f"{format_bytes(limit_bytes)} would be more",
            )


def _check_quota(limit_bytes: int, quota: Json) -> None:
    spec, status = quota.get("spec") or {}, quota.get("status") or {}
    if any(spec.get(field) for field in _SCOPED):
        return  # of some pods only, and which ones is not decided here
    hard, used = status.get("hard") or spec.get("hard") or {}, status.get("used") or {}
    allowed, in_use = parse_bytes(hard.get(_LIMITS)), parse_bytes(used.get(_LIMITS)) or 0
    if allowed is None or in_use + limit_bytes <= allowed:
        return
    message = f"ResourceQuota {_name(quota)} allows {_LIMITS} {hard[_LIMITS]}"
    if limit_bytes > allowed:
        raise RefusedError(Refusal.OVER_QUOTA, f"{message}, and {format_bytes(limit_bytes)} would be more")
    raise RefusedError(
        Refusal.OVER_QUOTA,
        f"{message}, of which {used[_LIMITS]} are in use: {format_bytes(limit_bytes)} more would be too much",
        passing=True,
    )


def _name(found: Json) -> str:
    return str((found.get("metadata") or {}).get("name"))
