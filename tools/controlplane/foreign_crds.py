"""CRDs of other projects, from their Go modules. Nothing of them is built.

A module's digest is pinned here, as go.sum would: a go.mod that requires these modules would need the digests of
thousands of others.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from controlplane.api import Json
from controlplane.crds import load_crds
from controlplane.errors import BinaryUnavailableError
from controlplane.golang import find_go, go_env
from controlplane.locking import exclusive
from controlplane.paths import cache_dir


@dataclass(frozen=True, slots=True)
class Module:
    """A Go module whose repository contains CRDs.

    Attributes:
        path: the module.
        version: its version.
        digest: the module's digest, as in go.sum.
        folder: the folder of its CRDs.
        crds: file names of the CRDs that are used.
    """

    path: str
    version: str
    digest: str
    folder: str
    crds: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its repository."""
        return self.path.split("/")[2]


PROMETHEUS_OPERATOR = Module(
    "github.com/prometheus-operator/prometheus-operator",
    "v0.92.1",
    "h1:rHWuFo6SVya4FBSCNg2DCzyc4xAv54zk3eDTzp5mQZc=",
    "example/prometheus-operator-crd",
    tuple(f"monitoring.coreos.com_{kind}.yaml" for kind in ("podmonitors", "prometheusrules", "servicemonitors")),
)


ARGO_CD = Module(
    "github.com/argoproj/argo-cd/v3",
    "v3.2.0",
    "h1:m2eGAV+nXQGgzZbH5SyJD5laaPW27mzWXBrgisUHY/0=",
    "manifests/crds",
    ("application-crd.yaml",),
)
_FLUX_BASES = "config/crd/bases"
# The controllers of Flux 2.7.
FLUX = (
    Module(
        "github.com/fluxcd/source-controller",
        "v1.7.0",
        "h1:/fBgS4CSmT5Jj/fjQDF92y+pC3gst1GJjgNSzY8Ff9I=",
        _FLUX_BASES,
        ("source.toolkit.fluxcd.io_ocirepositories.yaml",),
    ),
    Module(
        "github.com/fluxcd/helm-controller",
        "v1.4.0",
        "h1:rkm8rmB6Na7eNc4pJOnvtXEaJ19iKluRtayHKjBxcUM=",
        _FLUX_BASES,
        ("helm.toolkit.fluxcd.io_helmreleases.yaml",),
    ),
    Module(
        "github.com/fluxcd/kustomize-controller",
        "v1.7.3",
        "h1:SzNnGn/4ObAPEHHleM5U7y/AKxKXph3Vj6ZhteeXw8M=",
        _FLUX_BASES,
        ("kustomize.toolkit.fluxcd.io_kustomizations.yaml",),
    ),
)


def foreign_crds(module: Module) -> list[Json]:
    """Return the CRDs of a module, downloading it into the cache if necessary.

    Raises:
        BinaryUnavailableError: the module cannot be downloaded, or its digest differs.
    """
    folder = cache_dir() / "crds" / f"{module.name}-{module.version}"
    if not folder.exists():
        with exclusive(cache_dir() / "locks" / folder.name, what=module.path):
            if not folder.exists():
                _copy(module, folder)
    return load_crds(folder)


def _copy(module: Module, target: Path) -> None:
    source = _download(module) / module.folder
    unfinished = target.with_name(f"{target.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name in module.crds:
        shutil.copyfile(source / name, unfinished / name)
    unfinished.rename(target)


def _download(module: Module) -> Path:
    command = [str(find_go()), "mod", "download", "-json", f"{module.path}@{module.version}"]
    with tempfile.TemporaryDirectory() as elsewhere:  # outside of any module
        done = subprocess.run(
            command, cwd=elsewhere, env=go_env() | {"GOFLAGS": "-mod=mod"}, capture_output=True, text=True, check=False
        )
    answer = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if "Dir" not in answer:
        raise BinaryUnavailableError(
            f"cannot download {module.path}: {answer.get('Error') or done.stderr.strip()[-800:]}"
        )
    if answer.get("Sum") != module.digest:
        raise BinaryUnavailableError(
            f"{module.path} {module.version} has the digest {answer.get('Sum')}, not {module.digest}"
        )
    return Path(answer["Dir"])
