"""RaiseMemory: resubmit a run with more memory for the container that was OOM-killed.

The new limit is based on the last attempt's limit, however the runs in between ended: a resubmission copies the spec of
its predecessor, so a raised limit survives a preemption (argoproj/argo-workflows#12849).
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct

from wfreport.api.argo import EXECUTOR_CONTAINERS
from wfreport.api.reasons import Refusal
from wfreport.core.plan.container_memory import ContainerMemory, container_memory
from wfreport.core.plan.inline import inline_template
from wfreport.core.plan.plan import Change, Json
from wfreport.core.plan.refusal import RefusedError, refuses_malformed
from wfreport.core.plan.templates import LOCAL, Address, inlined, own_spec
from wfreport.core.snapshot.quantity import MEBIBYTE, format_bytes, parse_bytes


class OutOfMemory(Struct, frozen=True):
    """The container that was OOM-killed.

    Attributes:
        template: template of its step.
        container: name of the container.
        limit: memory limit in its pod; None if the pod was not observed, in which case the spec's limit is used.
        calls: path of steps and tasks from that template to its inline template, if it has one.
    """

    template: Address
    container: str
    limit: str | None = None
    calls: tuple[str, ...] = ()


class MemoryRaise(Struct, frozen=True):
    """Settings of the increase.

    Attributes:
        factor: factor by which the last attempt's limit is raised, a decimal number above 1.
        maximum: maximum limit, a quantity.
        min_increase: minimum increase, a quantity.
        references_only: whether Argo only runs specs of WorkflowTemplates (``templateReferencing``).
    """

    factor: str
    maximum: str
    min_increase: str = "0"
    references_only: bool = False


class RaisedMemory(Struct, frozen=True):
    """The result of raising a container's memory.

    Attributes:
        spec: spec of the new run.
        limit_bytes: new limit of the container in bytes.
        changes: changed fields, for audit.
    """

    spec: dict[str, Any]
    limit_bytes: int
    changes: tuple[Change, ...]


@refuses_malformed
def raised_memory(workflow: Json, killed: OutOfMemory, increase: MemoryRaise) -> RaisedMemory:
    """Return the spec of a new run with more memory for the killed container.

    Raises:
        RefusedError: its memory cannot or must not be raised; the message explains why and what to do.
    """
    _check_permitted(killed, increase)
    spec = own_spec(workflow)
    named = inlined(spec, workflow.get("status", {}).get("storedTemplates") or {}, killed.template)
    template, path = inline_template(named, killed.calls)
    container = container_memory(spec, template, killed.container)
    before = {"limits": killed.limit or container.effective("limits"), "requests": container.effective("requests")}
    limit_bytes = _raised_bytes(before["limits"], increase)
    _check_pod_level(spec, template, limit_bytes)
    memory = _new_memory(before, limit_bytes)
    at = f"spec.templates[{named.get('name')}]{path}"
    changes = (*_memory_changes(container, at, before, memory), *_inlining_changes(workflow, named, killed.template))
    container.write(memory)
    return RaisedMemory(spec, limit_bytes, changes)


def _check_permitted(killed: OutOfMemory, increase: MemoryRaise) -> None:
    if killed.container in EXECUTOR_CONTAINERS:
        raise RefusedError(
            Refusal.EXECUTOR_OUT_OF_MEMORY,
            f"container {killed.container} is Argo's own: raise executor.resources in Argo's ConfigMap",
        )
    if increase.references_only:
        raise RefusedError(
            Refusal.TEMPLATE_REFERENCING,
            "Argo's workflowRestrictions.templateReferencing forbids a run to set its own memory: "
            "raise it in the WorkflowTemplate",
        )


def _raised_bytes(before: object, increase: MemoryRaise) -> int:
    before_bytes, maximum = parse_bytes(before), parse_bytes(increase.maximum)
    if not before_bytes:
        raise RefusedError(
            Refusal.MEMORY_LIMIT_UNKNOWN,
            f"the last attempt's memory limit is unknown ({before or 'the spec sets none, and no pod was observed'}): "
            "set resources.limits.memory on the template",
        )
    if maximum is None:
        message = f"the maximum {increase.maximum!r} is not a quantity such as 16Gi"
        raise RefusedError(Refusal.MEMORY_LIMIT_UNKNOWN, message)
    increased = before_bytes + (parse_bytes(increase.min_increase) or 0)
    exact = max(increased, math.ceil(before_bytes * Fraction(increase.factor)))
    raised = min(maximum, -(-exact // MEBIBYTE) * MEBIBYTE)
    if raised <= before_bytes:
        raise RefusedError(
            Refusal.MEMORY_AT_MAXIMUM,
            f"the last attempt already had {before}, and the policy's maximum is {increase.maximum}",
        )
    return raised


def _new_memory(before: Mapping[str, Any], limit_bytes: int) -> dict[str, str]:
    """Return the new limit, and the same request if both were equal, so that the pod stays Guaranteed."""
    limit, request = parse_bytes(before["limits"]), parse_bytes(before["requests"])
    quantity = format_bytes(limit_bytes)
    return {"limits": quantity, **({"requests": quantity} if request == limit else {})}


def _check_pod_level(spec: Json, template: Json, limit_bytes: int) -> None:
    """Check ``podResources`` (since Argo 4.1), which limits all containers of a pod together.

    The template's ``podResources`` replaces the Workflow's.
    """
    for owner in (template, spec):
        limit = ((owner.get("podResources") or {}).get("limits") or {}).get("memory")
        if limit is not None:
            if (parse_bytes(limit) or 0) < limit_bytes:
                raise RefusedError(
                    Refusal.OVER_LIMIT,
                    f"{format_bytes(limit_bytes)} exceeds podResources.limits.memory, {limit}: raise that too",
                )
            return


def _memory_changes(
    container: ContainerMemory, at: str, before: Mapping[str, Any], memory: Mapping[str, str]
) -> list[Change]:
    path = f"{at}.{'podSpecPatch' if container.is_patched else 'resources'}[{container.name}]"
    return [
        Change(f"{path}.{kind}.memory", None if before[kind] is None else str(before[kind]), quantity)
        for kind, quantity in memory.items()
    ]


def _inlining_changes(workflow: Json, template: Json, address: Address) -> list[Change]:
    """Return the changes of inlining: a template from elsewhere is copied into the spec and changed there."""
    ref = workflow["spec"].get("workflowTemplateRef")
    changes = [Change("spec.workflowTemplateRef", str(ref.get("name")), "inlined")] if ref else []
    if address.scope != LOCAL:
        changes.append(Change(f"spec.templates[{template.get('name')}]", address.stored_as, "inlined"))
    return changes
