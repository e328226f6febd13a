"""Reconciles policies: validates one, checks rights, counts its actions, and writes all that into its status."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import structs
from pydantic import ValidationError

from wfreport.api.policy import RemediationPolicy
from wfreport.api.reasons import PolicyReason
from wfreport.cache.policies import CachedPolicy, created_at_of
from wfreport.cache.remediation import RemediationCache
from wfreport.core.decide.breaker import CLOSED, Breaker, judge_breaker
from wfreport.core.decide.budget import actions_of_policy
from wfreport.core.decide.matching import compiling_steps
from wfreport.core.decide.model import PastAction, Run
from wfreport.core.decide.selection import judging_steps, runs_for
from wfreport.core.decide.validity import InvalidPolicyError, check_policy, decode_policy
from wfreport.core.record.policy_status import PolicyCheck, policy_counts, policy_status
from wfreport.kube.errors import NotFoundError
from wfreport.kube.objects import NamespacedName
from wfreport.kube.resource import Document, Resource
from wfreport.large_work import run_by_steps
from wfreport.remediation.policy_writer import PolicyWriter
from wfreport.remediation.rights import RightsChecker, recheck_seconds
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

_OF_VERSION: Final = ("resourceVersion", "creationTimestamp")
_FREE: Final = frozenset({"labels", "annotations"})
"""Fields of the metadata in which users write what they like."""


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
            self._rights.forget(request.name)
            removed = self._cache.policies.remove(request.name)
            self._enqueue_admitted(namespace)
            if removed:
                await self._on_change(namespace)
            return
        if self._is_beyond_maximum(request.name, document):
            cached = await self._report_ignored(document)
        else:
            cached = await read_cached_policy(document, before)
        if cached.policy:
            missing = await self._rights.missing(cached.policy, before, now=request.priority is Priority.URGENT)
            breaker = await self._breaker(cached.policy)
            cached = await self._with_status(cached, cached.policy, missing, breaker)
            self._requeue(request.name, missing, breaker)
        elif not cached.is_ignored:
            await self._report_problem(cached, PolicyReason.POLICY_INVALID)
        self._cache.policies.put(request.name, structs.replace(cached, document=_version_of(cached.document)))
        if cached.is_ignored:
            self._enqueue_admitted(namespace)  # others may have been deleted meanwhile
        if _differs(before, cached):
            await self._on_change(namespace)

    def _is_beyond_maximum(self, key: NamespacedName, document: Mapping[str, Any]) -> bool:
        """Return whether a policy is not in force; enqueue the one that it displaces, if it is."""
        policies = self._cache.policies
        displaced = policies.place(key, created_at_of(document))
        if displaced:
            self._queue.add(displaced, Priority.URGENT)
        return not policies.is_in_force(key)

    def _enqueue_admitted(self, namespace: str) -> None:
        """Enqueue the policies that are in force since others were deleted."""
        for key in self._cache.policies.admitted(namespace):
            self._queue.add(key, Priority.URGENT)

    async def _with_status(
        self, cached: CachedPolicy, policy: RemediationPolicy, missing: str | None, breaker: Breaker
    ) -> CachedPolicy:
        """Write the status of a valid policy if it has changed, and return the new version."""
        namespace, name = policy.metadata.namespace, policy.metadata.name
        verdicts = list(self._cache.runs.verdicts(namespace, name))
        actions = actions_of_policy(self._cache.remediations.actions_in(namespace), namespace, name)
        check = PolicyCheck(
            missing_rights=missing,
            breaker=breaker,
            is_conflicted=any(verdict.is_conflict for verdict in verdicts),
        )
        status = policy_status(policy, check, policy_counts(name, verdicts, actions), self._clock())
        document = await self._writer.apply(policy, status)
        await self._writer.warn_of_budget(policy, verdicts)
        written = await read_cached_policy(document, cached) if document else cached
        return structs.replace(written, missing=missing, checked=True)

    async def _report_ignored(self, document: Mapping[str, Any]) -> CachedPolicy:
        """Write the status of a policy that is not in force, and return what is kept of it."""
        problem = (
            f"the namespace has more than {self._cache.policies.per_namespace} policies, and only the oldest are in "
            "force (WFREPORT_POLICIES_PER_NAMESPACE_MAX): delete policies that nobody needs"
        )
        ignored = CachedPolicy(document, None, problem=problem, checked=True, is_ignored=True)
        written = await self._report_problem(ignored, PolicyReason.TOO_MANY_POLICIES)
        return structs.replace(ignored, document=written or document)

    async def _report_problem(self, cached: CachedPolicy, reason: PolicyReason) -> Mapping[str, Any] | None:
        """Write the status of a policy without effect, whose spec may not even be decodable."""
        policy = _without_spec(cached.document)
        counts = policy_counts(policy.metadata.name, (), ())
        check = PolicyCheck(problem=cached.problem, problem_reason=reason)
        return await self._writer.apply(policy, policy_status(policy, check, counts, self._clock()))

    async def _breaker(self, policy: RemediationPolicy) -> Breaker:
        """Return the state of the breaker. A namespace may have so many runs that it is found in a thread."""
        namespace = policy.metadata.namespace
        runs, actions = self._cache.runs.in_namespace(namespace), self._cache.remediations.actions_in(namespace)
        steps = judging_steps([policy], len(runs) + len(actions))
        return await run_by_steps(steps, _judge, policy, runs, actions, self._clock())

    def _requeue(self, key: NamespacedName, missing: str | None, breaker: Breaker) -> None:
        """Requeue a policy for its next check of rights, or the next change of its breaker."""
        seconds = recheck_seconds(missing)
        if breaker.recheck_at:
            seconds = min(seconds, max(1.0, (breaker.recheck_at - self._clock()).total_seconds()))
        self._queue.add_after(key, seconds, Priority.PROGRESS)


def _judge(policy: RemediationPolicy, runs: Sequence[Run], actions: Sequence[PastAction], now: datetime) -> Breaker:
    selected = runs_for(policy, runs)
    own = actions_of_policy(actions, policy.metadata.namespace, policy.metadata.name)
    return judge_breaker(policy.spec.circuit_breaker, selected, own, now) if selected else CLOSED


async def read_cached_policy(document: Mapping[str, Any], before: CachedPolicy | None = None) -> CachedPolicy:
    """Decode a policy. If it is not valid, ``problem`` names the bad fields and how to correct them.

    Each generation is validated once. Many expressions are compiled in a thread. Labels and annotations are left out:
    they mean nothing, and may have a megabyte.
    """
    try:
        policy = decode_policy({**document, "metadata": _without(document["metadata"], _FREE)})
        if not _is_validated(policy, before):
            await run_by_steps(compiling_steps(policy), check_policy, policy)
    except InvalidPolicyError as error:
        return CachedPolicy(document, None, problem=str(error), checked=True)
    return CachedPolicy(document, policy)


def _without(metadata: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in fields}


def _version_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata that the cache needs; the policy itself is decoded."""
    metadata = document["metadata"]
    return {"metadata": {key: metadata[key] for key in _OF_VERSION if key in metadata}}


def _is_validated(policy: RemediationPolicy, before: CachedPolicy | None) -> bool:
    return before is not None and before.policy is not None and before.policy.spec == policy.spec


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
        return (before.policy if before else None) is not now.policy
    # ``missing`` too: after a start, runs are reconciled before it is known, and their reports have to show it
    rights = [(cached.may_enforce, cached.missing) for cached in (before, now)]
    return rights[0] != rights[1] or before.policy.spec != now.policy.spec
