"""Digests a run's templates when it is decoded, so that a later run can be compared with it.

The templates of a run are those of its spec, or of ``status.storedWorkflowTemplateSpec``, and the referenced ones in
``status.storedTemplates``. Only digests, short values, images and resources are kept: the Workflow of a successful run
is deleted long before a later one fails. Digests do not depend on the spelling (``normalized``), nor on names and
times that differ in every run.
"""

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from wfreport.api.argo import Metadata, Struct
from wfreport.api.wire import LINE
from wfreport.core.snapshot.digests import (
    digest,
    digest_part,
    digest_parts,
    digest_references,
    digest_whole,
    exact_part,
    names_of_run,
    without_volatile,
)
from wfreport.core.snapshot.node_limits import count_values
from wfreport.core.snapshot.normalized import normalized, normalized_image
from wfreport.core.snapshot.quantity import plain_quantity

_CONTAINERS: Final = ("container", "script")
_CONTAINER_LISTS: Final = ("initContainers", "sidecars")
_ORDER: Final = frozenset({"dependencies", "depends"})
"""Fields of a task that change when another task comes or goes."""
_GROUPS: Final = {
    **dict.fromkeys(("template", "templateRef", "inline"), 0), "arguments": 1, "when": 2,
    **dict.fromkeys(("withItems", "withParam", "withSequence"), 3),
}  # fmt: skip
_OTHER_FIELDS: Final = 4
_ABSENT: Final = "-"
_GROUP_DIGITS: Final = 4
_REFERS_TO: Final = "@"
_BETWEEN: Final = "."
_MAX_REFERENCES: Final = 8
_REMEMBERED_BYTES: Final = 16 * 1024
_REMEMBERED, _VALUES = 1024, 100
"""Number of templates whose digests are remembered, and their largest number of values: 20 MB, whatever they are."""
_REMEMBERED_RUNS, _VALUES_OF_RUN = 64, 400
"""The same of whole definitions: 15 MB."""
_SET_BY_COMMANDS: Final = frozenset({"shutdown", "suspend"})
"""Fields of the spec that ``argo stop``, ``suspend`` and ``resume`` change while the run goes on."""
_DEFAULTS: Final = "templateDefaults"
_NOT_IN_SPEC: Final = frozenset({"templates", _DEFAULTS, "arguments", "workflowTemplateRef"}) | _SET_BY_COMMANDS
_DAEMON: Final = "daemon"
_TTL: Final = "ttlStrategy"
_NULL: Final = b"null"
TEMPLATE_REF: Final = "workflowTemplateRef"
MAX_VALUES: Final = 100_000
"""Largest number of values of a definition; a megabyte of empty objects would take seconds and 300 MB."""


class TemplateDigest(msgspec.Struct, frozen=True):
    """A template, as far as it is compared.

    Attributes:
        name: its name; with its scope if it is a referenced one.
        digest: digest of the whole template.
        parts: digests or short values of its fields, apart from steps, images and resources.
        steps: digests of the steps or tasks that it calls, by name.
        images: images by container.
        resources: requests and limits, such as ``main.limits.memory``.
    """

    name: str
    digest: str
    parts: Mapping[str, str] = msgspec.field(default_factory=dict)
    steps: Mapping[str, str] = msgspec.field(default_factory=dict)
    images: Mapping[str, str] = msgspec.field(default_factory=dict)
    resources: Mapping[str, str] = msgspec.field(default_factory=dict)


class DefinitionDigest(msgspec.Struct, frozen=True):
    """The definition of a run.

    Attributes:
        digest: digest of everything below, apart from the reference to a WorkflowTemplate, whose content counts.
        spec: digests or short values of the spec's fields, apart from templates and parameters.
        templates: the templates.
    """

    digest: str
    spec: Mapping[str, str]
    templates: tuple[TemplateDigest, ...]


class _Status(Struct, frozen=True):
    stored_templates: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    stored_workflow_template_spec: dict[str, msgspec.Raw] | None = None


class _DefinitionDocument(Struct, frozen=True):
    spec: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    status: _Status = _Status()


class _StatusText(Struct, frozen=True):
    stored_templates: msgspec.Raw = msgspec.Raw(b"{}")
    stored_workflow_template_spec: msgspec.Raw = msgspec.Raw(b"null")


class _DefinitionText(Struct, frozen=True):
    """The same, not decoded yet."""

    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: _StatusText = _StatusText()


_DOCUMENT: Final = msgspec.json.Decoder(_DefinitionDocument)
_TEXT: Final = msgspec.json.Decoder(_DefinitionText)
_TEMPLATES: Final = msgspec.json.Decoder(list[msgspec.Raw])


def digest_definition(raw: bytes, metadata: Metadata | None = None) -> DefinitionDigest | None:
    """Return the digests of a Workflow's definition; None if it cannot be read, or has too many values.

    Args:
        raw: the Workflow.
        metadata: its metadata; names of its own do not count.
    """
    try:
        text = msgspec.json.encode(_TEXT.decode(raw))
        if count_values(text, at_most=MAX_VALUES) > MAX_VALUES:
            return None
        names = tuple(name for name in names_of_run(metadata) if name in text) if metadata else ()
        return (_digest_known_text if _is_small(text, _VALUES_OF_RUN) else _digest_text)(text, names)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_small(text: bytes, values: int) -> bool:
    """Return whether what is made of a JSON text is small enough to be remembered: digests take more than the text."""
    return len(text) <= _REMEMBERED_BYTES and text.count(b":") + text.count(b"{") <= values


def _digest_text(text: bytes, own_names: Sequence[bytes]) -> DefinitionDigest:
    return _digest_document(_DOCUMENT.decode(text), own_names)


_digest_known_text = functools.lru_cache(maxsize=_REMEMBERED_RUNS)(_digest_text)
"""Does the same for a short definition, once: the runs of a template with the same arguments have equal ones."""


def _digest_document(document: _DefinitionDocument, own_names: Sequence[bytes]) -> DefinitionDigest:
    spec = _executed_spec(document)
    has_defaults = _DEFAULTS in spec
    texts = [("", text) for text in _TEMPLATES.decode(spec.get("templates", b"[]"))]
    texts += [(_DEFAULTS, spec[_DEFAULTS])] if has_defaults else []
    own, referenced = (
        [_digest_json(key, _nameless(text, own_names), has_defaults=has_defaults) for key, text in each]
        for each in (texts, sorted(document.status.stored_templates.items()))
    )
    # Argo stores the templates of a workflowTemplateRef twice
    known = {(each.name, each.digest) for each in own}
    templates = (*own, *(_once(each, known) for each in referenced))
    others = {key: _decoded(raw, own_names) for key, raw in sorted(spec.items()) if key not in _NOT_IN_SPEC}
    arguments = _dict(_decoded(spec.get("arguments", b"{}"), own_names))
    others |= {"arguments.artifacts": arguments.get("artifacts") or None, "arguments.parameters": _extras(arguments)}
    parts = digest_parts(_dict(normalized(others)))
    stable = {key: without_volatile(part) for key, part in parts.items()}
    whole = digest([stable, [(each.name, each.digest) for each in templates]])
    reference = _dict(_decoded(document.spec.get(TEMPLATE_REF, b"{}"), ()))
    return DefinitionDigest(whole, {**parts, **_reference(reference)}, templates)


def _executed_spec(document: _DefinitionDocument) -> Mapping[str, msgspec.Raw]:
    """Return the spec that Argo executes: the stored one, in which it merged the Workflow's own with its template's.

    It reads the time to live from the Workflow first (``GetTTLStrategy`` of workflow_types.go), even if that is empty.
    """
    stored, own = document.status.stored_workflow_template_spec, document.spec
    if not stored or bytes(own.get(_TTL, _NULL)) == _NULL:
        return stored or own
    return {**stored, _TTL: own[_TTL]}


def _once(template: TemplateDigest, known: Collection[tuple[str, str]]) -> TemplateDigest:
    """Return a referenced template; its digest alone if a known one has the same name and content."""
    is_known = (template.name.rpartition("/")[2], template.digest) in known
    return TemplateDigest(template.name, template.digest) if is_known else template


def _nameless(text: bytes | msgspec.Raw, own_names: Sequence[bytes]) -> bytes:
    plain = bytes(text)
    for name in own_names:
        plain = plain.replace(name, b"{workflow}")
    return plain


def _decoded(text: bytes | msgspec.Raw, own_names: Sequence[bytes]) -> Any:
    return msgspec.json.decode(_nameless(text, own_names))


def _extras(arguments: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the parameters without their values, which are compared by themselves."""
    parameters = (_without(each, {"value"}) for each in _dicts(arguments.get("parameters")))
    return [each for each in parameters if each.keys() - {"name"}] or None


def _reference(reference: Mapping[str, Any]) -> dict[str, str]:
    if not reference.get("name"):
        return {}
    kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
    return digest_parts({TEMPLATE_REF: f"{kind}/{reference['name']}"})


def _digest_json(key: str, text: bytes, *, has_defaults: bool) -> TemplateDigest:
    """Digest a template of the spec, or the referenced one that is stored under ``key``."""
    digest_text = _digest_known if len(key) <= LINE and _is_small(text, _VALUES) else _digest_template
    return digest_text(key, text, has_defaults=has_defaults)


@functools.lru_cache(maxsize=_REMEMBERED)
def _digest_known(key: str, text: bytes, *, has_defaults: bool) -> TemplateDigest:
    """Do the same for a short template, once: the runs of a cron have equal ones."""
    return _digest_template(key, text, has_defaults=has_defaults)


def _digest_template(key: str, text: bytes, *, has_defaults: bool) -> TemplateDigest:
    written = _dict(msgspec.json.decode(text))
    if has_defaults and written.get(_DAEMON) is False:
        written[_DAEMON] = "false"  # replaces a default
    template = _dict(normalized(written))
    containers = dict(_containers(written))
    calls = [_dict(normalized(call)) for call in _calls(written)]
    images = {container: str(each["image"]) for container, each in containers.items() if each.get("image")}
    resources = dict(_resources(containers))
    return TemplateDigest(
        name=key or str(template.get("name", "")),
        digest=_digest_whole(_without(template, {"name"}), images, resources),
        parts=_parts(template, calls),
        steps={str(call.get("name", "")): _digest_call(call) for call in calls},
        images=images,
        resources=resources,
    )


def _digest_whole(template: Mapping[str, Any], images: Mapping[str, str], resources: Mapping[str, str]) -> str:
    """Return the digest of a template. Tags and amounts that look like times count, other times do not."""
    exact_images = {container: normalized_image(image) for container, image in images.items()}
    exact_amounts = {name: plain_quantity(amount) for name, amount in resources.items()}
    return digest([digest_whole(template), exact_images, exact_amounts])


def _parts(template: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return digests and short values of the fields of a template that are compared as parts of it."""
    fields = _without(template, {"name", "dag", "steps", *_CONTAINERS})
    for kind in _CONTAINERS:
        for key, value in _without_compared(_dict(template.get(kind))).items():
            fields[f"{kind}.{key}" if key in fields else key] = value
    for kind in (*_CONTAINER_LISTS, "containerSet"):
        fields |= {kind: _without_listed(fields[kind])} if kind in fields else {}
    fields |= {f"dag.{key}": value for key, value in _dict(template.get("dag")).items() if key != "tasks"}
    fields |= {"order": _order(template, calls)} if calls else {}
    # digests of steps are without times and uuids
    exact = exact_part([_without(call, _ORDER) for call in sorted(calls, key=_name)])
    return digest_parts(fields) | ({"steps": exact} if exact else {})


def _order(template: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> list[Any]:
    if _dict(template.get("dag")):
        return sorted([str(call.get("name", "")), *(str(call.get(key)) for key in sorted(_ORDER))] for call in calls)
    groups = [_dicts(group) for group in _list(template.get("steps"))]
    return [sorted(str(step.get("name", "")) for step in group) for group in groups]


def _digest_call(call: Mapping[str, Any]) -> str:
    """Return the digests of a step: what it calls, its arguments, its condition, its loop, and everything else.

    Those of the parameters that it refers to follow, if they are named after digests of their values.
    """
    groups: list[dict[str, Any]] = [{} for _ in range(_OTHER_FIELDS + 1)]
    for key, value in _without(call, _ORDER | {"name"}).items():
        groups[_GROUPS.get(key, _OTHER_FIELDS)][key] = _inline(value) if key == "inline" else value
    digests = "".join(digest_part(group)[:_GROUP_DIGITS] if group else _ABSENT for group in groups)
    references = digest_references(groups)[:_MAX_REFERENCES]
    return f"{digests}{_REFERS_TO}{_BETWEEN.join(references)}" if references else digests


def digest_call_of(template: str) -> str:
    """Return the first group of the digest of a step that calls a template by its name, and nothing else."""
    return _digest_call({"template": template})[:_GROUP_DIGITS]


def called_in(call: str) -> str:
    """Return the first group of the digest of a step: the template that it calls."""
    return call[:_GROUP_DIGITS]


def fields_of_call(before: str, after: str) -> list[str]:
    """Return which groups of fields differ between two digests of a step."""
    names = ("template", "arguments", "when", "loop", "other fields")
    groups = zip(_groups(before), _groups(after), names, strict=False)
    return [name for old, new, name in groups if old != new]


def references_of_call(call: str) -> list[str]:
    """Return the digests of the parameters that a step refers to, by the digest of the step."""
    references = call.partition(_REFERS_TO)[2]
    return references.split(_BETWEEN) if references else []


def _groups(call: str) -> Iterator[str]:
    position, call = 0, call.partition(_REFERS_TO)[0]
    while position < len(call):
        length = 1 if call[position] == _ABSENT else _GROUP_DIGITS
        yield call[position : position + length]
        position += length


def _inline(template: Any) -> dict[str, Any]:
    """Return a template within a step, without what is compared by itself."""
    fields = _dict(template)
    for kind in (*_CONTAINERS, *_CONTAINER_LISTS, "containerSet"):
        if kind in fields:
            reduce = _without_compared if kind in _CONTAINERS else _without_listed
            fields = {**fields, kind: reduce(fields[kind])}
    return fields


def _calls(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _dicts(_dict(template.get("dag")).get("tasks"))
    for group in _list(template.get("steps")):
        yield from _dicts(group)


def _containers(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each container of a template with its name; the user's program runs in ``main``.

    Those of a template within a step have the name of the step.
    """
    yield from _own_containers(template)
    for call in _calls(template):
        step = _name(call)
        for name, container in _own_containers(_dict(call.get("inline"))):
            yield (step if name == "main" else f"{step}/{name}"), container


def _own_containers(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in _CONTAINERS:
        if _dict(template.get(kind)):
            yield "main", template[kind]
    for container in _dicts(_dict(template.get("containerSet")).get("containers")):
        yield _name(container), container
    for kind in _CONTAINER_LISTS:
        for container in _dicts(template.get(kind)):
            yield _name(container), container


def _name(named: Mapping[str, Any]) -> str:
    """Return the name of a step or container, clipped: it is repeated for each container and amount within."""
    return str(named.get("name", ""))[:LINE]


def _resources(containers: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, container in containers.items():
        for kind in ("requests", "limits"):
            for resource, quantity in sorted(_dict(_dict(container.get("resources")).get(kind)).items()):
                yield f"{name}.{kind}.{resource}", str(quantity)


def _without_listed(containers: Any) -> Any:
    """Return a list of containers, or a containerSet, without what is compared by itself."""
    if isinstance(containers, dict):
        return {**containers, "containers": _without_listed(containers.get("containers"))}
    return [{"name": each.get("name"), **_without_compared(each)} for each in _dicts(containers)]


def _without_compared(container: Any) -> dict[str, Any]:
    """Return a container without its name, its image, and the requests and limits of its resources."""
    container = _dict(container)
    others = _without(_dict(container.get("resources")), {"requests", "limits"})
    return _without(container, {"name", "image", "resources"}) | ({"resources": others} if others else {})


def _without(value: Mapping[str, Any], keys: set[str] | frozenset[str]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key not in keys}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]
