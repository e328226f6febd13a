"""The kopf side: which streams, how selected, and what an event calls. Nothing here decides or writes.

Only ``on.event``: every other kind of handler writes annotations or finalizers to the objects it watches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import kopf

from wfreport.api.argo import GROUP as ARGO_GROUP
from wfreport.api.argo import LABEL_COMPLETED, LABEL_WORKFLOW
from wfreport.api.names import PLURAL_POLICIES, PLURAL_REMEDIATIONS, PLURAL_REPORTS
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.pods import PODS
from wfreport.kube.workflows import WORKFLOWS
from wfreport.watch.enqueue import EventHandlers
from wfreport.watch.streams import KINDS, LISTED, OnEvent

NOT_RUNNING = f"{LABEL_COMPLETED} notin (false)"
"""A Workflow is streamed when it is new, when it ends and when it goes, not while it runs: a few events per life."""

POLICY_KINDS = frozenset({PLURAL_POLICIES, PLURAL_REMEDIATIONS})

Login = Callable[[], Awaitable[kopf.AiohttpSession]]


def framework_settings(
    *, selector: str, chunk_size: int, watch_timeout_seconds: int, request_timeout_seconds: float
) -> kopf.OperatorSettings:
    """Kopf's settings: what is selected by the server, and nothing that writes."""
    settings = kopf.OperatorSettings()
    watching = settings.watching
    watching.label_selectors[ARGO_GROUP, WORKFLOWS] = f"{selector},{NOT_RUNNING}" if selector else NOT_RUNNING
    watching.label_selectors["", "v1", PODS] = LABEL_WORKFLOW
    watching.field_selectors["", "v1", PODS] = "status.phase=Failed"
    watching.chunk_size = chunk_size
    watching.server_timeout = watch_timeout_seconds
    watching.client_timeout = watch_timeout_seconds + 30
    watching.connect_timeout = request_timeout_seconds
    settings.networking.request_timeout = request_timeout_seconds
    settings.networking.connect_timeout = request_timeout_seconds
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = 60
    return settings


def framework_registry(login: Login) -> kopf.OperatorRegistry:
    """A registry of our own: kopf keeps up a stream of each kind that has a handler.

    The handlers are not called: what the streams say is heard in the session (``kube/streams.py``).
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def handle_login(**_: Any) -> kopf.AiohttpSession:
        return await login()

    for group, version, plural in KINDS:
        kopf.on.event(group, version, plural, registry=registry)(_handle_nothing)
    return registry


async def _handle_nothing(**_: Any) -> None:
    """Objects do not come so far."""


class RemediationEvents(Protocol):
    """Enqueues what the events of policies, Remediations and failed pods are about."""

    def should_enqueue(self, plural: str, event_type: str, meta: ObjectMeta) -> bool:
        """Whether an event of a policy or a Remediation says anything that is not known."""
        ...

    def policy_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Handle an event of a policy."""
        ...

    def remediation_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Handle an event of a Remediation."""
        ...

    def pod_failed(self, meta: ObjectMeta) -> None:
        """Handle the event of a failed pod."""
        ...


def event_handler(intake: EventHandlers, remedies: RemediationEvents) -> OnEvent:
    """What an event calls, if it is news; it may be dropped, doubled or reordered."""

    def handle_pod(event_type: str | None, meta: ObjectMeta) -> None:
        remedies.pod_failed(meta)
        intake.pod_failed(event_type, meta)

    handlers: Mapping[str, Callable[[str | None, ObjectMeta], None]] = {
        WORKFLOWS: intake.workflow_changed,
        PODS: handle_pod,
        PLURAL_REPORTS: intake.report_changed,
        PLURAL_POLICIES: remedies.policy_changed,
        PLURAL_REMEDIATIONS: remedies.remediation_changed,
    }

    def hear(plural: str, event_type: str, meta: ObjectMeta) -> None:
        part = remedies if plural in POLICY_KINDS else intake
        if part.should_enqueue(plural, event_type, meta):
            handlers[plural](None if event_type == LISTED else event_type, meta)

    return hear


async def run_framework(
    *,
    registry: kopf.OperatorRegistry,
    settings: kopf.OperatorSettings,
    namespaces: Sequence[str | None],
    stop: asyncio.Event,
    hook_signals: Callable[[], None],
) -> None:
    """Run the streams until ``stop`` is set, or until kopf gives up: then it raises.

    It gives up on a list whose continue token expired (410) and on lasting 5xx. As ``kopf.operator()``, but for the
    signals: kopf hooks them to itself, ``hook_signals`` has the last word.
    """
    ours = asyncio.all_tasks()  # what is not kopf's it cancels at its end
    named = [namespace for namespace in namespaces if namespace]
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=settings,
        standalone=True,
        clusterwide=not named,
        namespaces=named,
        stop_flag=stop,
    )
    hook_signals()
    await kopf.run_tasks(tasks, ignored=ours)
