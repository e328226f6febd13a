"""Cached policies, Remediations and runs. Everything is derived from objects in the cluster; no state is only here.

A write of the operator updates the caches at once, another client's write does so after its event.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wfreport.api.policy import RemediationPolicy
from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cache.reports import ReportCache
from wfreport.core.decide.history import past_action_of, runs_of
from wfreport.core.decide.model import History, PastAction, Run
from wfreport.core.decide.selection import ACTING_MODES
from wfreport.core.record.policy_status import PolicyVerdict
from wfreport.core.snapshot.names import remediation_name
from wfreport.kube.objects import NamespacedName, ObjectMeta, version_of


@dataclass(frozen=True, slots=True)
class CachedPolicy:
    """A policy, and whether the operator may perform its actions.

    Attributes:
        document: the policy as the API server sent it.
        policy: the decoded policy; None if it is invalid.
        problem: why it is invalid; None if it is valid.
        missing: permissions that the operator lacks for its actions; None if none are missing, once ``checked``.
        checked: whether the permissions were checked for this generation.
    """

    document: Mapping[str, Any]
    policy: RemediationPolicy | None
    problem: str | None = None
    missing: str | None = None
    checked: bool = False

    @property
    def resource_version(self) -> str:
        """Return the resourceVersion, or an empty string."""
        return str(self.document["metadata"].get("resourceVersion", ""))

    @property
    def may_enforce(self) -> bool:
        """Return whether the policy is enforced by its mode and status, and no permission is missing."""
        policy = self.policy
        if policy is None or not self.checked or self.missing or policy.spec.mode not in ACTING_MODES:
            return False
        status = policy.status
        return bool(status and status.enforced_since and status.observed_generation == policy.metadata.generation)


class PolicyCache:
    """All RemediationPolicies."""

    def __init__(self) -> None:
        self._policies: dict[NamespacedName, CachedPolicy] = {}

    def __iter__(self) -> Iterator[NamespacedName]:
        """Iterate over a copy of the policies' names."""
        return iter(tuple(self._policies))

    def get(self, key: NamespacedName) -> CachedPolicy | None:
        """Return a policy, or None."""
        return self._policies.get(key)

    def put(self, key: NamespacedName, policy: CachedPolicy) -> None:
        """Add or replace a policy."""
        self._policies[key] = policy

    def remove(self, key: NamespacedName) -> CachedPolicy | None:
        """Forget a policy, and return it."""
        return self._policies.pop(key, None)

    def has_version(self, meta: ObjectMeta) -> bool:
        """Return whether the cached policy is at least as new as this metadata."""
        cached = self._policies.get((meta.namespace, meta.name))
        return cached is not None and version_of(cached.resource_version) >= meta.version > 0

    def in_namespace(self, namespace: str) -> list[RemediationPolicy]:
        """Return the valid policies of a namespace, ordered by name."""
        policies = [cached.policy for key, cached in sorted(self._policies.items()) if key[0] == namespace]
        return [policy for policy in policies if policy is not None]

    def has_any(self, namespace: str) -> bool:
        """Return whether a namespace has a policy."""
        return any(key[0] == namespace for key in self._policies)

    def namespaces(self) -> set[str]:
        """Return the namespaces that have a policy."""
        return {namespace for namespace, _ in self._policies}


class RemediationIndex:
    """All Remediations, dry runs included."""

    def __init__(self) -> None:
        self._remediations: dict[NamespacedName, Remediation] = {}
        self._actions: dict[NamespacedName, PastAction] = {}
        self._by_uid: dict[str, NamespacedName] = {}
        self._open: set[NamespacedName] = set()
        self._by_chain: dict[tuple[str, str], set[NamespacedName]] = {}
        self._all_actions: tuple[PastAction, ...] | None = None

    def __iter__(self) -> Iterator[Remediation]:
        """Iterate over a copy of the Remediations."""
        return iter(tuple(self._remediations.values()))

    def get(self, key: NamespacedName) -> Remediation | None:
        """Return a Remediation, or None."""
        return self._remediations.get(key)

    def by_uid(self, uid: str) -> Remediation | None:
        """Return the Remediation with this uid, or None."""
        key = self._by_uid.get(uid)
        return self._remediations.get(key) if key else None

    def of_run(self, run: Run, lock: LockClass, *, dry_run: bool = False) -> Remediation | None:
        """Return a run's Remediation of a lock class, or None."""
        name = remediation_name(run.name, run.uid, run.started_at, lock, dry_run=dry_run)
        return self._remediations.get((run.namespace, name))

    def actions(self) -> tuple[PastAction, ...]:
        """Return all past actions, which hold locks and count towards limits."""
        if self._all_actions is None:
            self._all_actions = tuple(self._actions.values())
        return self._all_actions

    def has_version(self, meta: ObjectMeta) -> bool:
        """Return whether the cached Remediation is at least as new as this metadata."""
        cached = self._remediations.get((meta.namespace, meta.name))
        if cached is None or cached.metadata.uid != meta.uid:
            return False
        return _version(cached) >= meta.version > 0

    def put(self, remediation: Remediation) -> None:
        """Add or replace a Remediation, unless the cache has a newer version."""
        metadata = remediation.metadata
        key = (metadata.namespace, metadata.name)
        cached = self._remediations.get(key)
        if cached and cached.metadata.uid == metadata.uid and _version(cached) > _version(remediation):
            return
        self.remove(key)
        self._remediations[key] = remediation
        self._by_uid[metadata.uid or ""] = key
        for uid in _uids(remediation):
            self._by_chain.setdefault((metadata.namespace, uid), set()).add(key)
        action = past_action_of(remediation)
        if action:
            self._actions[key] = action
            if not (action.is_final and action.has_outcome):
                self._open.add(key)
        self._all_actions = None

    def remove(self, key: NamespacedName) -> Remediation | None:
        """Forget a Remediation, and return it."""
        removed = self._remediations.pop(key, None)
        if removed:
            self._by_uid.pop(removed.metadata.uid or "", None)
            for uid in _uids(removed):
                self._by_chain.get((key[0], uid), set()).discard(key)
        self._actions.pop(key, None)
        self._open.discard(key)
        self._all_actions = None
        return removed

    def of_chain(self, run: Run) -> list[Remediation]:
        """Return the Remediations of a run's Workflow and of its resubmission chain."""
        keys = {key for uid in (run.uid, run.root_uid) for key in self._by_chain.get((run.namespace, uid), ())}
        return [self._remediations[key] for key in sorted(keys)]

    def has_open(self, namespace: str) -> bool:
        """Return whether a namespace has an action that is not final or has no outcome yet."""
        return any(key[0] == namespace for key in self._open)


def _uids(remediation: Remediation) -> set[str]:
    return {remediation.spec.target.uid, remediation.spec.root_uid}


def _version(remediation: Remediation) -> int:
    return version_of(remediation.metadata.resource_version or "")


class RunHistory:
    """The runs in namespaces that have policies, by report, with the policies' last verdicts on them."""

    def __init__(self) -> None:
        self._runs: dict[NamespacedName, tuple[Run, ...]] = {}
        self._verdicts: dict[NamespacedName, dict[LockClass, tuple[PolicyVerdict, ...]]] = {}
        self._all_runs: tuple[Run, ...] | None = None

    def put(self, report: WorkflowReport) -> None:
        """Add or replace the runs that a report describes."""
        key = (report.metadata.namespace, report.metadata.name)
        runs = tuple(runs_of(report))
        if self._runs.get(key) != runs:
            self._runs[key] = runs
            self._all_runs = None

    def remove(self, key: NamespacedName) -> None:
        """Forget the runs and verdicts of a report."""
        self._verdicts.pop(key, None)
        if self._runs.pop(key, None) is not None:
            self._all_runs = None

    def all(self) -> tuple[Run, ...]:
        """Return every run once, even if several reports describe it."""
        if self._all_runs is None:
            unique = {(run.uid, run.started_at): run for runs in self._runs.values() for run in runs}
            self._all_runs = tuple(unique.values())
        return self._all_runs

    def reports_in(self, namespace: str) -> list[NamespacedName]:
        """Return the reports of a namespace that describe runs."""
        return [key for key in self._runs if key[0] == namespace]

    def record_verdicts(self, key: NamespacedName, lock: LockClass, verdicts: tuple[PolicyVerdict, ...]) -> bool:
        """Record the policies' verdicts on the run of a report. Return whether they have changed."""
        by_lock = self._verdicts.setdefault(key, {})
        if by_lock.get(lock) == verdicts:
            return False
        by_lock[lock] = verdicts
        return True

    def verdicts(self, namespace: str) -> Iterator[PolicyVerdict]:
        """Return the verdicts on the runs of a namespace: one per run and policy, for all lock classes together."""
        for key, by_lock in self._verdicts.items():
            if key[0] == namespace:
                yield from _merged([verdict for verdicts in by_lock.values() for verdict in verdicts])


def _merged(verdicts: list[PolicyVerdict]) -> Iterator[PolicyVerdict]:
    """Merge the verdicts of each policy. The first one, on the action, takes precedence over the one on notifying."""
    for policy in dict.fromkeys(verdict.policy for verdict in verdicts):
        of_policy = [verdict for verdict in verdicts if verdict.policy == policy]
        yield replace(
            of_policy[0],
            has_matched=any(verdict.has_matched for verdict in of_policy),
            is_blocked=any(verdict.is_blocked for verdict in of_policy),
            is_proposed=any(verdict.is_proposed for verdict in of_policy),
        )


@dataclass(frozen=True, slots=True)
class RemediationCache:
    """The cached objects that decisions depend on.

    Attributes:
        policies: all RemediationPolicies.
        remediations: all Remediations.
        runs: the runs of reports in namespaces that have policies.
        reports: all WorkflowReports, by their heads; the whole operator shares it.
    """

    policies: PolicyCache
    remediations: RemediationIndex
    runs: RunHistory
    reports: ReportCache

    def history(self) -> History:
        """Return the runs and past actions, as decisions need them."""
        return History(self.runs.all(), self.remediations.actions())

    def is_relevant(self, namespace: str) -> bool:
        """Return whether a namespace has policies or open actions. Reports of other namespaces are not considered."""
        return self.policies.has_any(namespace) or self.remediations.has_open(namespace)
