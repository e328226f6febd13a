"""Next steps about a pod that a ResourceQuota or LimitRange rejected."""

from collections.abc import Iterator
from typing import Final

from wfreport.api.argo import EXECUTOR_CONTAINERS
from wfreport.core.classify.named_objects import Unspecified, find_quota, find_unspecified
from wfreport.core.next_steps.commands import argo, kubectl
from wfreport.core.next_steps.model import CONTROLLER_NAMESPACE, NextStep, ReportedRun
from wfreport.imports import lazy_pattern

_EXCEEDED: Final = lazy_pattern(r"requested: ((?:[\w./-]{1,120}=[\w.]{1,40},?){1,20})")
_OF_PODS: Final = lazy_pattern(
    r"(?:(?:(?P<kind>requests|limits)\.)?(?P<name>cpu|memory|ephemeral-storage|hugepages-\w{1,10})|"
    r"requests\.(?P<device>[a-z0-9][a-z0-9.-]{0,99}/[\w.-]{1,63}))"
)
"""Resources of a quota that the containers of pods use."""

_MAX_COLUMNS: Final = 3
_UNFINISHED: Final = "--field-selector=status.phase!=Succeeded,status.phase!=Failed"
"""Pods that have ended use nothing of a quota."""


def quota_steps(text: str, _: ReportedRun) -> list[NextStep]:
    """Return what to do about a pod that a ResourceQuota or LimitRange rejected."""
    name, unspecified = find_quota(text), find_unspecified(text)
    quota = f"The quota {name}" if name else "A quota"
    show = kubectl("what it demands, and what is used", "describe", "quota", *([name] if name else []))
    if unspecified:
        return [*_demanded(quota, unspecified), show]
    if "insufficient quota to match" in text:
        return [
            NextStep(
                "Let the platform give the namespace a ResourceQuota for the scope in the message, such as a priority "
                "class; or use another one in the template."
            ),
            show,
        ]
    if name or "quota" in text:
        used_up = f"{quota} is used up: wait until others end, end what is not needed, or let the platform raise it."
        return [NextStep(used_up), show, *_users(text)]
    return [
        NextStep("Change the requests and limits in the template to fit the namespace's LimitRange."),
        kubectl("its minimum, maximum and defaults", "describe", "limitrange"),
    ]


def _users(text: str) -> Iterator[NextStep]:
    """Yield the commands that show who uses what is exhausted, as far as the message names it."""
    exceeded = _EXCEEDED.search(text)
    names = [part.partition("=")[0] for part in exceeded[1].split(",")] if exceeded else []
    columns = [column for name in names if (column := _column(name))][:_MAX_COLUMNS]
    if columns:
        shown = ",".join(["NAME:.metadata.name", "STATUS:.status.phase", *columns])
        yield kubectl("which pods use it", "get", "pods", _UNFINISHED, "-o", f"custom-columns={shown}")
    elif any(name in ("pods", "count/pods") for name in names):
        yield kubectl("which pods use it", "get", "pods", _UNFINISHED)
    elif any("storage" in name or name.endswith("persistentvolumeclaims") for name in names):
        yield kubectl("which claims use it", "get", "pvc")
        return
    yield argo("which Workflows run", "list", "--running")


def _column(resource: str) -> str:
    """Return a column of ``kubectl get pods`` with what the containers ask of a resource; empty if pods use none."""
    match = _OF_PODS.fullmatch(resource)
    if match is None:
        return ""
    escaped = (match["name"] or match["device"]).replace(".", "\\.")
    return f"{resource}:.spec.containers[*].resources.{match['kind'] or 'requests'}.{escaped}"


def _demanded(quota: str, unspecified: Unspecified) -> Iterator[NextStep]:
    """Yield where to set what a quota demands: in Argo's configuration for Argo's containers, else in the template."""
    resources = ", ".join(unspecified.resources)
    of_argo = [name for name in unspecified.containers if name in EXECUTOR_CONTAINERS]
    others = [name for name in unspecified.containers if name not in EXECUTOR_CONTAINERS]
    if of_argo:
        yield NextStep(
            f"{quota} demands {resources} of every container, and Argo's containers {', '.join(of_argo)} have none: "
            "set executor.resources in the ConfigMap workflow-controller-configmap, for all Workflows; or give the "
            "namespace a LimitRange with defaults."
        )
        command = ("edit", "configmap", "workflow-controller-configmap")
        text = "Argo's configuration (the namespace of its controller may be another)"
        yield kubectl(text, *command, namespace=CONTROLLER_NAMESPACE)
    if others or not of_argo:
        containers = f" of container {', '.join(others)}" if others else ""
        yield NextStep(f"{quota} demands {resources}: set them{containers} in the template.")
