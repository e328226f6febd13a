"""Next steps about what a pod needs from the cluster, by what the message names.

Failed and waiting steps share them.
"""

import re
from collections.abc import Iterator
from typing import Final

from wfreport.core.classify.named_objects import (
    CLUSTER_KINDS,
    NamedObject,
    find_claims,
    find_image,
    find_missing,
    find_missing_key,
    find_quota,
    find_webhook,
)
from wfreport.core.next_steps.commands import kubectl
from wfreport.core.next_steps.model import NextStep, ReportedRun
from wfreport.core.next_steps.rights import denied_steps
from wfreport.core.next_steps.scheduling import PLACEMENT, SHORT_OF, scheduling_steps
from wfreport.imports import lazy_pattern

_READ_CHARACTERS: Final = 4096

_ARCHITECTURE: Final = lazy_pattern(r"exec format error")
_NOT_EXECUTABLE: Final = lazy_pattern(r"(?i)permission denied")
_NO_COMMAND: Final = lazy_pattern(
    r"executable file not found|failed to find name in PATH|exec[^\n]{0,300}no such file or directory"
)
_NO_REPOSITORY: Final = lazy_pattern(
    r"default archive location|artifact storage is not configured|need to configure artifact storage"
)
_NOT_AUTHENTICATED: Final = lazy_pattern(r"(?:^|: )Unauthorized$|the client to provide credentials", re.MULTILINE)
_CREATED_FROM_FILE: Final = {"Secret": ("secret", "generic"), "ConfigMap": ("configmap",)}
"""What ``kubectl create`` makes of a file, by kind."""

_NON_ROOT: Final = lazy_pattern(r"runAsNonRoot|non-root|non-numeric user")
_POD_SECURITY: Final = lazy_pattern(r"violates PodSecurity")
_PULL_DENIED: Final = lazy_pattern(r"(?i)unauthorized|denied|authentication required|\b40[13]\b|no basic auth")
_PULL_LIMITED: Final = lazy_pattern(r"(?i)toomanyrequests|429 Too Many Requests")
_PULL_MISSING: Final = lazy_pattern(
    r"(?i)not found|manifest unknown|does not exist|InvalidImageName|couldn't parse image"
)
_UNBOUND: Final = lazy_pattern(
    r"(?i)unbound (?:immediate )?persistentvolumeclaim|persistentvolumeclaim \"|available persistent volumes to bind|"
    r"enough free storage|binding volumes: |bound to non-existent (?:persistentvolume|pv)"
)
_IN_ANOTHER_ZONE: Final = lazy_pattern(r"(?i)volume node affinity conflict|no available volume zone")


def object_steps(text: str, run: ReportedRun) -> list[NextStep]:
    """Return what to do about the object, right or command that a message names; empty if it names none."""
    return next((steps for resolve in _RESOLVERS if (steps := resolve(text[:_READ_CHARACTERS], run))), [])


def _missing(text: str, run: ReportedRun) -> list[NextStep]:
    missing = find_missing(text)
    if missing:
        return list(_about_object(missing, run))
    key = find_missing_key(text)
    if key is None:
        return []
    return [
        NextStep(f"Add the key {key[1]} to the {key[0]} that the pod mounts, or correct the key in the template."),
        kubectl("the keys that they have", "describe", f"{key[0].lower()}s"),
    ]


def _about_object(missing: NamedObject, run: ReportedRun) -> Iterator[NextStep]:
    resource, namespace = missing.kind.lower(), "" if missing.kind in CLUSTER_KINDS else None
    where = "" if namespace == "" else f" in namespace {run.namespace}"
    if missing.key:
        text = f"the keys that it has, without values: is {missing.key} among them?"
        yield kubectl(text, "describe", resource, missing.name, namespace=namespace)
        yield NextStep(f"If not, add {missing}{where}, or correct the key in the template.")
        return
    yield kubectl("is it there?", "get", resource, missing.name, namespace=namespace)
    yield NextStep(
        f"If not, create {missing}{where}; or, if the template has a wrong name, correct it{_ending(run)} and submit "
        "the Workflow anew."
    )
    how = _CREATED_FROM_FILE.get(missing.kind)
    if how:
        text = "FILE has its keys and values, one KEY=VALUE a line"
        yield kubectl(text, "create", *how, missing.name, "--from-env-file=FILE")


def _architecture(text: str, _: ReportedRun) -> list[NextStep]:
    if not _ARCHITECTURE.search(text):
        return []
    return [
        NextStep(
            "The image is for another CPU architecture than the machine, or the command is no program (a script "
            "without #!). Use an image for the machine's architecture, or select machines of the image's with "
            "nodeSelector: kubernetes.io/arch."
        ),
        kubectl("the architecture of each machine", "get", "nodes", "-L", "kubernetes.io/arch", namespace=""),
    ]


def _command(text: str, _: ReportedRun) -> list[NextStep]:
    if _NO_COMMAND.search(text):
        return [NextStep("Correct the command or args in the template: the image has no such program.")]
    return []


def _repository(text: str, _: ReportedRun) -> list[NextStep]:
    if not _NO_REPOSITORY.search(text):
        return []
    return [
        NextStep(
            "Configure an artifact repository: for all Workflows in the ConfigMap workflow-controller-configmap, or "
            "for the namespace in a ConfigMap artifact-repositories."
        ),
        kubectl("the namespace's own, if it has one", "get", "configmap", "artifact-repositories", "-o", "yaml"),
    ]


def _credentials(text: str, _: ReportedRun) -> list[NextStep]:
    if not _NOT_AUTHENTICATED.search(text):
        return []
    return [
        NextStep(
            "Look at the pod's ServiceAccount: whether it exists, was made anew while the pod ran, "
            "and mounts its token (automountServiceAccountToken)."
        ),
        kubectl("the ServiceAccounts, with their age", "get", "serviceaccounts"),
    ]


def _rejected(text: str, run: ReportedRun) -> list[NextStep]:
    webhook = find_webhook(text)
    if webhook and not find_quota(text):
        webhooks = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
        return [
            NextStep(f"Change the template so that the policy of {webhook} accepts its pod: the message has the rule."),
            kubectl("which policies there are", "get", webhooks, namespace=""),
        ]
    if _POD_SECURITY.search(text):
        labels = ("get", "namespace", run.namespace, "--show-labels")
        return [
            NextStep("Set the securityContext that the message demands in the template."),
            kubectl("the level that the namespace enforces", *labels, namespace=""),
        ]
    if _NON_ROOT.search(text):
        return [
            NextStep("Set securityContext.runAsUser in the template, or use an image whose user is a number over 0.")
        ]
    if _NOT_EXECUTABLE.search(text):
        return [
            NextStep("Make the program executable in the image (chmod +x), or correct the command in the template.")
        ]
    return []


def image_steps(text: str, _: ReportedRun) -> list[NextStep]:
    """Return what to do about an image that cannot be pulled."""
    image = find_image(text)
    named = f"the image {image}" if image else "the image"
    if _PULL_LIMITED.search(text):
        return [
            NextStep(
                "Wait, as the registry limits the rate of pulls; or give the pod an imagePullSecret of an account with "
                f"a higher limit, or mirror {named}."
            )
        ]
    if _PULL_DENIED.search(text):
        return [
            NextStep(
                f"Give the pod the right to pull {named}: imagePullSecrets of the Workflow or of its ServiceAccount; "
                "or correct the name."
            ),
            kubectl("pull secrets of each ServiceAccount", "get", "serviceaccounts", "-o",
                    "custom-columns=NAME:.metadata.name,PULL:.imagePullSecrets[*].name"),
        ]  # fmt: skip
    if _PULL_MISSING.search(text):
        return [
            NextStep(f"Correct name and tag of {named} in the template, or push it: the registry does not have it.")
        ]
    return [NextStep(f"Check that the machines can reach the registry of {named}, and that its name and tag exist.")]


def claim_steps(text: str, pod_name: str | None, run: ReportedRun) -> list[NextStep]:
    """Return what to do about the claims that a pod waits for; empty if it waits for none."""
    if find_quota(text) or find_missing(text):
        return []
    if _IN_ANOTHER_ZONE.search(text):
        return _about_another_zone(text, run)
    claims = find_claims(text)
    if not _UNBOUND.search(text):
        return [kubectl("the claims of its volumes, with their Events", "describe", "pvc", *claims)] if claims else []
    steps = list(_about_unbound(claims, None if claims else pod_name, run))
    return [*scheduling_steps(text, run), *steps] if SHORT_OF.search(text) else steps


def _about_unbound(claims: list[str], pod_name: str | None, run: ReportedRun) -> Iterator[NextStep]:
    if pod_name:
        path = "jsonpath={.spec.volumes[*].persistentVolumeClaim.claimName}"
        yield kubectl("which claims the pod has", "get", "pod", pod_name, "-o", path)
    subject = f"PersistentVolumeClaim {claims[0]}" if len(claims) == 1 else "The claim"
    yield kubectl("is it Pending, and what is its class?", "get", "pvc", *claims)
    yield kubectl("why: its Events", "describe", "pvc", *claims)
    yield kubectl("the classes that there are, and which one is the default", "get", "storageclass", namespace="")
    yield NextStep(
        f"{subject} needs a volume that fits, or a storage class whose provisioner makes one. A claim's class "
        f"cannot be changed: if the template names a wrong one, correct it{_ending(run)} and submit the Workflow "
        "anew."
    )


def _about_another_zone(text: str, run: ReportedRun) -> list[NextStep]:
    """Return what to do about a volume that the free machines cannot reach, and about what excludes the others."""
    columns = "NAME:.metadata.name,CLAIM:.spec.claimRef.name,WHERE:.spec.nodeAffinity.required.nodeSelectorTerms[*]"
    steps = [
        NextStep(
            "The pod's claim is bound to a volume in another zone, or on another machine, than the machines that are "
            "free: free or add a machine there."
        ),
        kubectl("where each volume can be used", "get", "pv", "-o", f"custom-columns={columns}", namespace=""),
        kubectl("the zone of each machine", "get", "nodes", "-L", "topology.kubernetes.io/zone", namespace=""),
    ]
    others = _IN_ANOTHER_ZONE.sub("", text[:_READ_CHARACTERS])
    if SHORT_OF.search(others):
        return [*scheduling_steps(others, run), *steps]
    return [*steps, *scheduling_steps(others, run)] if PLACEMENT.search(others) else steps


def _ending(run: ReportedRun) -> str:
    command = f"argo terminate {run.workflow} -n {run.namespace}"
    return f", end this run, which then counts as failed ({command})," if run.goes_on else ""


_RESOLVERS: Final = (denied_steps, _missing, _architecture, _repository, _credentials, _rejected, _command)
