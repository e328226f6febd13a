"""Writes down what was run, in at most 4 KiB, so that later runs can be compared with it."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from wfreport.api.argo import Parameter
from wfreport.api.comparison import (
    DEFINITION_FORMAT,
    MAX_CONTAINERS,
    MAX_PARTS,
    MAX_STEPS,
    MAX_TEMPLATES,
    RunDefinition,
    TemplateDefinition,
)
from wfreport.api.run import NamedValue
from wfreport.api.wire import SHORT
from wfreport.core.compare.parameters import stable_value, without_names
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.render.steps import MAX_VALUE_LENGTH
from wfreport.core.snapshot.definition import TemplateDigest
from wfreport.core.snapshot.digests import VALUE, digest, digest_names, digest_part
from wfreport.core.snapshot.model import PodEvidence, Snapshot

MAX_BYTES: Final = 4096
_MAX_MACHINES: Final = 10
_EXECUTORS: Final = ("wait", "init")


def define_run(
    snapshot: Snapshot,
    evidence: Mapping[str, PodEvidence],
    arguments: Collection[Parameter],
    parameters: Collection[NamedValue],
    sanitizer: TextSanitizer,
    stored: RunDefinition | None = None,
) -> RunDefinition | None:
    """Return the definition of a run that has ended; None if it is unknown, or the run goes on.

    Args:
        snapshot: the run.
        evidence: evidence of its pods, by pod name.
        arguments: its arguments.
        parameters: the same, as the report lists them.
        sanitizer: redacts and cuts names.
        stored: the definition in the report: the version of Argo is only known while a pod is.
    """
    definition = snapshot.definition
    if definition is None or not snapshot.workflow.status.is_completed:
        return None
    whole = RunDefinition(
        format=DEFINITION_FORMAT,
        digest=definition.digest,
        parameters_digest=_parameters_digest(parameters, snapshot),
        parameters=_unlisted_parameters(arguments, parameters, snapshot, sanitizer) or None,
        spec=_cut(_sanitized(definition.spec, sanitizer), MAX_PARTS),
        templates_total=_total(len(definition.templates), MAX_TEMPLATES),
        templates=[_template(each, sanitizer) for each in definition.templates[:MAX_TEMPLATES]] or None,
        machines=_machines(snapshot, sanitizer) or None,
        argo_version=_argo_version(evidence.values()) or (stored.argo_version if stored else None),
        truncated=len(definition.templates) > MAX_TEMPLATES or None,
    )
    return next(each for each in _shorter(whole) if len(msgspec.json.encode(each)) <= MAX_BYTES)


def _shorter(whole: RunDefinition) -> Iterator[RunDefinition]:
    """Yield the definition, then with less and less of its templates."""
    yield whole
    templates = whole.templates or []
    without_parts = [each.model_copy(update={"parts": None}) for each in templates]
    yield whole.model_copy(update={"templates": without_parts, "truncated": True})
    with_names = [_with_step_names(each) for each in templates]
    yield whole.model_copy(update={"templates": with_names, "truncated": True})
    names_without_parts = [each.model_copy(update={"parts": None}) for each in with_names]
    yield whole.model_copy(update={"templates": names_without_parts, "truncated": True})
    without_steps = [each.model_copy(update={"steps": None}) for each in without_parts]
    digests = [TemplateDefinition(name=each.name, digest=each.digest) for each in templates]
    for count in _halves(len(templates)):
        update = {"templates": [*without_steps[:count], *digests[count:]], "truncated": True}
        yield whole.model_copy(update=update)
    total = whole.templates_total or len(templates)
    for count in _halves(len(templates)):
        update = {"templates": digests[:count], "templates_total": _total(total, count), "truncated": True}
        yield whole.model_copy(update=update)
    yield RunDefinition(
        format=whole.format, digest=whole.digest, parameters_digest=whole.parameters_digest, truncated=True,
        templates_total=total or None,
    )  # fmt: skip


def _halves(count: int) -> Iterator[int]:
    while count:
        yield count
        count //= 2


def _with_step_names(template: TemplateDefinition) -> TemplateDefinition:
    """Return a template with the digests of the names of its steps instead of those of the steps."""
    if not template.steps:
        return template
    return template.model_copy(update={"steps": None, "step_names": digest_names(template.steps)})


def _total(count: int, listed: int) -> int | None:
    return count if count > listed else None


def _template(template: TemplateDigest, sanitizer: TextSanitizer) -> TemplateDefinition:
    images = {name: sanitizer.line(image) for name, image in list(template.images.items())[:MAX_CONTAINERS]}
    return TemplateDefinition(
        name=sanitizer.line(template.name),
        digest=template.digest,
        parts=_cut(_sanitized(template.parts, sanitizer), MAX_PARTS) or {},
        steps=_cut(template.steps, MAX_STEPS) if len(template.steps) <= MAX_STEPS else None,
        images=_cut(images, MAX_CONTAINERS),
        resources=_cut({name: clip(value, SHORT) or "" for name, value in template.resources.items()}, MAX_PARTS),
    )


def _sanitized(parts: Mapping[str, str], sanitizer: TextSanitizer) -> dict[str, str]:
    """Return the first parts of a definition; a short value that is redacted in all texts has no value."""
    return {key: _sanitized_part(key, part, sanitizer) for key, part in islice(parts.items(), MAX_PARTS)}


def _sanitized_part(key: str, part: str, sanitizer: TextSanitizer) -> str:
    value = part.removeprefix(VALUE)
    if value == part:
        return part
    redacted = sanitizer.value(key, value, SHORT)
    # from the digest of a short secret, the secret could be guessed
    return part if redacted == value else digest_part(redacted)


def _cut(values: Mapping[str, str], limit: int) -> dict[str, str] | None:
    """Return the first values; None if there are none."""
    return {clip(key) or "": value for key, value in list(values.items())[:limit]} or None


def _parameters_digest(parameters: Iterable[NamedValue], snapshot: Snapshot) -> str:
    """Return the digest of the redacted values: from the digest of a secret, the secret could be guessed."""
    metadata = snapshot.workflow.metadata
    return digest([(each.name, stable_value(each.value or "", (metadata.name, metadata.uid))) for each in parameters])


def _unlisted_parameters(
    arguments: Collection[Parameter], listed: Collection[NamedValue], snapshot: Snapshot, sanitizer: TextSanitizer
) -> dict[str, str]:
    """Return digests of the redacted arguments that the report leaves out or cuts."""
    metadata = snapshot.workflow.metadata
    names = (metadata.name, metadata.uid)
    found: dict[str, str] = {}
    for position, argument in enumerate(arguments):
        is_listed = position < len(listed) and not _is_long(argument.value)
        if not is_listed and len(found) < MAX_PARTS:
            text = argument.value if isinstance(argument.value, str) else json.dumps(argument.value)
            redacted = sanitizer.value_to_digest(argument.name, without_names(text, names))
            found[clip(argument.name) or ""] = digest_part(redacted)
    return found


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > MAX_VALUE_LENGTH


def _machines(snapshot: Snapshot, sanitizer: TextSanitizer) -> list[str]:
    names = sorted({node.host_node_name for node in snapshot.nodes.values() if node.host_node_name})
    return [sanitizer.line(name) for name in names[:_MAX_MACHINES]]


def _argo_version(evidence: Iterable[PodEvidence]) -> str | None:
    """Return the tag of argoexec's image in the first observed pod; None if it has no tag."""
    for each in evidence:
        spec = each.pod.spec if each.pod else None
        for container in (*spec.containers, *spec.init_containers) if spec else ():
            if container.name in _EXECUTORS:
                tag = container.image.partition("@")[0].rpartition("/")[2].partition(":")[2]
                return tag[:SHORT] or None
    return None
