"""What is known of policies, Remediations and runs: caches of objects in the cluster, never counted in.

A write of ours is known at once; another's when its event was read.
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
    """A policy, and whether it may act.

    Attributes:
        document: as the API server has it.
        policy: the same, if it is valid.
        problem: why it is not.
        missing: what the operator lacks to act for it; None for nothing, once it was ``checked``.
        checked: whether that was asked for this generation.
    """

    document: Mapping[str, Any]
    policy: RemediationPolicy | None
    problem: str | None = None
    missing: str | None = None
    checked: bool = False

    @property
    def version(self) -> str:
        """Its resourceVersion."""
        return str(self.document["metadata"].get("resourceVersion", ""))

    @property
    def may_act(self) -> bool:
        """Whether its own status says so, and nothing is missing."""
        policy = self.policy
        if policy is None or not self.checked or self.missing or policy.spec.mode not in ACTING_MODES:
            return False
        status = policy.status
        return bool(status and status.enforced_since and status.observed_generation == policy.metadata.generation)


class PolicyCache:
    """All policies."""

    def __init__(self) -> None:
        self._known: dict[NamespacedName, CachedPolicy] = {}

    def __iter__(self) -> Iterator[NamespacedName]:
        """The keys of all of them, as they are now."""
        return iter(tuple(self._known))

    def get(self, key: NamespacedName) -> CachedPolicy | None:
        """A policy."""
        return self._known.get(key)

    def put(self, key: NamespacedName, known: CachedPolicy) -> None:
        """Add or replace a policy."""
        self._known[key] = known

    def remove(self, key: NamespacedName) -> CachedPolicy | None:
        """Forget a policy."""
        return self._known.pop(key, None)

    def knows(self, meta: ObjectMeta) -> bool:
        """Whether it is known as it is here, or newer."""
        known = self._known.get((meta.namespace, meta.name))
        return known is not None and version_of(known.version) >= meta.version > 0

    def in_namespace(self, namespace: str) -> list[RemediationPolicy]:
        """The valid policies of a namespace, by name."""
        found = [known.policy for key, known in sorted(self._known.items()) if key[0] == namespace]
        return [policy for policy in found if policy is not None]

    def has_any(self, namespace: str) -> bool:
        """Whether a namespace has a policy."""
        return any(key[0] == namespace for key in self._known)

    def namespaces(self) -> set[str]:
        """Namespaces that have a policy."""
        return {namespace for namespace, _ in self._known}


class RemediationIndex:
    """All Remediations, dry ones included."""

    def __init__(self) -> None:
        self._known: dict[NamespacedName, Remediation] = {}
        self._acts: dict[NamespacedName, PastAction] = {}
        self._by_uid: dict[str, NamespacedName] = {}
        self._open: set[NamespacedName] = set()
        self._about: dict[tuple[str, str], set[NamespacedName]] = {}
        self._all_acts: tuple[PastAction, ...] | None = None

    def __iter__(self) -> Iterator[Remediation]:
        """All of them, as they are now."""
        return iter(tuple(self._known.values()))

    def get(self, key: NamespacedName) -> Remediation | None:
        """A Remediation."""
        return self._known.get(key)

    def by_uid(self, uid: str) -> Remediation | None:
        """A Remediation by its uid."""
        key = self._by_uid.get(uid)
        return self._known.get(key) if key else None

    def of_run(self, run: Run, lock: LockClass, *, dry_run: bool = False) -> Remediation | None:
        """The Remediation that a run has of a lock class."""
        name = remediation_name(run.name, run.uid, run.started_at, lock, dry_run=dry_run)
        return self._known.get((run.namespace, name))

    def actions(self) -> tuple[PastAction, ...]:
        """All that locks and counts."""
        if self._all_acts is None:
            self._all_acts = tuple(self._acts.values())
        return self._all_acts

    def knows(self, meta: ObjectMeta) -> bool:
        """Whether it is known as it is here, or newer."""
        known = self._known.get((meta.namespace, meta.name))
        if known is None or known.metadata.uid != meta.uid:
            return False
        return version_of(known.metadata.resource_version or "") >= meta.version > 0

    def put(self, remediation: Remediation) -> None:
        """Add or replace a Remediation, unless a newer state of it is known."""
        metadata = remediation.metadata
        key = (metadata.namespace, metadata.name)
        before = self._known.get(key)
        if before and before.metadata.uid == metadata.uid and _version(before) > _version(remediation):
            return
        self.remove(key)
        self._known[key] = remediation
        self._by_uid[metadata.uid or ""] = key
        for uid in _uids(remediation):
            self._about.setdefault((metadata.namespace, uid), set()).add(key)
        act = past_action_of(remediation)
        if act:
            self._acts[key] = act
            if not (act.is_final and act.has_outcome):
                self._open.add(key)
        self._all_acts = None

    def remove(self, key: NamespacedName) -> Remediation | None:
        """Forget a Remediation."""
        known = self._known.pop(key, None)
        if known:
            self._by_uid.pop(known.metadata.uid or "", None)
            for uid in _uids(known):
                self._about.get((key[0], uid), set()).discard(key)
        self._acts.pop(key, None)
        self._open.discard(key)
        self._all_acts = None
        return known

    def about(self, run: Run) -> list[Remediation]:
        """All Remediations of a run's Workflow and of its chain."""
        keys = {key for uid in (run.uid, run.root_uid) for key in self._about.get((run.namespace, uid), ())}
        return [self._known[key] for key in sorted(keys)]

    def has_open(self, namespace: str) -> bool:
        """Whether a namespace has an act of which something is still to come."""
        return any(key[0] == namespace for key in self._open)


def _uids(remediation: Remediation) -> set[str]:
    return {remediation.spec.target.uid, remediation.spec.root_uid}


def _version(remediation: Remediation) -> int:
    return version_of(remediation.metadata.resource_version or "")


class RunHistory:
    """What ran in namespaces that have policies, by report, and what the policies last said of it."""

    def __init__(self) -> None:
        self._runs: dict[NamespacedName, tuple[Run, ...]] = {}
        self._verdicts: dict[NamespacedName, dict[LockClass, tuple[PolicyVerdict, ...]]] = {}
        self._all_runs: tuple[Run, ...] | None = None

    def put(self, report: WorkflowReport) -> None:
        """Add or replace the runs that a report tells of."""
        key = (report.metadata.namespace, report.metadata.name)
        runs = tuple(runs_of(report))
        if self._runs.get(key) != runs:
            self._runs[key] = runs
            self._all_runs = None

    def remove(self, key: NamespacedName) -> None:
        """Forget a report."""
        self._verdicts.pop(key, None)
        if self._runs.pop(key, None) is not None:
            self._all_runs = None

    def all(self) -> tuple[Run, ...]:
        """Each run, once for each report that tells of it."""
        if self._all_runs is None:
            unique = {(run.uid, run.started_at): run for runs in self._runs.values() for run in runs}
            self._all_runs = tuple(unique.values())
        return self._all_runs

    def reports(self, namespace: str) -> list[NamespacedName]:
        """The reports of a namespace that are known."""
        return [key for key in self._runs if key[0] == namespace]

    def note(self, key: NamespacedName, lock: LockClass, verdicts: tuple[PolicyVerdict, ...]) -> bool:
        """Keep what the policies said of the run of a report; whether it is something new."""
        said = self._verdicts.setdefault(key, {})
        if said.get(lock) == verdicts:
            return False
        said[lock] = verdicts
        return True

    def verdicts(self, namespace: str) -> Iterator[PolicyVerdict]:
        """What was said of runs in a namespace, the acts on them and whom to tell as one."""
        for key, said in self._verdicts.items():
            if key[0] == namespace:
                yield from _merged([verdict for verdicts in said.values() for verdict in verdicts])


def _merged(verdicts: list[PolicyVerdict]) -> Iterator[PolicyVerdict]:
    """One verdict for each policy: that it is about the run itself counts before whom to tell."""
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
        """What ran and what was done."""
        return History(self.runs.all(), self.remediations.actions())

    def concerns(self, namespace: str) -> bool:
        """Whether anything about a namespace has to be looked at: without policies nothing is."""
        return self.policies.has_any(namespace) or self.remediations.has_open(namespace)
