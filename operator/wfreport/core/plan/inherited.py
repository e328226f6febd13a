"""Labels and annotations that a resubmission inherits, and detection of objects that are managed in Git.

Mirrors ``FormulateResubmitWorkflow`` (util.go:749), which copies all but a few labels; the operator leaves out
more. docs/explanation/argo-behaviour.md explains what to do when a new Argo version changes it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from wfreport.api.names import GROUP

ARGO_DOMAIN: Final = "argoproj.io"

_NOT_RESUBMITTED: Final = frozenset(
    f"workflows.argoproj.io/{name}"
    for name in (
        "creator",
        "creator-email",
        "creator-preferred-username",
        "phase",
        "completed",
        "workflow-archiving-status",
    )
)
"""Labels and annotations that ``argo resubmit`` leaves out."""

_ALSO_LEFT_OUT: Final = frozenset(
    {
        # the person who stopped or retried the old run (workflow/creator/creator.go)
        "workflows.argoproj.io/actor",
        "workflows.argoproj.io/actor-email",
        "workflows.argoproj.io/actor-preferred-username",
        "workflows.argoproj.io/action",
        # the old run's trace (workflow/common/common.go:72)
        "workflows.argoproj.io/trace-id",
        "workflows.argoproj.io/span-id",
        "kubectl.kubernetes.io/last-applied-configuration",
        # Argo CD would consider the new run its own, and prune it
        "app.kubernetes.io/instance",
    }
)
_DOMAINS_LEFT_OUT: Final = (GROUP, "argocd.argoproj.io", "fluxcd.io", "kopf.zalando.org", "kopf.dev")

_GIT_MANAGERS: Final = {
    "argocd.argoproj.io": "Argo CD",
    "kustomize.toolkit.fluxcd.io": "Flux",
    "helm.toolkit.fluxcd.io": "Flux",
}
_FIELD_MANAGERS: Final = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
"""Field managers: ``ArgoCDSSAManager`` of Argo CD, and the names of Flux' controllers."""


def inherited_by_resubmission(entries: Mapping[str, str]) -> dict[str, str]:
    """Return the labels or annotations that a resubmission inherits."""
    return {key: value for key, value in entries.items() if is_inherited(key)}


def is_inherited(key: str) -> bool:
    """Return whether a resubmission inherits this label or annotation."""
    return key not in _NOT_RESUBMITTED and key not in _ALSO_LEFT_OUT and not _is_of(key, _DOMAINS_LEFT_OUT)


def git_manager(labels: Mapping[str, str], annotations: Mapping[str, str], field_managers: Iterable[str]) -> str | None:
    """Return the GitOps tool that manages the object and would revert a manual change, or None.

    ``app.kubernetes.io/instance`` alone is no indication, because Helm writes it too.
    """
    for key in (*labels, *annotations):
        for domain, manager in _GIT_MANAGERS.items():
            if _is_of(key, (domain,)):
                return manager
    return next((_FIELD_MANAGERS[name] for name in field_managers if name in _FIELD_MANAGERS), None)


def is_argos(key: str) -> bool:
    """Return whether a label is one of Argo's own."""
    return _is_of(key, (ARGO_DOMAIN,))


def _is_of(key: str, domains: Iterable[str]) -> bool:
    prefix, slash, _ = key.rpartition("/")
    return bool(slash) and any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)
