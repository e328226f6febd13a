"""Installs CustomResourceDefinitions and waits until the API server serves them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import yaml

from controlplane.api import FIELD_MANAGER, Api, Json
from controlplane.argo import YAML_LOADER, argo_cached, argo_crds_dir
from controlplane.errors import ApiError
from controlplane.paths import OWN_WORKFLOW_CRDS_DIR, WFREPORT_CRDS_DIR
from controlplane.waiting import wait_until

# full and minimal are Argo's own, with and without schemas; own is ours, for a machine without Argo.
# auto is minimal if Argo is cached, else own.
Flavour = Literal["auto", "full", "minimal", "own", "none"]


def workflow_crds_dir(flavour: Flavour) -> Path | None:
    """Return the folder with the CRDs of this flavour, or None for `none`.

    Raises:
        BinaryUnavailableError: Argo's CRDs are requested and not available.
    """
    if flavour == "none":
        return None
    if flavour == "own" or (flavour == "auto" and not argo_cached()):
        return OWN_WORKFLOW_CRDS_DIR
    return argo_crds_dir() / ("minimal" if flavour == "auto" else flavour)


def load_crds(folder: Path) -> list[Json]:
    """Return every CustomResourceDefinition in the YAML files directly in `folder`."""
    documents = (document for path in sorted(folder.glob("*.yaml")) for document in _documents(path))
    return [document for document in documents if document and document.get("kind") == "CustomResourceDefinition"]


def _documents(path: Path) -> list[Json]:
    parsed = path.with_suffix(".json")
    if parsed.exists():
        return [json.loads(parsed.read_text())]
    return list(yaml.load_all(path.read_text(), YAML_LOADER))


def default_crds(flavour: Flavour, *, own_kinds: bool = True) -> list[Json]:
    """Return the Workflow CRDs of this flavour and, with `own_kinds`, wfreport's own, if they have been generated."""
    folders = [workflow_crds_dir(flavour), WFREPORT_CRDS_DIR if own_kinds else None]
    return [crd for folder in folders if folder and folder.is_dir() for crd in load_crds(folder)]


def install_crds(api: Api, crds: Iterable[Json], *, timeout_seconds: float = 60) -> None:
    """Create or update `crds` and wait until all of them are served."""
    wanted = list(crds)
    # The server spends seconds on each of Argo's full schemas. Parallel requests halve the time.
    with ThreadPoolExecutor(max_workers=4) as workers:
        list(workers.map(lambda crd: _install(api, crd), wanted))
    wait_until_served(api, wanted, timeout_seconds=timeout_seconds)


def _install(api: Api, crd: Json) -> None:
    """Create the CRD, or apply it if it exists. Creating is three times cheaper."""
    try:
        api.post(_CRDS, crd, fieldManager=FIELD_MANAGER)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        api.apply(f"{_CRDS}/{crd['metadata']['name']}", crd)


def wait_until_served(api: Api, crds: Iterable[Json], *, timeout_seconds: float = 60) -> None:
    """Wait until every version of `crds` can be listed and is in discovery."""
    for crd in crds:
        _wait_for_versions(api, crd, timeout_seconds)


def _wait_for_versions(api: Api, crd: Json, timeout_seconds: float) -> None:
    spec = crd["spec"]
    for version in spec["versions"]:
        if version.get("served"):
            group_version = f"/apis/{spec['group']}/{version['name']}"
            wait_until(
                lambda base=group_version: _is_served(api, base, spec["names"]["plural"]),  # type: ignore[misc]
                what=f"{crd['metadata']['name']} to be served",
                timeout_seconds=timeout_seconds,
                interval_seconds=0.05,
            )


def _is_served(api: Api, group_version: str, plural: str) -> bool:
    """Return whether requests succeed. The condition Established is up to a second early."""
    try:
        api.get(f"{group_version}/{plural}", limit=1)
        listed = api.get(group_version)["resources"]
    except ApiError as error:
        if error.status in _NOT_YET:
            return False
        raise
    return any(resource["name"] == plural for resource in listed)


_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Unknown, storage (re)initializing, not ready.
_NOT_YET = frozenset({404, 429, 503})
