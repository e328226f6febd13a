"""Writes the status of a policy, and makes known what keeps it from acting.

Two installations whose selections overlap would write against each other: each has rights and caches of its own. So the
first one that writes a policy's status puts its name there, as ``status.reporter``, and the others leave it alone, as
they do for reports (``reconcile.ownership``). An installation takes a policy over if the other one is gone: it has left
a report without its end, or a generation of the policy unobserved for as long.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from wfreport.api.condition import Condition
from wfreport.api.names import KIND_POLICY
from wfreport.api.policy import PolicyStatus, RemediationPolicy
from wfreport.api.reasons import HoldReason, PolicyConditionType, PolicyReason
from wfreport.api.wire import rfc3339
from wfreport.core.decide.selection import ACTING_MODES
from wfreport.core.record.policy_status import PolicyVerdict
from wfreport.kube.events import WARNING, Events, InvolvedObject
from wfreport.kube.objects import NamespacedName
from wfreport.kube.resource import Document, Resource
from wfreport.logs import kv, throttled
from wfreport.reconcile.ownership import TAKEOVER_AFTER, ReportOwnership
from wfreport.runtime.hourly import OnceAnHour

log = logging.getLogger(__name__)

_SHARED_BUDGETS: Final[Mapping[HoldReason, str]] = {
    HoldReason.NAMESPACE_BUDGET_EXHAUSTED: (
        "the policies of this namespace have reached its share of the operator's budget "
        "(WFREPORT_REMEDIATION_MAX_CONCURRENT_PER_NAMESPACE, WFREPORT_REMEDIATION_MAX_PER_HOUR_PER_NAMESPACE)"
    ),
    HoldReason.OPERATOR_BUDGET_EXHAUSTED: (
        "the policies of all namespaces have reached the operator's budget "
        "(WFREPORT_REMEDIATION_MAX_CONCURRENT, WFREPORT_REMEDIATION_MAX_PER_HOUR)"
    ),
}
"""Holds because of a budget that policies share, and their cause."""

_WARNS_AT: Final[Mapping[str, str]] = {PolicyConditionType.READY: "False", PolicyConditionType.BREAKER_OPEN: "True"}
"""Conditions that keep a policy from acting, each with the status in which it does."""


class PolicyWriter:
    """The only writer of policies' statuses."""

    def __init__(
        self,
        policies: Resource[Document],
        *,
        events: Events,
        ownership: ReportOwnership,
        clock: Callable[[], datetime],
    ) -> None:
        self._policies = policies
        self._events = events
        self._ownership = ownership
        self._clock = clock
        self._unobserved: dict[NamespacedName, tuple[int | None, datetime]] = {}
        self._budget_hourly = OnceAnHour(clock)
        self._ignored_hourly = OnceAnHour(clock)

    async def apply(self, policy: RemediationPolicy, status: PolicyStatus) -> Mapping[str, Any] | None:
        """Write a status and its warnings; return the new document.

        Return None if nothing has changed, or if another installation writes this policy.

        Raises:
            ApiError: the request failed; it may have taken effect.
        """
        if self._is_left_to_other(policy):
            return None
        status = status.model_copy(update={"reporter": self._ownership.installation or None})
        if policy.status is not None and status.dump() == policy.status.dump():
            return None
        document = await self._policies.apply_status(policy.metadata, status.dump(), make_room=True)
        await self._warn(policy, status)
        return document

    def forget(self, key: NamespacedName) -> None:
        """Forget a deleted policy."""
        self._unobserved.pop(key, None)
        self._budget_hourly.forget(key)

    def _is_left_to_other(self, policy: RemediationPolicy) -> bool:
        """Return whether another installation, which is alive as far as is known, writes this policy."""
        metadata, stored = policy.metadata, policy.status or PolicyStatus()
        key, reporter = (metadata.namespace, metadata.name), stored.reporter or ""
        if not self._ownership.is_other(reporter) or self._ownership.is_gone(reporter):
            return False
        log.info(
            "another installation writes this policy's status",
            extra=kv(namespace=key[0], policy=key[1], reporter=reporter) | throttled("policy", key, reporter),
        )
        if stored.observed_generation == metadata.generation:
            self._unobserved.pop(key, None)
            return True
        now = self._clock()
        generation, since = self._unobserved.get(key, (None, now))
        if generation != metadata.generation:
            self._unobserved[key], since = (metadata.generation, now), now
        return now - since < TAKEOVER_AFTER

    async def _warn(self, policy: RemediationPolicy, status: PolicyStatus) -> None:
        """Log, and emit an Event, for each condition that has begun to keep the policy from acting."""
        metadata, involved = policy.metadata, _involved(policy)
        stored = {condition.type: condition for condition in (policy.status or PolicyStatus()).conditions or ()}
        for condition in status.conditions or ():
            if condition.status != _WARNS_AT.get(condition.type) or _is_known(condition, stored.get(condition.type)):
                continue
            is_ignored = condition.reason == PolicyReason.TOO_MANY_POLICIES
            if is_ignored and self._ignored_hourly.begin(metadata.namespace) is None:
                continue
            pairs = {"reason": condition.reason, "message": condition.message}
            log.warning("policy does not act", extra=kv(namespace=metadata.namespace, policy=metadata.name, **pairs))
            since = rfc3339(condition.last_transition_time)
            await self._events.record(
                involved, condition.reason, condition.message, event_type=WARNING, discriminator=since
            )

    async def warn_of_budget(self, policy: RemediationPolicy, verdicts: Sequence[PolicyVerdict]) -> None:
        """Log, and emit an Event, once an hour if a budget that policies share holds actions of this one.

        Raises:
            ApiError: the Event could not be written.
        """
        held = Counter(verdict.reason for verdict in verdicts if verdict.reason in _SHARED_BUDGETS)
        if not held or policy.spec.mode not in ACTING_MODES:
            return
        key = (policy.metadata.namespace, policy.metadata.name)
        hour = self._budget_hourly.begin(key)
        if hour is None:
            return
        for reason, runs in sorted(held.items()):
            log.warning("policy is held by a shared budget", extra=kv(namespace=key[0], policy=key[1], reason=reason))
            message = f"{runs} {'run is' if runs == 1 else 'runs are'} held: {_SHARED_BUDGETS[HoldReason(reason)]}"
            await self._events.record(_involved(policy), reason, message, event_type=WARNING, discriminator=hour)


def _is_known(condition: Condition, stored: Condition | None) -> bool:
    """Return whether a condition was stored before. The numbers in a breaker's message change all the time."""
    if stored is None or (stored.status, stored.reason) != (condition.status, condition.reason):
        return False
    return condition.type != PolicyConditionType.READY or stored.message == condition.message


def _involved(policy: RemediationPolicy) -> InvolvedObject:
    metadata = policy.metadata
    return InvolvedObject(KIND_POLICY, metadata.namespace, metadata.name, metadata.uid or "", metadata.generation or 0)
