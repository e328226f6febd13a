"""One look at a policy: is it valid, may it act, what came of it. Its status says so, and nothing is kept elsewhere."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from wfreport.api.names import KIND_POLICY
from wfreport.api.policy import PolicyStatus, RemediationPolicy
from wfreport.api.reasons import PolicyConditionType
from wfreport.api.wire import rfc3339
from wfreport.cache.remediation import CachedPolicy, RemediationCache
from wfreport.core.decide.breaker import CLOSED, Breaker, judge_breaker
from wfreport.core.decide.budget import actions_of_policy
from wfreport.core.decide.selection import is_for
from wfreport.core.decide.validity import InvalidPolicyError, read_policy
from wfreport.core.record.policy_status import Judgement, policy_counts, policy_status
from wfreport.core.record.rights import Right, missing_rights_message, needed_rights
from wfreport.kube.access import Access
from wfreport.kube.errors import NotFoundError
from wfreport.kube.events import WARNING, Events, Involved
from wfreport.kube.objects import NamespacedName
from wfreport.kube.resource import Document, Resource
from wfreport.logs import kv
from wfreport.runtime.workqueue import Priority, Request, WorkQueue

log = logging.getLogger(__name__)

RECHECK_SECONDS: Final = 300
MISSING_SECONDS: Final = 20
"""Rights come and go without an event; one that is missing is likely to be given soon."""

NO_LEASE: Final = (
    "the operator acts only while it holds a Lease: set WFREPORT_LEADER_ELECTION and WFREPORT_LEASE_NAMESPACE"
)


class PolicyReader:
    """Looks at policies."""

    def __init__(
        self,
        policies: Resource[Document],
        books: RemediationCache,
        *,
        access: Access,
        events: Events,
        queue: WorkQueue,
        changed: Callable[[str], Awaitable[None]],
        has_lease: bool,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        """``changed`` is told of namespaces whose policies are others than before, or may do what they might not."""
        self._policies = policies
        self._books = books
        self._access = access
        self._events = events
        self._queue = queue
        self._changed = changed
        self._has_lease = has_lease
        self._clock = clock
        self._monotonic = monotonic
        self._recheck_at: dict[NamespacedName, float] = {}

    async def reconcile(self, request: Request) -> None:
        """Read a policy, judge it, and have its status say so.

        Raises:
            ApiError: a request failed; the look is to be made again.
        """
        namespace, name = request.name
        before = self._books.policies.get(request.name)
        try:
            document = await self._policies.get(namespace, name)
        except NotFoundError:
            if self._books.policies.remove(request.name):
                await self._changed(namespace)
            return
        known = cached_policy(document)
        if known.policy:
            missing = await self._missing_now(known.policy, before, asked=request.priority is Priority.URGENT)
            known = await self._told(request.name, known, known.policy, missing)
            self._again(request.name, known)
        else:
            await self._refused(known)
        self._books.policies.put(request.name, known)
        if _differs(before, known):
            await self._changed(namespace)

    async def _missing_now(self, policy: RemediationPolicy, before: CachedPolicy | None, *, asked: bool) -> str | None:
        """What the operator lacks; asked again when it may be something else, not at every count."""
        key = (policy.metadata.namespace, policy.metadata.name)
        is_same = before and before.checked and before.policy and before.policy.spec == policy.spec
        if before and is_same and not asked and self._monotonic() < self._recheck_at.get(key, 0.0):
            return before.missing
        missing = await self._missing(policy)
        self._recheck_at[key] = self._monotonic() + (MISSING_SECONDS if missing else RECHECK_SECONDS)
        return missing

    async def _missing(self, policy: RemediationPolicy) -> str | None:
        needed = needed_rights(policy.spec)
        if needed and not self._has_lease:
            return NO_LEASE
        lacking = [right for right in needed if not await self._may(policy.metadata.namespace, right)]
        return missing_rights_message(policy.spec, lacking) if lacking else None

    async def _may(self, namespace: str, right: Right) -> bool:
        return await self._access.is_allowed(namespace, verb=right.verb, group=right.group, resource=right.resource)

    async def _told(
        self, key: NamespacedName, known: CachedPolicy, policy: RemediationPolicy, missing: str | None
    ) -> CachedPolicy:
        """Write the policy's status, if it says something new."""
        namespace, name = key
        verdicts = [verdict for verdict in self._books.runs.verdicts(namespace) if verdict.policy == name]
        acts = actions_of_policy(self._books.remediations.actions(), namespace, name)
        judgement = Judgement(
            missing=missing,
            breaker=self._breaker(policy),
            is_conflicted=any(verdict.is_conflict for verdict in verdicts),
        )
        status = policy_status(policy, judgement, policy_counts(name, verdicts, acts), self._clock())
        document = known.document
        if policy.status is None or status.dump() != policy.status.dump():
            document = await self._policies.apply_status(policy.metadata, status.dump())
            await self._warn(policy, status)
        return CachedPolicy(document, cached_policy(document).policy, missing=missing, checked=True)

    def _breaker(self, policy: RemediationPolicy) -> Breaker:
        runs = [run for run in self._books.runs.all() if is_for(policy, run)]
        if not runs:
            return CLOSED
        acts = actions_of_policy(self._books.remediations.actions(), policy.metadata.namespace, policy.metadata.name)
        return judge_breaker(policy.spec.circuit_breaker, runs, acts, self._clock())

    def _again(self, key: NamespacedName, known: CachedPolicy) -> None:
        breaker = self._breaker(known.policy) if known.policy else CLOSED
        seconds = float(MISSING_SECONDS if known.missing else RECHECK_SECONDS)
        if breaker.recheck_at:
            seconds = min(seconds, max(1.0, (breaker.recheck_at - self._clock()).total_seconds()))
        self._queue.add_after(key, seconds, Priority.PROGRESS)

    async def _refused(self, known: CachedPolicy) -> None:
        """Say of a policy that is not valid what is wrong with it; its spec may be unreadable altogether."""
        policy = _bare(known.document)
        judgement = Judgement(problem=known.problem)
        status = policy_status(policy, judgement, policy_counts(policy.metadata.name, (), ()), self._clock())
        if policy.status is None or status.dump() != policy.status.dump():
            await self._policies.apply_status(policy.metadata, status.dump())
            await self._warn(policy, status)

    async def _warn(self, policy: RemediationPolicy, status: PolicyStatus) -> None:
        metadata = policy.metadata
        generation = metadata.generation or 0
        about = Involved(KIND_POLICY, metadata.namespace, metadata.name, metadata.uid or "", generation)
        for found in status.conditions or ():
            bad = "True" if found.type == PolicyConditionType.BREAKER_OPEN else "False"
            told = {PolicyConditionType.READY, PolicyConditionType.BREAKER_OPEN}
            if found.type in told and found.status == bad:
                log.warning(
                    "policy does not act",
                    extra=kv(namespace=metadata.namespace, policy=metadata.name, reason=found.reason),
                )
                since = rfc3339(found.last_transition_time)
                await self._events.tell(about, found.reason, found.message, event_type=WARNING, about=since)


def cached_policy(document: Mapping[str, Any]) -> CachedPolicy:
    """A policy as the API server has it; one that is not valid with the fields that are wrong and what to do."""
    try:
        return CachedPolicy(document, read_policy(document))
    except InvalidPolicyError as error:
        return CachedPolicy(document, None, problem=str(error), checked=True)


def _bare(document: Mapping[str, Any]) -> RemediationPolicy:
    """So much of a policy as its status needs."""
    harmless = {"selector": {"matchLabels": {"x": "y"}}, "rules": [{"name": "x", "match": {}, "action": {"none": {}}}]}
    bare = {"metadata": document["metadata"], "spec": harmless}
    try:
        return RemediationPolicy.model_validate({**bare, "status": document.get("status")})
    except ValidationError:  # the status cannot be read either, and is written anew
        return RemediationPolicy.model_validate(bare)


def _differs(before: CachedPolicy | None, now: CachedPolicy) -> bool:
    if before is None or before.policy is None or now.policy is None:
        return before is None or before.policy is not now.policy
    return before.may_act != now.may_act or before.policy.spec != now.policy.spec
