"""LabelPods: what failed says so on its pod, for whoever selects pods, and for ``podGC.labelSelector``."""

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
    """The labels of a failed pod: our own, and those that the policy adds.

    Raises:
        RefusedError: the policy would write a label of Argo's, by which Argo decides.
    """
    argos = sorted(key for key in extra if is_argos(key))
    if argos:
        raise RefusedError(
            Refusal.LABEL_NOT_ALLOWED, f"label {argos[0]} is Argo's, which decides by it: use a prefix of your own"
        )
    own = {LABEL_FAILURE_CLASS: failure_class, LABEL_REPORT_NAME: report_name}
    if fingerprint:
        own[LABEL_FINGERPRINT] = fingerprint
    return {key: cut_label(value) for key, value in {**extra, **own}.items()}


def label_patch(pod_uid: str, labels: Mapping[str, str]) -> Patch:
    """The patch for a pod; a pod of the same name that is another one is left alone.

    Without a resourceVersion: labels do not contradict whatever else was written.
    """
    return Patch(
        {"metadata": {**precondition(PatchTarget(pod_uid)), "labels": dict(labels)}},
        tuple(Change(f"metadata.labels[{key}]", None, value) for key, value in labels.items()),
    )
