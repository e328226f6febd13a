"""Finds a run's templates, and inlines a referenced template into the spec of a new run so that it can be changed.

A template is identified by its name within a scope: the Workflow's own (``local``), a WorkflowTemplate
(``namespaced/NAME``) or a ClusterWorkflowTemplate (``cluster/NAME``). Argo stores the referenced templates of a run in
``status.storedTemplates``, and the merged spec of a ``workflowTemplateRef`` in ``status.storedWorkflowTemplateSpec``.

Mirrors ``resolveTemplateReference`` and ``GetExitHook`` (workflow_types.go:3939). When a new Argo version
changes scopes, keys of stored templates or the ways to call a template, adapt ``Address`` and ``_calls``, and run
tests/core/plan/test_memory.py with recordings of the new version.
"""

import copy
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from wfreport.api.argo import Node
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError

LOCAL: Final = "local"
_NAME_LENGTH: Final = 128
_HASH_DIGITS: Final = 8


class Address(Struct, frozen=True):
    """The scope and name of a template.

    Attributes:
        scope: ``local``, ``namespaced/NAME`` or ``cluster/NAME``.
        name: name within the scope.
    """

    scope: str
    name: str

    @property
    def stored_as(self) -> str:
        """Key in ``status.storedTemplates``."""
        return f"{self.scope}/{self.name}"


def address_of(node: Node) -> Address:
    """Return the address of a node's template."""
    if node.template_ref:
        return _referenced(node.template_ref.name, node.template_ref.template, cluster=node.template_ref.cluster_scope)
    kind, _, name = node.template_scope.partition("/")
    return Address(f"{kind}/{name}" if kind != LOCAL and name else LOCAL, node.template_name)


def own_spec(workflow: Json) -> dict[str, Any]:
    """Return the run's spec with all its own templates, from the stored spec if it has a ``workflowTemplateRef``.

    Raises:
        RefusedError: the run refers to a WorkflowTemplate whose spec is not stored.
    """
    spec = workflow["spec"]
    if not spec.get("workflowTemplateRef"):
        return copy.deepcopy(dict(spec))
    stored = workflow.get("status", {}).get("storedWorkflowTemplateSpec")
    if not stored:
        raise RefusedError(
            Refusal.TEMPLATE_NOT_FOUND,
            "the run has no status.storedWorkflowTemplateSpec, so its templates are unknown",
        )
    return {key: value for key, value in copy.deepcopy(dict(stored)).items() if key != "workflowTemplateRef"}


def inlined(spec: dict[str, Any], stored: Mapping[str, Json], leaf: Address) -> dict[str, Any]:
    """Copy a template into ``spec``, with all templates on the call paths to it, and return the copy.

    Other templates remain referenced. ``spec`` is modified in place.

    Raises:
        RefusedError: the template is not stored in the run.
    """
    own = {template.get("name"): template for template in spec.get("templates") or ()}
    if leaf.scope == LOCAL:
        if not leaf.name or leaf.name not in own:
            raise _not_found(leaf)
        return _entry(own, leaf.name)
    names = _new_names(_leading_to(leaf, stored), taken=set(own))
    if leaf not in names:
        raise _not_found(leaf)
    for template in own.values():
        _redirect_calls(template, LOCAL, names)
    for address, name in names.items():
        template = {**copy.deepcopy(dict(stored[address.stored_as])), "name": name}
        _redirect_calls(template, address.scope, names)
        spec.setdefault("templates", []).append(template)
        own[name] = template
    return _entry(own, names[leaf])


def _entry(templates: Mapping[Any, Any], name: str) -> dict[str, Any]:
    template: dict[str, Any] = templates[name]
    return template


def _not_found(leaf: Address) -> RefusedError:
    place = "the spec" if leaf.scope == LOCAL else "status.storedTemplates"
    return RefusedError(
        Refusal.TEMPLATE_NOT_FOUND,
        f"template {leaf.name or '(inline)'} of scope {leaf.scope} is not in {place}: give the step a named template",
    )


def _new_names(addresses: set[Address], *, taken: set[Any]) -> dict[Address, str]:
    """Return the names of inlined templates: unchanged if not taken, so that fingerprints of failures stay the same."""
    names: dict[Address, str] = {}
    for address in sorted(addresses, key=lambda address: address.stored_as):
        digest = hashlib.sha256(address.stored_as.encode()).hexdigest()[:_HASH_DIGITS]
        unique = f"{address.name[: _NAME_LENGTH - _HASH_DIGITS - 1]}-{digest}"
        names[address] = unique if address.name in taken else address.name
        taken.add(names[address])
    return names


def _leading_to(leaf: Address, stored: Mapping[str, Json]) -> set[Address]:
    """Return the leaf and all stored templates that call it, directly or indirectly."""
    templates = {_address_of_key(key): template for key, template in stored.items()}
    callers: defaultdict[Address, list[Address]] = defaultdict(list)
    for address, template in templates.items():
        for called in (_called(call, address.scope) for call in _calls(template)):
            if called is not None:
                callers[called].append(address)
    leading: set[Address] = set()
    pending = [leaf] if leaf in templates else []
    while pending:
        address = pending.pop()
        if address not in leading:
            leading.add(address)
            pending += callers[address]
    return leading


def _address_of_key(key: str) -> Address:
    kind, _, rest = key.partition("/")
    name, _, template = rest.partition("/")
    return Address(f"{kind}/{name}", template)


def _referenced(name: str, template: str, *, cluster: bool) -> Address:
    return Address(f"{'cluster' if cluster else 'namespaced'}/{name}", template)


def _called(call: Json, scope: str) -> Address | None:
    """Return the template that a step, task or hook calls; None for an inline template."""
    ref = call.get("templateRef")
    if ref:
        return _referenced(ref.get("name", ""), ref.get("template", ""), cluster=bool(ref.get("clusterScope")))
    return Address(scope, call["template"]) if call.get("template") else None


def _calls(template: Json) -> Iterator[dict[str, Any]]:
    """Yield every step, task and hook of a template, including those of its inline templates."""
    groups = [*(template.get("steps") or ()), (template.get("dag") or {}).get("tasks") or ()]
    for call in (call for group in groups for call in group):
        yield call
        yield from (call.get("hooks") or {}).values()
        yield from _calls(call.get("inline") or {})


def _redirect_calls(template: Json, scope: str, names: Mapping[Address, str]) -> None:
    """Redirect calls of inlined templates to their new names, and make other calls of the old scope references."""
    if scope != LOCAL:
        for call in list(_calls(template)):
            _spell_out_exit(call)
    for call in _calls(template):
        address = _called(call, scope)
        if address and address in names:
            call.pop("templateRef", None)
            call["template"] = names[address]
        elif address and address.scope != LOCAL:
            call.pop("template", None)
            call["templateRef"] = _reference(address)


def _spell_out_exit(call: dict[str, Any]) -> None:
    """Turn ``onExit``, which can only name a template of the same scope, into a hook, which can be a reference."""
    name = call.pop("onExit", None)
    if name and "exit" not in (call.get("hooks") or {}):
        hook = {"template": name, **({"arguments": call["arguments"]} if call.get("arguments") else {})}
        call["hooks"] = {**(call.get("hooks") or {}), "exit": copy.deepcopy(hook)}


def _reference(address: Address) -> dict[str, Any]:
    kind, _, name = address.scope.partition("/")
    cluster = {"clusterScope": True} if kind == "cluster" else {}
    return {"name": name, "template": address.name, **cluster}
