"""The result of trends, and its JSON. Each figure comes with the number of runs that it rests on."""

from datetime import datetime

import msgspec


class _Figures(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A part of the JSON: its fields are all there, and their names stay."""


class Share(_Figures, frozen=True):
    """How many of some runs succeeded; ``rate`` is between 0 and 1, and None for no runs."""

    runs: int
    succeeded: int
    rate: float | None


class DurationChange(_Figures, frozen=True):
    """The median duration of the later half of the successful runs beside that of the earlier half."""

    earlier_runs: int
    earlier_p50_seconds: int
    later_runs: int
    later_p50_seconds: int
    seconds: int
    ratio: float | None


class Durations(_Figures, frozen=True):
    """Durations of successful runs; the percentiles are None for no runs, the change for too few."""

    runs: int
    p50_seconds: int | None = None
    p95_seconds: int | None = None
    change: DurationChange | None = None


class Recovery(_Figures, frozen=True):
    """Times from the first of some failures in a row to the next success.

    Attributes:
        recoveries: number of such times.
        p50_seconds: their median.
        max_seconds: the longest.
        failing_since: end of the first of the failures that no success has followed yet.
    """

    recoveries: int
    p50_seconds: int | None = None
    max_seconds: int | None = None
    failing_since: datetime | None = None


class Waste(_Figures, frozen=True):
    """Seconds that did not bring a result forward, each with the number of runs for which they are known.

    Attributes:
        failed_attempts_seconds: attempts of steps that were followed by another attempt.
        redone_steps_seconds: steps that had succeeded before their run was resubmitted, and ran again.
        queued_seconds: waits for the start of the run, and for pods of the critical path.
    """

    failed_attempts_seconds: int
    failed_attempts_runs: int
    redone_steps_seconds: int
    redone_steps_runs: int
    queued_seconds: int
    queued_runs: int

    @property
    def seconds(self) -> int:
        """All of them."""
        return self.failed_attempts_seconds + self.redone_steps_seconds + self.queued_seconds

    @property
    def runs(self) -> int:
        """Number of runs for which at least one of them is known."""
        return max(self.failed_attempts_runs, self.redone_steps_runs, self.queued_runs)


class OriginTrend(_Figures, frozen=True):
    """Trends of the runs of a CronWorkflow, template or generateName."""

    namespace: str
    origin: str
    running: int
    success: Share
    duration: Durations
    recovery: Recovery
    waste: Waste


class FingerprintTrend(_Figures, frozen=True):
    """Runs that failed in the same way."""

    fingerprint: str
    failure_class: str
    owner: str
    runs: int
    origins: tuple[str, ...]
    first_seen_at: datetime
    last_seen_at: datetime
    last_workflow: str
    summary: str


class FlakyTemplate(_Figures, frozen=True):
    """A definition whose runs with the same parameters both passed and failed.

    Attributes:
        namespace: its namespace.
        origin: its CronWorkflow, template or generateName.
        definition: digest of the definition.
        steps: templates of the steps that failed, most often first.
        runs: number of runs that count.
        failed: how many of them failed.
        flips: how often a run ended otherwise than the one before.
        last_failed_at: end of the last one that failed.
        passes_since: successes after it; five clear the definition.
    """

    namespace: str
    origin: str
    definition: str
    steps: tuple[str, ...]
    runs: int
    failed: int
    flips: int
    last_failed_at: datetime | None
    passes_since: int


class RemediationTrend(_Figures, frozen=True):
    """What came of an action after failures of a class: the last one of each chain of runs.

    Attributes:
        action: what was done.
        failure_class: class of the failure that was answered; empty if its report is gone.
        remediations: number of Remediations.
        helped: those after which the run succeeded.
        not_helped: those after which it failed again.
        other: those that were not carried out, or of which nothing is known yet.
    """

    action: str
    failure_class: str
    remediations: int
    helped: int
    not_helped: int
    other: int


class Trends(_Figures, frozen=True):
    """Trends of many runs.

    Attributes:
        runs: number of runs that have ended.
        running: number of runs that have not.
        first_ended_at: when the first of them ended.
        last_ended_at: when the last of them ended.
        success: how many of them succeeded.
        origins: trends by CronWorkflow, template or generateName, those with most runs first.
        fingerprints: the most frequent failures.
        flaky: definitions that both passed and failed.
        flaky_runs: number of runs among which flaky ones were looked for.
        remediations: which actions helped.
    """

    runs: int
    running: int
    first_ended_at: datetime | None
    last_ended_at: datetime | None
    success: Share
    origins: tuple[OriginTrend, ...]
    fingerprints: tuple[FingerprintTrend, ...]
    flaky: tuple[FlakyTemplate, ...]
    flaky_runs: int
    remediations: tuple[RemediationTrend, ...]
