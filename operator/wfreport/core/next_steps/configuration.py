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
_PULL_SPECIAL: Final = (
    (
        lazy_pattern(r"no matching manifest for|no match for platform|does not match the specified platform"),
        "Build {image} for the machines' CPU architecture as well, or set a nodeSelector for kubernetes.io/arch.",
    ),
    (
        lazy_pattern(r"(?i)no space left on device|disk quota exceeded"),
        "Let the platform free the disk of the machine, which has no room for {image}; on another one it may start.",
    ),
    (
        lazy_pattern(r"x509: |HTTP response to HTTPS client|certificate signed by unknown"),
        "Let the platform make the machines trust the registry of {image}: its certificate, or plain HTTP.",
    ),
    (
        lazy_pattern(r"pull policy of Never"),
        "Load {image} onto the machines, or set imagePullPolicy: IfNotPresent in the template.",
    ),
)
"""What hinders a pull beside the name and the credentials, and what to do about it."""

_MOUNTED: Final = lazy_pattern(r"; volume \S{1,253} mounts (Secret|ConfigMap) ([a-z0-9][a-z0-9.-]{0,252})(?=;|\s|$)")
_START_OBSTACLES: Final = (
    (
        lazy_pattern(r"(?i)mount[^\n]{0,2000}(?:not a directory|is a directory|directory onto a file)"),
        "Correct mountPath, subPath or an artifact's path: a file is mounted over a directory, or the reverse.",
    ),
    (
        lazy_pattern(r"unable to find user|no matching entries in passwd"),
        "Set securityContext.runAsUser to a number in the template, or use an image that has this user.",
    ),
    (lazy_pattern(r"no command specified"), "Set the command in the template: the image has none."),
    (lazy_pattern(r"chdir to cwd"), "Correct workingDir in the template: the image has no such directory."),
    (lazy_pattern(r"(?i)duplicate mount point"), "Mount each path only once: in the template, and by its artifacts."),
    (
        lazy_pattern(r"cgroup|seccomp|apparmor|shared mount|no runtime for|nsexec|procfd"),
        "Let the platform look at the container runtime and the kernel of the machine: they do not fit each other.",
    ),
)
"""What keeps a runtime from starting a container beside its command, and what to do about it."""

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
        return [
            kubectl("is it there?", "get", kind.lower(), name) for kind, name in dict.fromkeys(_MOUNTED.findall(text))
        ]
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
    special = next((sentence for pattern, sentence in _PULL_SPECIAL if pattern.search(text)), None)
    if special:
        return [NextStep(special.format(image=named))]
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


def _runtime(text: str, _: ReportedRun) -> list[NextStep]:
    return [NextStep(sentence) for pattern, sentence in _START_OBSTACLES if pattern.search(text)][:1]


_RESOLVERS: Final = (denied_steps, _missing, _architecture, _repository, _credentials, _rejected, _command, _runtime)
