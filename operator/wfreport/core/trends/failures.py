"""Counts equal failures, finds flaky definitions, and counts which remediations helped."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, takewhile
from typing import Final

from wfreport.api.classes import Owner
from wfreport.api.reasons import RemediationReason
from wfreport.core.trends.facts import Failed, RemediationFact, RunFacts
from wfreport.core.trends.model import FingerprintTrend, FlakyTemplate, RemediationTrend

MAX_FINGERPRINTS: Final = 20
MAX_ORIGINS: Final = 5
CLEARING_PASSES: Final = 5
"""Successes in a row after which a definition is not flaky any more."""

_HELPED: Final = frozenset({RemediationReason.RUN_SUCCEEDED})
_NOT_HELPED: Final = frozenset({RemediationReason.RUN_FAILED})


def fingerprints(ended: Iterable[RunFacts]) -> list[FingerprintTrend]:
    """Return the most frequent failures of runs that are in the order of their ends."""
    groups: defaultdict[str, list[tuple[RunFacts, Failed]]] = defaultdict(list)
    for run in ended:
        if run.failed and run.failed.fingerprint:
            groups[run.failed.fingerprint].append((run, run.failed))
    found = [_fingerprint(key, group) for key, group in groups.items()]
    return sorted(found, key=lambda each: (-each.runs, each.fingerprint))[:MAX_FINGERPRINTS]


def _fingerprint(fingerprint: str, group: Sequence[tuple[RunFacts, Failed]]) -> FingerprintTrend:
    ends = [run.finished_at for run, _ in group if run.finished_at]
    (last, failed), origins = group[-1], Counter(run.origin for run, _ in group)
    return FingerprintTrend(
        fingerprint=fingerprint,
        failure_class=failed.failure_class,
        owner=failed.owner,
        runs=len(group),
        origins=tuple(origin for origin, _ in origins.most_common(MAX_ORIGINS)),
        first_seen_at=ends[0],
        last_seen_at=ends[-1],
        last_workflow=last.workflow,
        summary=failed.summary,
    )


FlakyKey = tuple[str, str, tuple[str, str]]


def flaky_runs(ended: Iterable[RunFacts]) -> dict[FlakyKey, list[RunFacts]]:
    """Return the runs that can show flakiness, by namespace, origin and digests of definition and parameters.

    Runs whose definition is unknown, and failures that are not the user's, are left out.
    """
    groups: defaultdict[FlakyKey, list[RunFacts]] = defaultdict(list)
    for run in ended:
        is_of_user = run.has_succeeded or (run.failed is not None and run.failed.owner == Owner.USER)
        if run.definition and is_of_user:
            groups[run.namespace, run.origin, run.definition].append(run)
    return dict(groups)


def flaky_templates(ended: Iterable[RunFacts]) -> list[FlakyTemplate]:
    """Return the definitions that both passed and failed, and did not pass five times since, worst first."""
    found = list(_flaky(flaky_runs(ended)))
    return sorted(found, key=lambda each: (-each.flips, -each.failed, each.namespace, each.origin, each.definition))


def _flaky(groups: dict[FlakyKey, list[RunFacts]]) -> Iterator[FlakyTemplate]:
    for (namespace, origin, definition), runs in groups.items():
        failed = [run for run in runs if not run.has_succeeded]
        passes = len(list(takewhile(lambda run: run.has_succeeded, reversed(runs))))
        if not failed or len(failed) == len(runs) or passes >= CLEARING_PASSES:
            continue
        steps = Counter(run.failed.template or run.failed.step for run in failed if run.failed)
        yield FlakyTemplate(
            namespace=namespace,
            origin=origin,
            definition=definition[0],
            steps=tuple(name for name, _ in steps.most_common(MAX_ORIGINS) if name),
            runs=len(runs),
            failed=len(failed),
            flips=sum(one.has_succeeded != other.has_succeeded for one, other in pairwise(runs)),
            last_failed_at=failed[-1].finished_at,
            passes_since=passes,
        )


def remediation_trends(runs: Iterable[RunFacts]) -> list[RemediationTrend]:
    """Return what came of the remediations, by action and class of the failure that the chain began with."""
    known: dict[tuple[str, str], tuple[RemediationFact, str]] = {}
    for run in runs:
        if run.remediation:
            key = run.namespace, run.remediation.name
            failure_class = run.failed.failure_class if run.failed else ""
            before = known.get(key)
            known[key] = (run.remediation, (before[1] if before else "") or failure_class)
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for remediation, failure_class in known.values():
        groups[remediation.action, failure_class].append(remediation.outcome)
    found = [_remediation(key, outcomes) for key, outcomes in groups.items()]
    return sorted(found, key=lambda each: (-each.remediations, each.action, each.failure_class))


def _remediation(key: tuple[str, str], outcomes: Sequence[str]) -> RemediationTrend:
    helped = sum(outcome in _HELPED for outcome in outcomes)
    not_helped = sum(outcome in _NOT_HELPED for outcome in outcomes)
    return RemediationTrend(*key, len(outcomes), helped, not_helped, len(outcomes) - helped - not_helped)
