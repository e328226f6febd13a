"""Reconciles policies: validates one, checks rights, counts its actions, and writes all that into its status."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from wfreport.api.policy import RemediationPolicy
from wfreport.cache.remediation import CachedPolicy, RemediationCache
from wfreport.core.decide.breaker import CLOSED, Breaker, judge_breaker
from wfreport.core.decide.budget import actions_of_policy
from wfreport.core.decide.selection import is_for
from wfreport.core.decide.validity import InvalidPolicyError, read_policy
from wfreport.core.record.policy_status import PolicyCheck, policy_counts, policy_status
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.resource import Document, Resource
from wfreport.remediation.policy_writer import PolicyWriter
from wfreport.remediation.rights import RightsChecker, recheck_seconds
from wfreport.runtime.workqueue import Priority, Request, WorkQueue


class PolicyReconciler:
    """Reconciles RemediationPolicies. All that it finds out is in their status, and can be derived again."""

    def __init__(
        self,
        policies: Resource[Document],
        cache: RemediationCache,
        *,
        rights: RightsChecker,
        writer: PolicyWriter,
        queue: WorkQueue,
        on_change: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        """``on_change`` gets a namespace whose policies have changed, or may now act or no longer act."""
        self._policies = policies
        self._cache = cache
        self._rights = rights
        self._writer = writer
        self._queue = queue
        self._on_change = on_change
        self._clock = clock

    async def reconcile(self, request: Request) -> None:
        """Bring the status of a policy and its cache entry up to date.

        Raises:
            ApiError: a request failed.
        """
        namespace, name = request.name
        before = self._cache.policies.get(request.name)
        try:
            document = await self._policies.get(namespace, name)
        except NotFoundError:
            self._writer.forget(request.name)
            if self._cache.policies.remove(request.name):
                await self._on_change(namespace)
            return
        cached = cached_policy(document)
        if cached.policy:
            missing = await self._rights.missing(cached.policy, before, now=request.priority is Priority.URGENT)
            cached = await self._with_status(cached, cached.policy, missing)
            self._requeue(request.name, cached)
        else:
            await self._report_invalid(cached)
        self._cache.policies.put(request.name, cached)
        if _differs(before, cached):
            await self._on_change(namespace)

    async def _with_status(self, cached: CachedPolicy, policy: RemediationPolicy, missing: str | None) -> CachedPolicy:
        """Write the status of a valid policy if it has changed, and return the new version."""
        namespace, name = policy.metadata.namespace, policy.metadata.name
        verdicts = [verdict for verdict in self._cache.runs.verdicts(namespace) if verdict.policy == name]
        actions = actions_of_policy(self._cache.remediations.actions_in(namespace), namespace, name)
        check = PolicyCheck(
            missing_rights=missing,
            breaker=self._breaker(policy),
            is_conflicted=any(verdict.is_conflict for verdict in verdicts),
        )
        status = policy_status(policy, check, policy_counts(name, verdicts, actions), self._clock())
        document = await self._writer.apply(policy, status) or cached.document
        await self._writer.warn_of_budget(policy, verdicts)
        return CachedPolicy(document, cached_policy(document).policy, missing=missing, checked=True)

    async def _report_invalid(self, cached: CachedPolicy) -> None:
        """Write the status of a policy that is not valid, whose spec may not even be decodable."""
        policy = _without_spec(cached.document)
        counts = policy_counts(policy.metadata.name, (), ())
        await self._writer.apply(
            policy, policy_status(policy, PolicyCheck(problem=cached.problem), counts, self._clock())
        )

    def _breaker(self, policy: RemediationPolicy) -> Breaker:
        runs = [run for run in self._cache.runs.in_namespace(policy.metadata.namespace) if is_for(policy, run)]
        if not runs:
            return CLOSED
        namespace, name = policy.metadata.namespace, policy.metadata.name
        actions = actions_of_policy(self._cache.remediations.actions_in(namespace), namespace, name)
        return judge_breaker(policy.spec.circuit_breaker, runs, actions, self._clock())

    def _requeue(self, key: NamespacedName, cached: CachedPolicy) -> None:
        """Requeue a policy for its next check of rights, or the next change of its breaker."""
        breaker = self._breaker(cached.policy) if cached.policy else CLOSED
        seconds = recheck_seconds(cached.missing)
        if breaker.recheck_at:
            seconds = min(seconds, max(1.0, (breaker.recheck_at - self._clock()).total_seconds()))
        self._queue.add_after(key, seconds, Priority.PROGRESS)


def cached_policy(document: Mapping[str, Any]) -> CachedPolicy:
    """Decode a policy. If it is not valid, ``problem`` names the bad fields and how to correct them."""
    try:
        return CachedPolicy(document, read_policy(document))
    except InvalidPolicyError as error:
        return CachedPolicy(document, None, problem=str(error), checked=True)


def _without_spec(document: Mapping[str, Any]) -> RemediationPolicy:
    """Decode metadata and status of a policy whose spec is not valid."""
    harmless = {"selector": {"matchLabels": {"x": "y"}}, "rules": [{"name": "x", "match": {}, "action": {"none": {}}}]}
    bare = {"metadata": document["metadata"], "spec": harmless}
    try:
        return RemediationPolicy.model_validate({**bare, "status": document.get("status")})
    except ValidationError:  # the status is not valid either, and will be overwritten
        return RemediationPolicy.model_validate(bare)


def _differs(before: CachedPolicy | None, now: CachedPolicy) -> bool:
    if before is None or before.policy is None or now.policy is None:
        return before is None or before.policy is not now.policy
    return before.may_enforce != now.may_enforce or before.policy.spec != now.policy.spec
