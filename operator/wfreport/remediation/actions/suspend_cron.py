"""SuspendCron: suspend the CronWorkflow that started the run."""

import json

from wfreport.api.reasons import Refusal, RemediationReason
from wfreport.api.remediation import Plan, Remediation
from wfreport.core.plan.refusal import RefusedError
from wfreport.core.plan.suspend_cron import is_suspended_by, suspension_of
from wfreport.core.record.intent import planned
from wfreport.core.record.progress import ExecutionResult
from wfreport.kube.errors import NotFoundError
from wfreport.kube.resource import Document, Resource
from wfreport.remediation.actions.base import Situation, ref_of


class SuspendCronHandler:
    """Sets ``spec.suspend``, by a patch that is bound to the uid and resourceVersion that were read."""

    def __init__(self, crons: Resource[Document]) -> None:
        self._crons = crons

    async def plan(self, situation: Situation) -> Plan:
        """Plan the patch, unless Git manages the CronWorkflow."""
        name = _cron_of(situation)
        patch = suspension_of(await self._fetch(situation.namespace, name), allow_drift=_allows_drift(situation))
        changes = patch.changes if patch else ()
        return planned(changes, cron_workflow=name, patch=json.dumps({"spec": {"suspend": True}}))

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Find the annotation that the patch puts on the CronWorkflow."""
        try:
            document = await self._fetch(remediation.metadata.namespace, remediation.spec.plan.cron_workflow or "")
        except RefusedError:
            return None
        if not is_suspended_by(document, remediation.metadata.uid or ""):
            return None
        return ExecutionResult(
            "True", RemediationReason.ALREADY_DONE, "the CronWorkflow had already been suspended", ref_of(document)
        )

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Patch the CronWorkflow, unless it is suspended already."""
        name = _cron_of(situation)
        document = await self._fetch(situation.namespace, name)
        uid = remediation.metadata.uid or ""
        patch = suspension_of(document, allow_drift=_allows_drift(situation), remediation_uid=uid)
        if patch is None:
            message = f"CronWorkflow {name} is already suspended"
            return ExecutionResult("True", RemediationReason.ALREADY_DONE, message, ref_of(document))
        patched = await self._crons.patch(situation.namespace, name, patch.body)
        return ExecutionResult("True", RemediationReason.EXECUTED, f"suspended CronWorkflow {name}", ref_of(patched))

    async def _fetch(self, namespace: str, name: str) -> Document:
        try:
            return await self._crons.get(namespace, name)
        except NotFoundError as error:
            raise RefusedError(Refusal.CRON_WORKFLOW_GONE, f"CronWorkflow {name} does not exist") from error


def _allows_drift(situation: Situation) -> bool:
    options = situation.action.suspend_cron
    return bool(options and options.allow_drift)


def _cron_of(situation: Situation) -> str:
    name = situation.decision.run.cron_workflow
    if not name:
        raise RefusedError(Refusal.NO_CRON_WORKFLOW, "the run was not started by a CronWorkflow")
    return name
