"""Digests a run's templates when it is decoded, so that a later run can be compared with it.

The templates of a run are those of its spec, or of ``status.storedWorkflowTemplateSpec``, and the referenced ones in
``status.storedTemplates``. Only digests, images and resources are kept: the Workflow of a successful run is deleted
long before a later one fails. Digests do not depend on the order of keys.
"""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from wfreport.api.argo import Struct

_DIGITS: Final = 12
_PART_DIGITS: Final = 6
_CONTAINERS: Final = ("container", "script")
_CONTAINER_LISTS: Final = ("initContainers", "sidecars")
_WITHOUT_MEANING: Final = frozenset({"name", "metadata"})
_APART: Final = frozenset({"image", "resources", "name"})
"""Fields of a container that are compared by themselves."""
_ORDER: Final = ("dependencies", "depends")
"""Fields of a task that change when another task comes or goes."""
_REMEMBERED: Final = 1024
_REMEMBERED_BYTES: Final = 16 * 1024
"""Digests of so many short templates are remembered, in at most 16 MiB."""
_NOT_IN_SPEC: Final = frozenset(
    {"templates", "arguments", "shutdown", "suspend", "workflowTemplateRef", "ttlStrategy", "priority"}
)


class TemplateDigest(msgspec.Struct, frozen=True):
    """A template, as far as it is compared.

    Attributes:
        name: its name; with its scope if it is a referenced one.
        digest: digest of the whole template.
        parts: digests of its fields, apart from steps, images and resources.
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
        digest: digest of everything below.
        spec: digests of the spec's fields, apart from templates and parameters.
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


_DOCUMENT: Final = msgspec.json.Decoder(_DefinitionDocument)
_TEMPLATES: Final = msgspec.json.Decoder(list[msgspec.Raw])


def digest_definition(raw: bytes) -> DefinitionDigest | None:
    """Return the digests of a Workflow's definition; None if it cannot be read."""
    try:
        return _digest_document(_DOCUMENT.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _digest_document(document: _DefinitionDocument) -> DefinitionDigest:
    spec = document.status.stored_workflow_template_spec or document.spec
    templates = [_digest_json("", template) for template in _TEMPLATES.decode(spec.get("templates", b"[]"))]
    templates += [_digest_json(key, raw) for key, raw in sorted(document.status.stored_templates.items())]
    others = {key: msgspec.json.decode(raw) for key, raw in sorted(spec.items()) if key not in _NOT_IN_SPEC}
    artifacts = _dict(msgspec.json.decode(spec.get("arguments", b"{}"))).get("artifacts")
    others |= {"arguments.artifacts": artifacts} if artifacts else {}
    parts = {key: digest(value, _PART_DIGITS) for key, value in others.items() if value}
    return DefinitionDigest(digest([parts, [(each.name, each.digest) for each in templates]]), parts, tuple(templates))


def _digest_json(key: str, raw: msgspec.Raw) -> TemplateDigest:
    """Digest a template of the spec, or the referenced one that is stored under ``key``."""
    text = bytes(raw)
    return _digest_known(key, text) if len(text) <= _REMEMBERED_BYTES else _digest_template(key, text)


@functools.lru_cache(maxsize=_REMEMBERED)
def _digest_known(key: str, text: bytes) -> TemplateDigest:
    """Do the same for a short template, once: the runs of a cron have equal ones."""
    return _digest_template(key, text)


def digest(value: object, digits: int = _DIGITS) -> str:
    """Return the digest of a JSON value."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:digits]


def _digest_template(key: str, text: bytes) -> TemplateDigest:
    template = _dict(msgspec.json.decode(text))
    containers = dict(_containers(template))
    calls = list(_calls(template))
    parts = {key: value for key, value in template.items() if key not in {*_WITHOUT_MEANING, "dag", "steps"}}
    for kind in _CONTAINERS:
        parts |= {key: value for key, value in _dict(parts.pop(kind, None)).items() if key not in _APART}
    for kind in (*_CONTAINER_LISTS, "containerSet"):
        parts |= {kind: _without_compared(parts.pop(kind))} if kind in parts else {}
    parts |= {"dag": _without(_dict(template.get("dag")), {"tasks"})} if _dict(template.get("dag")) else {}
    order = [[str(call.get("name", "")), *(call.get(key) for key in _ORDER)] for call in calls]
    parts |= {"order": order} if calls else {}
    return TemplateDigest(
        name=key or str(template.get("name", "")),
        digest=digest(_without(template, _WITHOUT_MEANING)),
        parts={field: digest(value, _PART_DIGITS) for field, value in sorted(parts.items()) if value},
        steps={str(call.get("name", "")): digest(_without(call, set(_ORDER)), _PART_DIGITS) for call in calls},
        images={container: str(each["image"]) for container, each in containers.items() if each.get("image")},
        resources=dict(_resources(containers)),
    )


def _calls(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from _dicts(_dict(template.get("dag")).get("tasks"))
    for group in _list(template.get("steps")):
        yield from _dicts(group)


def _containers(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each container of a template with its name; the user's program runs in ``main``."""
    for kind in _CONTAINERS:
        if _dict(template.get(kind)):
            yield "main", template[kind]
    for container in _dicts(_dict(template.get("containerSet")).get("containers")):
        yield str(container.get("name", "")), container
    for kind in _CONTAINER_LISTS:
        for container in _dicts(template.get(kind)):
            yield str(container.get("name", "")), container


def _resources(containers: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, container in containers.items():
        for kind in ("requests", "limits"):
            for resource, quantity in sorted(_dict(_dict(container.get("resources")).get(kind)).items()):
                yield f"{name}.{kind}.{resource}", str(quantity)


def _without_compared(containers: Any) -> Any:
    """Return a list of containers, or a containerSet, without what is compared by itself."""
    if isinstance(containers, dict):
        return {**containers, "containers": _without_compared(containers.get("containers"))}
    return [_without(container, {"image", "resources"}) for container in _dicts(containers)]


def _without(value: Mapping[str, Any], keys: set[str] | frozenset[str]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key not in keys}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]
