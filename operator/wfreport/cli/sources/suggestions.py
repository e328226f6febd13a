"""Suggests names for one that was not found: similar runs, similar namespaces, or the same run in another namespace."""

from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Any, Final

from wfreport.api.names import LABEL_WORKFLOW
from wfreport.cli.render.style import one_line
from wfreport.cli.sources.cluster import Cluster
from wfreport.kube.errors import ApiError
from wfreport.kube.kinds import NAMESPACE, REMEDIATION, REPORT, WORKFLOW, ResourceType
from wfreport.kube.resource import Document, Resource

_RUNS: Final = ((REPORT, "spec.workflowRef.name"), (WORKFLOW, "metadata.name"))
"""The kinds that describe a run, and the field of each with the name of the Workflow."""

_MAX_NAMES: Final = 5_000
_MAX_SUGGESTIONS: Final = 3
_SIMILARITY: Final = 0.7


async def suggest_run(cluster: Cluster, name: str) -> str:
    """Return a clause that suggests what to give instead of this run; empty if nothing is similar or readable."""
    return await _suggest(cluster, name, [each async for each in run_names(cluster)], _RUNS)


async def suggest_workflow(cluster: Cluster, name: str) -> str:
    """Return a clause as ``suggest_run``, about Workflows that still exist."""
    names = [metadata["name"] async for metadata in _metadata(cluster, WORKFLOW)]
    return await _suggest(cluster, name, names, _RUNS[1:])


async def _suggest(cluster: Cluster, name: str, names: list[str], kinds: Sequence[tuple[ResourceType, str]]) -> str:
    if wrong := await suggest_namespace(cluster):
        return wrong
    if similar := _similar(name, names):
        return similar
    elsewhere = await _namespaces_with(cluster, name, kinds)
    if not elsewhere:
        return ""
    return f"; namespace {' and '.join(elsewhere)} has it: add -n {elsewhere[0]}"


async def suggest_remediation(cluster: Cluster, name: str) -> str:
    """Return a clause that suggests what to give instead of this Remediation."""
    if wrong := await suggest_namespace(cluster):
        return wrong
    return _similar(name, await remediation_names(cluster))


async def suggest_namespace(cluster: Cluster) -> str:
    """Return a clause that the namespace does not exist; empty if it does, or if namespaces cannot be listed."""
    names = await namespace_names(cluster)
    if not names or cluster.namespace in names:
        return ""
    return f"; there is no namespace {one_line(cluster.namespace)}{_similar(cluster.namespace, names)}"


async def run_names(cluster: Cluster) -> AsyncIterator[str]:
    """Yield the names of the Workflows that have a report, and of those that exist; of each kind, what is readable."""
    seen: set[str] = set()
    async for metadata in _metadata(cluster, REPORT):
        name = metadata.get("labels", {}).get(LABEL_WORKFLOW) or metadata["name"]
        if name not in seen:
            seen.add(name)
            yield name
    async for metadata in _metadata(cluster, WORKFLOW):
        if metadata["name"] not in seen:
            yield metadata["name"]


async def namespace_names(cluster: Cluster) -> list[str]:
    """Return the names of all namespaces; none if they cannot be listed."""
    return [metadata["name"] async for metadata in _metadata(cluster, NAMESPACE, is_namespaced=False)]


async def remediation_names(cluster: Cluster) -> list[str]:
    """Return the names of the Remediations of the namespace; none if they cannot be listed."""
    return [metadata["name"] async for metadata in _metadata(cluster, REMEDIATION)]


async def _metadata(
    cluster: Cluster, kind: ResourceType, *, is_namespaced: bool = True
) -> AsyncIterator[dict[str, Any]]:
    """Yield the metadata of the first objects; an error ends the list, since a suggestion is only a courtesy."""
    objects = Resource(cluster.client, kind, Document, metadata_only=True)
    number = 0
    try:
        async for item in objects.list(cluster.namespace if is_namespaced else None):
            yield item["metadata"]
            number += 1
            if number >= _MAX_NAMES:
                return
    except ApiError:
        return


async def _namespaces_with(cluster: Cluster, workflow: str, kinds: Sequence[tuple[ResourceType, str]]) -> list[str]:
    found: dict[str, None] = {}
    for kind, field in kinds:
        objects = Resource(cluster.client, kind, Document, metadata_only=True)
        try:
            async for item in objects.list(None, field_selector=f"{field}={workflow}"):
                found[item["metadata"]["namespace"]] = None
        except ApiError:
            continue
    return list(found)[:_MAX_SUGGESTIONS]


def _similar(name: str, names: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  (most names are found)

    starting = [each for each in names if each.startswith(name)]
    similar = dict.fromkeys(chain(get_close_matches(name, names, cutoff=_SIMILARITY), starting))
    shown = list(similar)[:_MAX_SUGGESTIONS]
    return f"; did you mean {' or '.join(map(one_line, shown))}?" if shown else ""
