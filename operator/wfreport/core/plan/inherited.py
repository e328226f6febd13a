"""Which labels and annotations a new run takes over, and who manages an object by what they say."""

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
"""What ``argo resubmit`` leaves out (FormulateResubmitWorkflow, workflow/util/util.go:749)."""

_NOT_OURS_TO_PASS_ON: Final = frozenset(
    {
        # who stopped or retried the old run did nothing to the new one (workflow/creator/creator.go)
        "workflows.argoproj.io/actor",
        "workflows.argoproj.io/actor-email",
        "workflows.argoproj.io/actor-preferred-username",
        "workflows.argoproj.io/action",
        # of the old run's trace (workflow/common/common.go:72)
        "workflows.argoproj.io/trace-id",
        "workflows.argoproj.io/span-id",
        "kubectl.kubernetes.io/last-applied-configuration",
        # Argo CD and Flux would take the new run for theirs, and prune it
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
"""Argo CD: pkg argo ``ArgoCDSSAManager``; Flux: the controllers' names."""


def inherited_by_resubmission(entries: Mapping[str, str]) -> dict[str, str]:
    """The labels or annotations of a run that its resubmission takes over."""
    return {key: value for key, value in entries.items() if is_inherited(key)}


def is_inherited(key: str) -> bool:
    """Whether a new run takes this label or annotation over."""
    return key not in _NOT_RESUBMITTED and key not in _NOT_OURS_TO_PASS_ON and not _is_of(key, _DOMAINS_LEFT_OUT)


def git_manager(labels: Mapping[str, str], annotations: Mapping[str, str], field_managers: Iterable[str]) -> str | None:
    """Who keeps an object as it is in Git, and would undo what is changed here; None for nobody that is known.

    ``app.kubernetes.io/instance`` alone says nothing: Helm writes it as well.
    """
    for key in (*labels, *annotations):
        for domain, manager in _GIT_MANAGERS.items():
            if _is_of(key, (domain,)):
                return manager
    return next((_FIELD_MANAGERS[name] for name in field_managers if name in _FIELD_MANAGERS), None)


def is_argos(key: str) -> bool:
    """Whether a label is Argo's own."""
    return _is_of(key, (ARGO_DOMAIN,))


def _is_of(key: str, domains: Iterable[str]) -> bool:
    prefix, slash, _ = key.rpartition("/")
    return bool(slash) and any(prefix == domain or prefix.endswith(f".{domain}") for domain in domains)
