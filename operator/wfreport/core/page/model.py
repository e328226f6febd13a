"""The view model of a page. Every text in it is plain: whoever renders it escapes it."""

from collections.abc import Sequence

from msgspec import Struct


class Fact(Struct, frozen=True):
    """A label and its value."""

    label: str
    value: str


class NextLine(Struct, frozen=True):
    """A next step: a command line and what it is for, or a sentence alone; then ``command`` is empty."""

    command: str
    text: str


class StepLink(Struct, frozen=True):
    """The name of a step, and its anchor in the table of steps; empty if it is not there."""

    name: str
    anchor: str


class FailureCard(Struct, frozen=True):
    """One failure, or several equal ones.

    Attributes:
        title: the step.
        phrase: what happened, in words.
        badge: its class.
        meaning: who can fix it, and its role.
        facts: further details.
        log: the end of the log; empty if none is stored.
        log_title: which log it is.
        telling_line: the line of the log that tells most.
        events: events of the pod, newest last.
        attempts: earlier attempts of the step.
        anchor: the step in the table of steps; empty if it is not there.
        others: other steps that failed the same way, without those that are only counted.
        more_others: number of those that are only counted.
    """

    title: str
    phrase: str
    badge: str
    meaning: str
    facts: Sequence[Fact]
    log: str
    log_title: str
    telling_line: str
    events: Sequence[Fact]
    attempts: Sequence[str]
    anchor: str
    others: Sequence[StepLink]
    more_others: int


class ChangeRow(Struct, frozen=True):
    """A difference from the last success."""

    what: str
    name: str
    before: str
    after: str


class ComparisonCard(Struct, frozen=True):
    """What differs from earlier runs.

    Attributes:
        sentences: last success, novelty of the failure, duration against the baseline.
        changes: differences from the last success.
        more: number of differences that are not listed.
        slower: steps that took longer.
    """

    sentences: Sequence[str]
    changes: Sequence[ChangeRow]
    more: int
    slower: Sequence[str]


class Bar(Struct, frozen=True):
    """A part of a row of the timeline, on an axis from 0 to `timeline.WIDTH`; ``kind`` is wait or work."""

    x: float
    width: float
    kind: str


class TimelineRow(Struct, frozen=True):
    """A row of the timeline."""

    name: str
    anchor: str
    tone: str
    is_critical: bool
    bars: Sequence[Bar]
    took: str
    note: str


class Timeline(Struct, frozen=True):
    """The timeline of a run.

    Attributes:
        rows: a row per shown step, by start.
        idle: stretches in which nothing ran and that are drawn shorter than they were.
        notes: what the timeline shows and leaves out, in words.
    """

    rows: Sequence[TimelineRow]
    idle: Sequence[Bar]
    notes: Sequence[str]


class StepRow(Struct, frozen=True):
    """A row of the table of steps.

    Attributes:
        depth: number of steps around it.
        name: its display name.
        phase: Argo's phase.
        kind: Argo's node type.
        template: name of its template.
        anchor: fragment of a link to it.
        offset: seconds from the start of the run to its own; None if it did not start.
        seconds: its duration; None if it has not ended.
        waited: seconds of its waits, before and after its creation.
        exit_code: exit code; None if there is none.
        message: its message.
        pod: its pod; empty if there is none.
        is_critical: whether it is on the critical path.
    """

    depth: int
    name: str
    phase: str
    kind: str
    template: str
    anchor: str
    offset: int | None
    seconds: int | None
    waited: int
    exit_code: int | None
    message: str
    pod: str
    is_critical: bool


class RunPage(Struct, frozen=True):
    """The page of one run.

    Attributes:
        name: name of the Workflow.
        namespace: its namespace.
        as_of: time of the last change of the run that the report records; empty if it has no time.
        outcome: the phase, with the class of the failure.
        tone: good, bad, busy or idle.
        summary: the run in one line.
        facts: times, origin, parameters and so on.
        notes: what the report lacks.
        failures: the failures, the leading one first. Equal ones are one.
        more_failures: number of failures that are not shown.
        stalled: why the run hangs.
        waiting: what it waits for.
        next_steps: what a person does next, the most useful first.
        warnings: problems that did not fail it.
        comparison: what differs from earlier runs; None if nothing is known.
        remediation: what policies did, or why they did not.
        timeline: None if no step has started.
        steps: all steps, in the order of the tree.
        steps_note: how many steps there are, and how many of them are known here.
        earlier: earlier runs of the same Workflow.
        links: links to other views, as label and URL.
    """

    name: str
    namespace: str
    as_of: str
    outcome: str
    tone: str
    summary: str
    facts: Sequence[Fact]
    notes: Sequence[str]
    failures: Sequence[FailureCard]
    more_failures: int
    stalled: Sequence[Fact]
    waiting: Sequence[Fact]
    next_steps: Sequence[NextLine]
    warnings: Sequence[Fact]
    comparison: ComparisonCard | None
    remediation: Sequence[Fact]
    timeline: Timeline | None
    steps: Sequence[StepRow]
    steps_note: str
    earlier: Sequence[Fact]
    links: Sequence[Fact]
