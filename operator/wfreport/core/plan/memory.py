"""RaiseMemory: the same run again, with more memory for the container that was killed for want of it.

The new limit follows from the last attempt's, whatever ended the runs between: a resubmission copies the spec of the
run before it, so that a raised limit also survives a preemption (argoproj/argo-workflows#12849).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from wfreport.api.argo import EXECUTOR_CONTAINERS
from wfreport.api.reasons import Refusal
from wfreport.core.plan.container_memory import ContainerMemory, container_memory
from wfreport.core.plan.inline import inline_template
from wfreport.core.plan.plan import Change, Json
from wfreport.core.plan.quantity import MEBIBYTE, format_bytes, parse_bytes
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.templates import LOCAL, Address, inlined, own_spec


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """What was killed.

    Attributes:
        template: the template that its step ran.
        container: its name.
        limit: its limit, as its pod had it; None where no pod was seen: then the spec is asked.
        calls: the steps and tasks by which its own, inline template is reached within that template.
    """

    template: Address
    container: str
    limit: str | None = None
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryRaise:
    """How much more.

    Attributes:
        factor: of the last attempt's limit, over 1: a decimal number.
        maximum: a quantity that is never exceeded.
        min_increase: a quantity by which it grows at least.
        references_only: whether Argo runs nothing but what a WorkflowTemplate says (``templateReferencing``).
    """

    factor: str
    maximum: str
    min_increase: str = "0"
    references_only: bool = False


@dataclass(frozen=True, slots=True)
class RaisedMemory:
    """What came of it.

    Attributes:
        spec: of the new run.
        limit_bytes: the container's new limit.
        changes: for the audit.
    """

    spec: dict[str, Any]
    limit_bytes: int
    changes: tuple[Change, ...]


def raised_memory(workflow: Json, killed: OutOfMemory, wanted: MemoryRaise) -> RaisedMemory:
    """The spec of a run that gives the killed container more memory.

    Raises:
        RefusedError: it cannot or must not have more; says which, and what to do.
    """
    _check_permitted(killed, wanted)
    spec = own_spec(workflow)
    named = inlined(spec, workflow.get("status", {}).get("storedTemplates") or {}, killed.template)
    template, path = inline_template(named, killed.calls)
    found = container_memory(spec, template, killed.container)
    before = {"limits": killed.limit or found.effective("limits"), "requests": found.effective("requests")}
    limit_bytes = _raised_bytes(before["limits"], wanted)
    _check_pod_level(spec, template, limit_bytes)
    memory = _new_memory(before, limit_bytes)
    at = f"spec.templates[{named.get('name')}]{path}"
    changes = (*_memory_changes(found, at, before, memory), *_inlining_changes(workflow, named, killed.template))
    found.write(memory)
    return RaisedMemory(spec, limit_bytes, changes)


def _check_permitted(killed: OutOfMemory, wanted: MemoryRaise) -> None:
    if killed.container in EXECUTOR_CONTAINERS:
        raise RefusedError(
            Refusal.EXECUTOR_OUT_OF_MEMORY,
            f"container {killed.container} is Argo's own: raise executor.resources in Argo's ConfigMap",
        )
    if wanted.references_only:
        raise RefusedError(
            Refusal.TEMPLATE_REFERENCING,
            "Argo's workflowRestrictions.templateReferencing lets a run say nothing about memory: "
            "raise it in the WorkflowTemplate",
        )


def _raised_bytes(before: object, wanted: MemoryRaise) -> int:
    before_bytes, maximum = parse_bytes(before), parse_bytes(wanted.maximum)
    if not before_bytes:
        raise RefusedError(
            Refusal.MEMORY_LIMIT_UNKNOWN,
            f"the last attempt's memory limit is not known ({before or 'none is set, and no pod was seen'}): "
            "set resources.limits.memory on the template",
        )
    if maximum is None:
        raise RefusedError(Refusal.MEMORY_LIMIT_UNKNOWN, f"the maximum, {wanted.maximum!r}, is no quantity like 16Gi")
    increased = before_bytes + (parse_bytes(wanted.min_increase) or 0)
    exact = max(increased, math.ceil(before_bytes * Fraction(wanted.factor)))
    raised = min(maximum, -(-exact // MEBIBYTE) * MEBIBYTE)
    if raised <= before_bytes:
        raise RefusedError(
            Refusal.MEMORY_AT_MAXIMUM,
            f"the last attempt had {before} already, and the policy's maximum is {wanted.maximum}",
        )
    return raised


def _new_memory(before: Mapping[str, Any], limit_bytes: int) -> dict[str, str]:
    """The new limit; the request follows where it was the same, so that the pod stays Guaranteed."""
    limit, request = parse_bytes(before["limits"]), parse_bytes(before["requests"])
    quantity = format_bytes(limit_bytes)
    return {"limits": quantity, **({"requests": quantity} if request == limit else {})}


def _check_pod_level(spec: Json, template: Json, limit_bytes: int) -> None:
    """``podResources`` (Argo 4.1) bounds the containers of a pod together; the template's replaces the Workflow's."""
    for owner in (template, spec):
        limit = ((owner.get("podResources") or {}).get("limits") or {}).get("memory")
        if limit is not None:
            if (parse_bytes(limit) or 0) < limit_bytes:
                raise RefusedError(
                    Refusal.OVER_LIMIT,
                    f"podResources.limits.memory is {limit}, less than {format_bytes(limit_bytes)}: raise it too",
                )
            return


def _memory_changes(
    found: ContainerMemory, at: str, before: Mapping[str, Any], memory: Mapping[str, str]
) -> list[Change]:
    where = "podSpecPatch" if found.is_patched else "resources"
    return [
        Change(
            f"{at}.{where}[{found.name}].{kind}.memory", None if before[kind] is None else str(before[kind]), quantity
        )
        for kind, quantity in memory.items()
    ]


def _inlining_changes(workflow: Json, template: Json, address: Address) -> list[Change]:
    """A template that is not the run's own is changed in a copy of it, never where it is written."""
    ref = workflow["spec"].get("workflowTemplateRef")
    changes = [Change("spec.workflowTemplateRef", str(ref.get("name")), "inlined")] if ref else []
    if address.scope != LOCAL:
        changes.append(Change(f"spec.templates[{template.get('name')}]", address.stored_as, "inlined"))
    return changes
