"""The kopf side: which streams, how selected, and what an event calls. Nothing here decides or writes.

Only ``on.event``: every other kind of handler writes annotations or finalizers to the objects it watches. The
handlers return None, since kopf writes what they return into the object's status.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import kopf
import msgspec
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from wfreport.act.intake import RemedyIntake
from wfreport.api.argo import GROUP as ARGO_GROUP
from wfreport.api.argo import LABEL_COMPLETED, LABEL_WORKFLOW
from wfreport.api.argo import VERSION as ARGO_VERSION
from wfreport.api.names import GROUP, PLURAL_POLICIES, PLURAL_REMEDIATIONS, PLURAL_REPORTS, VERSION
from wfreport.intake import Intake
from wfreport.kube.objects import Meta
from wfreport.kube.pods import PODS
from wfreport.kube.workflows import WORKFLOWS

NOT_RUNNING = f"{LABEL_COMPLETED} notin (false)"
"""A Workflow is streamed when it is new, when it ends and when it goes, not while it runs: a few events per life."""

Login = Callable[[], Awaitable[kopf.AiohttpSession]]


class NoDiffBase(kopf.DiffBaseStorage):
    """kopf copies and compares every body on every event for handlers that we do not have."""

    def build(self, **_: Any) -> Any:
        """Nothing to compare."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Nothing was stored."""

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


class NoMemories(ResourceMemories):
    """kopf remembers every object it has seen until it is told of its deletion, which it is not always."""

    async def recall(self, raw_body: Any, **given: Any) -> ResourceMemory:
        """A memory that is not kept."""
        return await super().recall(raw_body, **{**given, "ephemeral": True})


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
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.queueing.idle_timeout = 0.1
    settings.queueing.exit_timeout = 1
    settings.process.ultimate_exiting_timeout = 60
    return settings


def framework_registry(intake: Intake, remedies: RemedyIntake, login: Login) -> kopf.OperatorRegistry:
    """The handlers, in a registry of their own."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def handle_login(**_: Any) -> kopf.AiohttpSession:
        return await login()

    @kopf.on.event(ARGO_GROUP, ARGO_VERSION, WORKFLOWS, registry=registry)
    async def handle_workflow(event: Any, **_: Any) -> None:
        intake.workflow_changed(event["type"], _meta(event))

    @kopf.on.event("", "v1", PODS, registry=registry)
    async def handle_pod(event: Any, **_: Any) -> None:
        remedies.pod_failed(_meta(event))
        intake.pod_failed(event["type"], _meta(event))

    @kopf.on.event(GROUP, VERSION, PLURAL_REPORTS, registry=registry)
    async def handle_report(event: Any, **_: Any) -> None:
        intake.report_changed(event["type"], _meta(event))

    @kopf.on.event(GROUP, VERSION, PLURAL_POLICIES, registry=registry)
    async def handle_policy(event: Any, **_: Any) -> None:
        remedies.policy_changed(event["type"], _meta(event))

    @kopf.on.event(GROUP, VERSION, PLURAL_REMEDIATIONS, registry=registry)
    async def handle_remediation(event: Any, **_: Any) -> None:
        remedies.remediation_changed(event["type"], _meta(event))

    return registry


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
        memories=NoMemories(),
        standalone=True,
        clusterwide=not named,
        namespaces=named,
        stop_flag=stop,
    )
    hook_signals()
    await kopf.run_tasks(tasks, ignored=ours)


def _meta(event: Any) -> Meta:
    return msgspec.convert(event["object"]["metadata"], Meta)
