"""Where a template is written down, and how to have it in the spec of a new run, so that it can be changed there.

A template is called by its name within a scope: the Workflow's own (``local``), or that of a WorkflowTemplate
(``namespaced/NAME``) or a ClusterWorkflowTemplate (``cluster/NAME``). Argo keeps what a run used of the latter in
``status.storedTemplates`` (resolveTemplateReference, workflow_types.go:3939), and with ``workflowTemplateRef`` the
whole merged spec in ``status.storedWorkflowTemplateSpec``.
"""

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wfreport.api.argo import Node
from wfreport.api.reasons import Refusal
from wfreport.core.plan.plan import Json
from wfreport.core.plan.refusal import RefusedError

LOCAL: Final = "local"
_NAME_LENGTH: Final = 128
_HASH_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Address:
    """A template.

    Attributes:
        scope: ``local``, ``namespaced/NAME`` or ``cluster/NAME``.
        name: within the scope.
    """

    scope: str
    name: str

    @property
    def stored_as(self) -> str:
        """Its key in ``status.storedTemplates``."""
        return f"{self.scope}/{self.name}"


def address_of(node: Node) -> Address:
    """The template that a node ran."""
    if node.template_ref:
        return _referenced(node.template_ref.name, node.template_ref.template, cluster=node.template_ref.cluster_scope)
    kind, _, name = node.template_scope.partition("/")
    return Address(f"{kind}/{name}" if kind != LOCAL and name else LOCAL, node.template_name)


def own_spec(workflow: Json) -> dict[str, Any]:
    """A spec that needs no WorkflowTemplate for its own templates: the stored one where the run had a reference.

    Raises:
        RefusedError: the run refers to a WorkflowTemplate, and what it used of it was not kept.
    """
    spec = workflow["spec"]
    if not spec.get("workflowTemplateRef"):
        return copy.deepcopy(dict(spec))
    stored = workflow.get("status", {}).get("storedWorkflowTemplateSpec")
    if not stored:
        raise RefusedError(
            Refusal.TEMPLATE_NOT_FOUND,
            "the run has no status.storedWorkflowTemplateSpec, so there is no template to raise the memory in",
        )
    return {key: value for key, value in copy.deepcopy(dict(stored)).items() if key != "workflowTemplateRef"}


def inlined(spec: dict[str, Any], stored: Mapping[str, Json], leaf: Address) -> dict[str, Any]:
    """Have a template among the spec's own, with every template between them and it; returns its entry there.

    What is not on the way to it keeps its reference. ``spec`` is changed.

    Raises:
        RefusedError: it is not there.
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
    found: dict[str, Any] = templates[name]
    return found


def _not_found(leaf: Address) -> RefusedError:
    where = "the spec" if leaf.scope == LOCAL else "status.storedTemplates"
    return RefusedError(
        Refusal.TEMPLATE_NOT_FOUND,
        f"template {leaf.name or '(inline)'} of scope {leaf.scope} is not in {where}: give the step a named template",
    )


def _new_names(addresses: set[Address], *, taken: set[Any]) -> dict[Address, str]:
    """What they are called among the Workflow's own: as before where that is free, so that fingerprints stay."""
    names: dict[Address, str] = {}
    for address in sorted(addresses, key=lambda address: address.stored_as):
        digest = hashlib.sha256(address.stored_as.encode()).hexdigest()[:_HASH_DIGITS]
        marked = f"{address.name[: _NAME_LENGTH - _HASH_DIGITS - 1]}-{digest}"
        names[address] = marked if address.name in taken else address.name
        taken = taken | {names[address]}
    return names


def _leading_to(leaf: Address, stored: Mapping[str, Json]) -> set[Address]:
    """The stored templates from which the leaf is called, directly or not, and the leaf itself."""
    templates = {_address_of_key(key): template for key, template in stored.items()}
    found = {leaf} & templates.keys()
    while True:
        callers = {
            address
            for address, template in templates.items()
            if address not in found and any(_called(call, address.scope) in found for call in _calls(template))
        }
        if not callers:
            return found
        found |= callers


def _address_of_key(key: str) -> Address:
    kind, _, rest = key.partition("/")
    name, _, template = rest.partition("/")
    return Address(f"{kind}/{name}", template)


def _referenced(name: str, template: str, *, cluster: bool) -> Address:
    return Address(f"{'cluster' if cluster else 'namespaced'}/{name}", template)


def _called(call: Json, scope: str) -> Address | None:
    """The template that a step, task or hook calls; None for one that is written inline."""
    ref = call.get("templateRef")
    if ref:
        return _referenced(ref.get("name", ""), ref.get("template", ""), cluster=bool(ref.get("clusterScope")))
    return Address(scope, call["template"]) if call.get("template") else None


def _calls(template: Json) -> Iterator[dict[str, Any]]:
    """Every step, task and hook of a template, those of inline templates included."""
    groups = [*(template.get("steps") or ()), (template.get("dag") or {}).get("tasks") or ()]
    for call in (call for group in groups for call in group):
        yield call
        yield from (call.get("hooks") or {}).values()
        yield from _calls(call.get("inline") or {})


def _redirect_calls(template: Json, scope: str, names: Mapping[Address, str]) -> None:
    """Call what is in the spec now by its new name there, and all else of the old scope by reference."""
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
    """``onExit`` can name a template of the same scope only; as a hook it can be a reference (GetExitHook)."""
    name = call.pop("onExit", None)
    if name and "exit" not in (call.get("hooks") or {}):
        hook = {"template": name, **({"arguments": call["arguments"]} if call.get("arguments") else {})}
        call["hooks"] = {**(call.get("hooks") or {}), "exit": copy.deepcopy(hook)}


def _reference(address: Address) -> dict[str, Any]:
    kind, _, name = address.scope.partition("/")
    cluster = {"clusterScope": True} if kind == "cluster" else {}
    return {"name": name, "template": address.name, **cluster}
