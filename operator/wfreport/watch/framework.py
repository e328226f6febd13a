"""Runs kopf: selects the streams, keeps them up, and dispatches their events.

Only ``on.event`` handlers are registered: every other kind of handler writes annotations or finalizers to the objects
that it watches (docs/explanation/kopf-behaviour.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import kopf

from wfreport.api.argo import GROUP as ARGO_GROUP
from wfreport.api.argo import LABEL_COMPLETED, LABEL_WORKFLOW
from wfreport.api.names import PLURAL_POLICIES, PLURAL_REMEDIATIONS, PLURAL_REPORTS
from wfreport.kube.objects import ObjectMeta
from wfreport.kube.pods import PODS
from wfreport.kube.workflows import WORKFLOWS
from wfreport.watch.enqueue import EventHandlers
from wfreport.watch.first_list import FirstList
from wfreport.watch.listings import Listing, OnListed
from wfreport.watch.streams import LISTED, WATCHED_KINDS, OnEvent

NOT_RUNNING = f"{LABEL_COMPLETED} notin (false)"
"""Selects Workflows that do not run. A Workflow then causes events when it is created, starts, completes and is
deleted, but none while it runs."""

POLICY_KINDS = frozenset({PLURAL_POLICIES, PLURAL_REMEDIATIONS})

Login = Callable[[], Awaitable[kopf.AiohttpSession]]


_IDENTITY: Final = "wfreport"
"""Only kopf's peering uses it, which is off. Without it, kopf looks up the user's name, and a container's has none."""


def framework_settings(
    *, selector: str, chunk_size: int, watch_timeout_seconds: int, request_timeout_seconds: float
) -> kopf.OperatorSettings:
    """Return kopf's settings: selectors for the API server, timeouts, and nothing that writes."""
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
    """Return a registry with a login handler and a handler for each watched kind.

    kopf watches the kinds that have a handler. The handlers are never called, because the tap on kopf's session
    (``watch/streams.py``) takes all objects out of the responses.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def handle_login(**_: Any) -> kopf.AiohttpSession:
        return await login()

    for group, version, plural in WATCHED_KINDS:
        kopf.on.event(group, version, plural, registry=registry)(_handle_nothing)
    return registry


async def _handle_nothing(**_: Any) -> None:
    """Do nothing. No object gets this far."""


class RemediationEvents(Protocol):
    """Handles the events of policies, Remediations and failed pods."""

    def should_enqueue(self, plural: str, event_type: str, meta: ObjectMeta) -> bool:
        """Return whether an event of a policy or a Remediation needs handling."""
        ...

    def policy_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Handle an event of a policy."""
        ...

    def remediation_changed(self, event_type: str | None, meta: ObjectMeta) -> None:
        """Handle an event of a Remediation."""
        ...

    def pod_failed(self, meta: ObjectMeta) -> None:
        """Handle an event of a failed pod."""
        ...

    def policies_listed(self, listing: Listing) -> None:
        """Handle a complete list of policies."""
        ...

    def remediations_listed(self, listing: Listing) -> None:
        """Handle a complete list of Remediations."""
        ...


def event_dispatcher(
    reports: EventHandlers, remediation: RemediationEvents, first_list: FirstList | None = None
) -> OnEvent:
    """Return a function that passes an event to the handler of its kind, if it needs handling.

    The Workflows of the first list are left to the first resync, which reads many of them at once.
    """

    def on_pod(event_type: str | None, meta: ObjectMeta) -> None:
        remediation.pod_failed(meta)
        reports.pod_failed(event_type, meta)

    handlers: Mapping[str, Callable[[str | None, ObjectMeta], None]] = {
        WORKFLOWS: reports.workflow_changed,
        PODS: on_pod,
        PLURAL_REPORTS: reports.report_changed,
        PLURAL_POLICIES: remediation.policy_changed,
        PLURAL_REMEDIATIONS: remediation.remediation_changed,
    }

    def on_event(plural: str, event_type: str, meta: ObjectMeta) -> None:
        if first_list and plural == WORKFLOWS and event_type == LISTED and first_list.collect(meta):
            return
        predicates = remediation if plural in POLICY_KINDS else reports
        if predicates.should_enqueue(plural, event_type, meta):
            handlers[plural](None if event_type == LISTED else event_type, meta)

    return on_event


def listing_handlers(reports: EventHandlers, remediation: RemediationEvents) -> OnListed:
    """Return the handlers of complete lists: of the kinds that are cached."""
    return {
        PLURAL_REPORTS: reports.reports_listed,
        PLURAL_POLICIES: remediation.policies_listed,
        PLURAL_REMEDIATIONS: remediation.remediations_listed,
    }


async def run_framework(
    *,
    registry: kopf.OperatorRegistry,
    settings: kopf.OperatorSettings,
    namespaces: Sequence[str | None],
    stop: asyncio.Event,
    hook_signals: Callable[[], None],
) -> None:
    """Run the streams until ``stop`` is set. Raise kopf's error if it gives up.

    kopf gives up on 5xx errors that outlast its retries. This function does the work of ``kopf.operator()``, except
    that ``hook_signals`` replaces kopf's signal handlers.
    """
    ours = asyncio.all_tasks()  # kopf would cancel them at its end
    named = [namespace for namespace in namespaces if namespace]
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=settings,
        standalone=True,
        clusterwide=not named,
        namespaces=named,
        identity=cast("Any", _IDENTITY),
        stop_flag=stop,
    )
    hook_signals()
    await kopf.run_tasks(tasks, ignored=ours)
