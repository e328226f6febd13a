"""Writes down what was run, in at most 4 KiB, so that later runs can be compared with it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from wfreport.api.comparison import MAX_TEMPLATES, RunDefinition, TemplateDefinition
from wfreport.api.run import NamedValue
from wfreport.api.wire import SHORT
from wfreport.core.compare.parameters import stable_value
from wfreport.core.redact.text import TextSanitizer, clip
from wfreport.core.snapshot.definition import TemplateDigest, digest
from wfreport.core.snapshot.model import PodEvidence, Snapshot

MAX_BYTES: Final = 4096
_MAX_MACHINES: Final = 10
_MAX_PARTS: Final = 32
_MAX_STEPS: Final = 128
_MAX_CONTAINERS: Final = 16
_EXECUTORS: Final = ("wait", "init")


def define_run(
    snapshot: Snapshot,
    evidence: Mapping[str, PodEvidence],
    parameters: Iterable[NamedValue],
    sanitizer: TextSanitizer,
    stored: RunDefinition | None = None,
) -> RunDefinition | None:
    """Return the definition of a run that has ended; None if it is unknown, or the run goes on.

    Args:
        snapshot: the run.
        evidence: evidence of its pods, by pod name.
        parameters: its arguments, as the report lists them.
        sanitizer: redacts and cuts names.
        stored: the definition in the report: the version of Argo is only known while a pod is.
    """
    definition = snapshot.definition
    if definition is None or not snapshot.workflow.status.is_completed:
        return None
    whole = RunDefinition(
        digest=definition.digest,
        parameters_digest=_parameters_digest(parameters, snapshot),
        spec=_cut(definition.spec, _MAX_PARTS),
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
    without_steps = [each.model_copy(update={"steps": None}) for each in without_parts]
    count = len(without_steps)
    while count:
        yield whole.model_copy(update={"templates": without_steps[:count], "truncated": True})
        count //= 2
    yield RunDefinition(digest=whole.digest, parameters_digest=whole.parameters_digest, truncated=True)


def _template(template: TemplateDigest, sanitizer: TextSanitizer) -> TemplateDefinition:
    images = {name: sanitizer.line(image) for name, image in list(template.images.items())[:_MAX_CONTAINERS]}
    return TemplateDefinition(
        name=sanitizer.line(template.name),
        digest=template.digest,
        parts=_cut(template.parts, _MAX_PARTS) or {},
        steps=_cut(template.steps, _MAX_STEPS),
        images=_cut(images, _MAX_CONTAINERS),
        resources=_cut({name: clip(value, SHORT) or "" for name, value in template.resources.items()}, _MAX_PARTS),
    )


def _cut(values: Mapping[str, str], limit: int) -> dict[str, str] | None:
    """Return the first values; None if there are none."""
    return {clip(key) or "": value for key, value in list(values.items())[:limit]} or None


def _parameters_digest(parameters: Iterable[NamedValue], snapshot: Snapshot) -> str:
    """Return the digest of the redacted values: from the digest of a secret, the secret could be guessed."""
    metadata = snapshot.workflow.metadata
    return digest([(each.name, stable_value(each.value or "", (metadata.name, metadata.uid))) for each in parameters])


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
