"""The variants of an installation, each rendered by kustomize and by Helm."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from controlplane.binaries import binary, kubectl

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "wfreport"
MANIFESTS = ROOT / "manifests"
CRDS = ROOT / "crds"
SYSTEM = "wfreport-system"
ARGO = "argo"

ACTIONS = ("label-pods", "notify", "resubmit", "retry", "stop", "suspend-cron")
FOR_A_NAMESPACE = (
    *(f"remediate-{action}" for action in ACTIONS),
    *("argo-server", "network-policy", "prometheus", "alerts", "grafana"),
)

Object = dict[str, Any]
Objects = dict[tuple[str, str], Object]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to install.

    Attributes:
        name: of the chart's values, ``ci/<name>-values.yaml``.
        resources: what the equivalent kustomization contains.
        components: and the components it adds.
        namespace: where the operator runs.
    """

    name: str
    resources: tuple[Path, ...] = (MANIFESTS / "overlays" / "default",)
    components: tuple[str, ...] = ()
    namespace: str = SYSTEM

    @property
    def values(self) -> Path:
        return CHART / "ci" / f"{self.name}-values.yaml"


NAMESPACED = (MANIFESTS / "overlays" / "namespaced",)
VARIANTS = (
    Variant("default"),
    Variant("without-crds", (MANIFESTS / "overlays" / "without-crds",)),
    Variant("without-logs", (CRDS, MANIFESTS / "base")),
    Variant("namespaced", NAMESPACED, namespace=ARGO),
    *(Variant(action, components=(f"remediate-{action}",)) for action in ACTIONS),
    *(
        Variant(component, components=(component,))
        for component in (
            *("admission-policy", "alerts", "argo-server", "grafana", "network-policy", "pod-monitor"),
            *("policies-for-edit", "prometheus", "ui"),
        )
    ),
    Variant("everything", components=(*FOR_A_NAMESPACE, "admission-policy", "policies-for-edit", "ui")),
    Variant("namespaced-everything", NAMESPACED, FOR_A_NAMESPACE, ARGO),
)


def by_kustomize(variant: Variant) -> list[Object]:
    """Render the variant with a kustomization of its own."""
    return documents(_kustomized(variant))


@cache
def _kustomized(variant: Variant) -> str:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization_of(variant, folder)))
        return run(kubectl(), "kustomize", folder)


def kustomization_of(variant: Variant, here: Path) -> Object:
    """Return the kustomization that a user would write in the folder `here`."""
    kustomization: Object = {
        "resources": [os.path.relpath(path, here) for path in variant.resources],
        "components": [os.path.relpath(MANIFESTS / "components" / name, here) for name in variant.components],
    }
    if variant.namespace != SYSTEM:
        kustomization["namespace"] = variant.namespace
    return kustomization


def by_helm(values: Path, *options: str, namespace: str = SYSTEM, release: str = "wfreport") -> list[Object]:
    """Render the chart."""
    return documents(_templated(release, namespace, values.read_text(), options))


@cache
def _templated(release: str, namespace: str, values: str, options: tuple[str, ...]) -> str:
    where = ("--namespace", namespace, "--values", "-")
    return run(binary("helm"), "template", release, CHART, *where, *options, stdin=values)


def run(*command: str | Path, stdin: str = "") -> str:
    """Run a program and return its stdout; its stderr is in the error."""
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def documents(text: str) -> list[Object]:
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]
