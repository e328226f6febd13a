"""Cached Remediations and runs. Everything is derived from objects in the cluster; no state is only here.

A write of the operator updates the caches at once, another client's write does so after its event.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from msgspec import Struct, structs

from wfreport.api.remediation import LockClass, Remediation
from wfreport.api.report import WorkflowReport
from wfreport.cache.policies import PolicyCache
from wfreport.cache.reports import ReportCache
from wfreport.core.decide.history import past_action_of, runs_of
from wfreport.core.decide.model import ActionTimes, History, PastAction, Run
from wfreport.core.record.policy_status import PolicyVerdict
from wfreport.core.snapshot.names import remediation_name
from wfreport.kube.objects import NamespacedName, ObjectMeta, version_of

T = TypeVar("T")


class RemediationIndex:
    """All Remediations, dry runs included, and their actions by namespace.

    What limits for all namespaces depend on is a list of times. It is derived from the actions as they change, so that
    a decision does not go through the actions of other namespaces.
    """

    def __init__(self) -> None:
        self._remediations: dict[NamespacedName, Remediation] = {}
        self._by_uid: dict[str, NamespacedName] = {}
        self._by_chain: dict[tuple[str, str], set[NamespacedName]] = {}
        self._actions: dict[str, dict[NamespacedName, PastAction]] = {}
        self._open: dict[str, dict[NamespacedName, None]] = {}
        self._actions_in: dict[str, tuple[PastAction, ...]] = {}
        self._uncounted = Counter[str]()
        self._in_flight: dict[LockClass, list[datetime]] = {lock: [] for lock in LockClass}
        self._counted: dict[LockClass, list[datetime]] = {lock: [] for lock in LockClass}
        self._times = {lock: ActionTimes(self._in_flight[lock], self._counted[lock]) for lock in LockClass}

    def __len__(self) -> int:
        """Return the number of Remediations."""
        return len(self._remediations)

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

    def actions_in(self, namespace: str) -> tuple[PastAction, ...]:
        """Return the past actions of a namespace, which hold locks and count towards limits."""
        if namespace not in self._actions:
            return ()
        if namespace not in self._actions_in:
            self._actions_in[namespace] = tuple(self._actions[namespace].values())
        return self._actions_in[namespace]

    def times_everywhere(self) -> Mapping[LockClass, ActionTimes]:
        """Return when the actions of all namespaces were performed. The sequences change with the index."""
        return self._times

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
            self._put_action(key, action)
        if action is None or not action.counts:
            self._uncounted[key[0]] += 1

    def remove(self, key: NamespacedName) -> Remediation | None:
        """Forget a Remediation, and return it."""
        removed = self._remediations.pop(key, None)
        if removed:
            self._by_uid.pop(removed.metadata.uid or "", None)
            for uid in _uids(removed):
                self._leave_chain((key[0], uid), key)
        _removed(self._open, key)
        action = _removed(self._actions, key)
        if action:
            self._actions_in.pop(key[0], None)
            for times in self._times_of(action):
                del times[bisect_left(times, action.at)]
        if removed and (action is None or not action.counts):
            self._uncounted[key[0]] -= 1
            if not self._uncounted[key[0]]:
                del self._uncounted[key[0]]
        return removed

    def of_chain(self, run: Run) -> list[Remediation]:
        """Return the Remediations of a run's Workflow and of its resubmission chain."""
        keys = {key for uid in (run.uid, run.root_uid) for key in self._by_chain.get((run.namespace, uid), ())}
        return [self._remediations[key] for key in sorted(keys)]

    def uncounted_in(self, namespace: str) -> int:
        """Return how many Remediations of a namespace no budget counts: dry runs, refusals, and open approvals."""
        return self._uncounted[namespace]

    def has_open(self, namespace: str) -> bool:
        """Return whether a namespace has an action that is not final or has no outcome yet."""
        return namespace in self._open

    def in_flight(self, lock: LockClass, since: datetime) -> int:
        """Return the number of actions in flight that were performed after a time, of all namespaces."""
        times = self._in_flight[lock]
        return len(times) - bisect_right(times, since)

    def in_flight_of_largest(self, lock: LockClass, since: datetime) -> int:
        """Return the number of those actions of the namespace that has most."""
        flying = Counter(
            namespace
            for namespace, keys in self._open.items()
            for action in map(self._actions[namespace].__getitem__, keys)
            if action.lock == lock and action.is_in_flight and action.at > since
        )
        return max(flying.values(), default=0)

    def _put_action(self, key: NamespacedName, action: PastAction) -> None:
        self._actions.setdefault(key[0], {})[key] = action
        self._actions_in.pop(key[0], None)
        if not (action.is_final and action.has_outcome):
            self._open.setdefault(key[0], {})[key] = None
        for times in self._times_of(action):
            insort(times, action.at)

    def _times_of(self, action: PastAction) -> list[list[datetime]]:
        """Return the lists that the action's time belongs to."""
        if not action.counts:
            return []
        counted = self._counted[action.lock]
        return [counted, self._in_flight[action.lock]] if action.is_in_flight else [counted]

    def _leave_chain(self, chain: tuple[str, str], key: NamespacedName) -> None:
        keys = self._by_chain.get(chain, set())
        keys.discard(key)
        if not keys:
            self._by_chain.pop(chain, None)


def _uids(remediation: Remediation) -> set[str]:
    return {remediation.spec.target.uid, remediation.spec.root_uid}


def _version(remediation: Remediation) -> int:
    return version_of(remediation.metadata.resource_version or "")


MAX_KNOWN_VERDICTS: Final = 10_000
"""Different verdicts that runs share. Fifty policies have two on each run of their namespace, most of them equal to
those on other runs: 12 kB a run, if each run had its own."""


class RunHistory:
    """The runs in namespaces that have policies, by report, with the policies' last verdicts on them."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[NamespacedName, tuple[Run, ...]]] = {}
        self._verdicts: dict[str, dict[NamespacedName, dict[LockClass, tuple[PolicyVerdict, ...]]]] = {}
        self._runs_in: dict[str, tuple[Run, ...]] = {}
        self._known_verdicts: dict[PolicyVerdict, PolicyVerdict] = {}

    def put(self, report: WorkflowReport) -> bool:
        """Add or replace the runs that a report describes. Return whether they have changed."""
        key = (report.metadata.namespace, report.metadata.name)
        runs, reports = tuple(runs_of(report)), self._runs.setdefault(key[0], {})
        if reports.get(key) == runs:
            return False
        reports[key] = runs
        self._runs_in.pop(key[0], None)
        return True

    def remove(self, key: NamespacedName) -> None:
        """Forget the runs and verdicts of a report."""
        _removed(self._verdicts, key)
        if _removed(self._runs, key) is not None:
            self._runs_in.pop(key[0], None)

    def in_namespace(self, namespace: str) -> tuple[Run, ...]:
        """Return every run of a namespace once, even if several reports describe it."""
        if namespace not in self._runs:
            return ()
        if namespace not in self._runs_in:
            runs = (run for of_report in self._runs[namespace].values() for run in of_report)
            self._runs_in[namespace] = tuple({(run.uid, run.started_at): run for run in runs}.values())
        return self._runs_in[namespace]

    def reports_in(self, namespace: str) -> list[NamespacedName]:
        """Return the reports of a namespace that describe runs."""
        return list(self._runs.get(namespace, ()))

    def record_verdicts(self, key: NamespacedName, lock: LockClass, verdicts: tuple[PolicyVerdict, ...]) -> bool:
        """Record the policies' verdicts on the run of a report. Return whether they have changed."""
        by_lock = self._verdicts.setdefault(key[0], {}).setdefault(key, {})
        if by_lock.get(lock) == verdicts:
            return False
        if len(self._known_verdicts) >= MAX_KNOWN_VERDICTS:
            self._known_verdicts.clear()
        by_lock[lock] = tuple(self._known_verdicts.setdefault(each, each) for each in verdicts)
        return True

    def verdicts(self, namespace: str, policy: str) -> Iterator[PolicyVerdict]:
        """Return a policy's verdicts on the runs of a namespace: one per run, for all lock classes together."""
        for by_lock in self._verdicts.get(namespace, {}).values():
            of_run = [verdict for verdicts in by_lock.values() for verdict in verdicts if verdict.policy == policy]
            if of_run:
                yield _merged(of_run)


def _removed(by_namespace: dict[str, dict[NamespacedName, T]], key: NamespacedName) -> T | None:
    """Remove what is stored under a key, and its namespace if nothing else is left; return it."""
    of_namespace = by_namespace.get(key[0], {})
    removed = of_namespace.pop(key, None)
    if not of_namespace:
        by_namespace.pop(key[0], None)
    return removed


def _merged(verdicts: Sequence[PolicyVerdict]) -> PolicyVerdict:
    """Merge the verdicts of one policy. The first one, on the action, takes precedence over the one on notifying."""
    return structs.replace(
        verdicts[0],
        has_matched=any(verdict.has_matched for verdict in verdicts),
        is_blocked=any(verdict.is_blocked for verdict in verdicts),
        is_proposed=any(verdict.is_proposed for verdict in verdicts),
    )


class RemediationCache(Struct, frozen=True):
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

    def history(self, namespace: str) -> History:
        """Return the runs and past actions of a namespace, as decisions need them, and the times of all actions."""
        return History(
            self.runs.in_namespace(namespace),
            self.remediations.actions_in(namespace),
            self.remediations.times_everywhere(),
        )

    def is_relevant(self, namespace: str) -> bool:
        """Return whether a namespace has policies or open actions. Reports of other namespaces are not considered."""
        return self.policies.has_any(namespace) or self.remediations.has_open(namespace)
