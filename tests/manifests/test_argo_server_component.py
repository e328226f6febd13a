"""The component for Argo Server works with both installations, and configures all settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from wfreport.settings import Settings

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"


@pytest.mark.cluster
@pytest.mark.parametrize("overlay", ["default", "namespaced"])
def test_token_and_ca_are_mounted_at_the_paths_in_the_settings(
    plane: ControlPlane, tmp_path: Path, overlay: str
) -> None:
    here = tmp_path.resolve()
    kustomization = {
        "resources": [os.path.relpath(MANIFESTS / "overlays" / overlay, here)],
        "components": [os.path.relpath(MANIFESTS / "components" / "argo-server", here)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    built: list[dict[str, Any]] = list(yaml.safe_load_all(plane.kubectl("kustomize", tmp_path)))
    (deployment,) = (made for made in built if made["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"].removeprefix("WFREPORT_").lower(): entry.get("value") for entry in container["env"]}
    assert env.keys() <= Settings.model_fields.keys()
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    for name in ("argo_server_token_file", "argo_server_ca_file"):
        assert str(Path(str(env[name])).parent) in mounts
    (tmp_path / "deployment.json").write_text(yaml.safe_dump(deployment | {"metadata": {"name": "wfreport"}}))
    plane.kubectl("apply", "--server-side", "--dry-run=server", "-f", tmp_path / "deployment.json")
