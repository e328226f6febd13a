"""LabelPods: label failed pods with their failure, for use in pod selectors and in ``podGC.labelSelector``."""

from collections.abc import Mapping

from wfreport.api.names import LABEL_FAILURE_CLASS, LABEL_FINGERPRINT, LABEL_REPORT_NAME
from wfreport.api.reasons import Refusal
from wfreport.core.plan.inherited import is_argos
from wfreport.core.plan.plan import Change, Patch, PatchTarget, precondition
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.redact.bounds import cut_label


def failure_labels(
    *, failure_class: str, fingerprint: str | None, report_name: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the labels for a failed pod: the operator's own, and those of the policy.

    Raises:
        RefusedError: the policy sets a label that controls Argo.
    """
    argos = sorted(key for key in extra if is_argos(key))
    if argos:
        raise RefusedError(Refusal.LABEL_NOT_ALLOWED, f"label {argos[0]} controls Argo: use your own prefix")
    own = {LABEL_FAILURE_CLASS: failure_class, LABEL_REPORT_NAME: report_name}
    if fingerprint:
        own[LABEL_FINGERPRINT] = fingerprint
    return {key: cut_label(value) for key, value in {**extra, **own}.items()}


def label_patch(pod_uid: str, labels: Mapping[str, str]) -> Patch:
    """Return the patch for a pod with this uid, so that no other pod of the same name is labelled.

    It has no resourceVersion, because labels do not conflict with other changes of the pod.
    """
    return Patch(
        {"metadata": {**precondition(PatchTarget(pod_uid)), "labels": dict(labels)}},
        tuple(Change(f"metadata.labels[{key}]", None, value) for key, value in labels.items()),
    )
