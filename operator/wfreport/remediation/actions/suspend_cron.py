"""SuspendCron: the CronWorkflow that made the run starts nothing any more."""

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
    """Suspend it, by a patch that holds for it as it was read."""

    def __init__(self, crons: Resource[Document]) -> None:
        self._crons = crons

    async def plan(self, situation: Situation) -> Plan:
        """Which one, and that it is not Git's."""
        name = _cron_of(situation)
        patch = suspension_of(await self._fetch(situation.namespace, name), allow_drift=_allows_drift(situation))
        changes = patch.changes if patch else ()
        return planned(changes, cron_workflow=name, patch=json.dumps({"spec": {"suspend": True}}))

    async def trace(self, remediation: Remediation) -> ExecutionResult | None:
        """Its annotation says who suspended it."""
        try:
            found = await self._fetch(remediation.metadata.namespace, remediation.spec.plan.cron_workflow or "")
        except RefusedError:
            return None
        if not is_suspended_by(found, remediation.metadata.uid or ""):
            return None
        return ExecutionResult("True", RemediationReason.ALREADY_DONE, "it had been suspended before", ref_of(found))

    async def perform(self, remediation: Remediation, situation: Situation) -> ExecutionResult:
        """Suspend it, unless somebody has."""
        name = _cron_of(situation)
        found = await self._fetch(situation.namespace, name)
        uid = remediation.metadata.uid or ""
        patch = suspension_of(found, allow_drift=_allows_drift(situation), remediation_uid=uid)
        if patch is None:
            return ExecutionResult(
                "True", RemediationReason.ALREADY_DONE, f"CronWorkflow {name} is suspended", ref_of(found)
            )
        changed = await self._crons.patch(situation.namespace, name, patch.body)
        return ExecutionResult("True", RemediationReason.EXECUTED, f"suspended CronWorkflow {name}", ref_of(changed))

    async def _fetch(self, namespace: str, name: str) -> Document:
        try:
            return await self._crons.get(namespace, name)
        except NotFoundError as error:
            raise RefusedError(Refusal.CRON_WORKFLOW_GONE, f"there is no CronWorkflow {name}") from error


def _allows_drift(situation: Situation) -> bool:
    stated = situation.action.suspend_cron
    return bool(stated and stated.allow_drift)


def _cron_of(situation: Situation) -> str:
    name = situation.decision.run.cron_workflow
    if not name:
        raise RefusedError(Refusal.NO_CRON_WORKFLOW, "the run was not made by a CronWorkflow")
    return name
