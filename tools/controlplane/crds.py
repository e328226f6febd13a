"""Installs CustomResourceDefinitions and waits until their objects can really be asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import yaml

from controlplane.api import FIELD_MANAGER, Api, Json
from controlplane.argo import YAML_LOADER, argo_crds_dir, argo_dir
from controlplane.errors import ApiError, ControlPlaneError
from controlplane.paths import OWN_WORKFLOW_CRDS_DIR, WFREPORT_CRDS_DIR
from controlplane.waiting import wait_until

# full and minimal are Argo's flavours, own is ours without a schema; auto: minimal where Argo is, else own.
Flavour = Literal["auto", "full", "minimal", "own", "none"]


def workflow_crds_dir(flavour: Flavour) -> Path | None:
    """The folder with the CRDs of this flavour; None for `none`.

    Raises:
        ControlPlaneError: Argo's are asked for by name, and this machine does not have them.
    """
    if flavour == "none":
        return None
    folder = argo_dir()
    if flavour == "own" or (flavour == "auto" and folder is None):
        return OWN_WORKFLOW_CRDS_DIR
    if folder is None:
        raise ControlPlaneError(f"Argo's {flavour} CRDs need $WFREPORT_ARGO_DIR or ../shared/argo; or take `own`")
    return argo_crds_dir(folder) / ("minimal" if flavour == "auto" else flavour)


def load_crds(folder: Path) -> list[Json]:
    """Every CustomResourceDefinition in the YAML files right under `folder`."""
    documents = (document for path in sorted(folder.glob("*.yaml")) for document in _documents(path))
    return [document for document in documents if document and document.get("kind") == "CustomResourceDefinition"]


def _documents(path: Path) -> list[Json]:
    parsed = path.with_suffix(".json")
    if parsed.exists():
        return [json.loads(parsed.read_text())]
    return list(yaml.load_all(path.read_text(), YAML_LOADER))


def default_crds(flavour: Flavour) -> list[Json]:
    """The Workflow CRDs of this flavour, and wfreport's own where they have been made."""
    folders = [workflow_crds_dir(flavour), WFREPORT_CRDS_DIR]
    return [crd for folder in folders if folder and folder.is_dir() for crd in load_crds(folder)]


def install_crds(api: Api, crds: Iterable[Json], *, timeout_seconds: float = 60) -> None:
    """Create or update `crds` and wait until all of them are served."""
    wanted = list(crds)
    # The server spends seconds on each of Argo's full schemas; side by side they take half.
    with ThreadPoolExecutor(max_workers=4) as workers:
        list(workers.map(lambda crd: _install(api, crd), wanted))
    wait_until_served(api, wanted, timeout_seconds=timeout_seconds)


def _install(api: Api, crd: Json) -> None:
    """Create is three times cheaper than an apply, which is needed only where the CRD is there already."""
    try:
        api.post(_CRDS, crd, fieldManager=FIELD_MANAGER)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        api.apply(f"{_CRDS}/{crd['metadata']['name']}", crd)


def wait_until_served(api: Api, crds: Iterable[Json], *, timeout_seconds: float = 60) -> None:
    """Wait until the objects of every version of `crds` can be listed and are in discovery."""
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
    """Established alone is too early: the handler and discovery follow by up to a second."""
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
