"""Finds what differs between two runs, from their reports alone.

A part that a report does not have is unknown, and never counts as changed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final

from msgspec import Struct

from wfreport.api.comparison import MAX_PARTS, ChangedThing, ChangeKind, Difference, RunDefinition, name_of_part
from wfreport.api.report import ReportStatus
from wfreport.api.run import MAX_VALUES
from wfreport.api.wire import LINE
from wfreport.core.compare.parameters import without_names
from wfreport.core.compare.templates import changed_spec, changed_templates
from wfreport.core.redact.bounds import cut
from wfreport.core.redact.redactor import MASK
from wfreport.core.snapshot.digests import digest, digest_part, stable_text, without_volatile
from wfreport.imports import lazy_pattern


class ComparedRun(Struct, frozen=True):
    """A run that is compared: the name of its Workflow, and its report's status."""

    name: str
    status: ReportStatus

    @property
    def own_names(self) -> tuple[str, ...]:
        """Name and uid of the Workflow."""
        observed = self.status.observed_workflow
        return self.name, (observed.uid if observed else None) or ""


def find_changes(before: ComparedRun, after: ComparedRun) -> list[Difference]:
    """Return all differences between two runs, most telling first. The order does not depend on anything else.

    Values that the failure's message names come first, then changes of the step that failed, then images, resources,
    parameters, templates, steps, and the rest.
    """
    old, new = comparable_definitions(before, after)
    parameters, volatile = _changed_parameters(before, after)
    changes = parameters
    if old and new:
        found, unsteady = changed_templates(old, new, (before.status.steps or (), after.status.steps or ()))
        fields, unsteady_fields = changed_spec(old, new, [change for change in found if change.change])
        changes = [*_joined(found), *parameters, *fields]
        volatile = [*volatile, *unsteady, *unsteady_fields]
    failing = _failing(after.status)
    # stable: within a kind, in the order of the definition
    changes.sort(key=lambda change: _ORDER[change.what])
    if failing:
        changes.sort(key=lambda change: not _concerns(change, failing))
    if failure_text := _failure_text(after.status):
        changes.sort(key=lambda change: not _is_named(change.after or "", failure_text))
    return [*changes, *_changed_circumstances(before, after), *volatile]


_ORDER = {what: position for position, what in enumerate(ChangedThing)}
_SOUGHT_CHARACTERS: Final = 1000
_SHORTEST_NAMED, _LONGEST_NAMED = 4, 200
"""A shorter value, such as a number, stands in a message by chance."""
_COMMON_VALUES: Final = frozenset({"true", "false", "null", "none"})
_DIGEST_LENGTH: Final = 64
_DIGEST: Final = lazy_pattern(r"-[0-9a-f]{64}\Z")
"""The end of a parameter's name in Kubeflow Pipelines."""
_MAX_SEARCHED: Final = 4096
"""Times and ids are found in so many characters of values that differ: a search takes more time than all else."""
_NO_PARAMETERS: Final = digest([])
_JOINED = {ChangedThing.IMAGE, ChangedThing.RESOURCES}


def comparable_definitions(
    before: ComparedRun, after: ComparedRun
) -> tuple[RunDefinition, RunDefinition] | tuple[None, None]:
    """Return the definitions of two runs; None if one is unknown, or was recorded by another version."""
    old, new = before.status.definition, after.status.definition
    return (old, new) if old and new and old.format == new.format else (None, None)


def _failing(status: ReportStatus) -> frozenset[str]:
    """Return the template and the step of the leading failure."""
    failure = status.failures[0] if status.failures else None
    names = (failure.template_name, (failure.display_name or "").partition("(")[0]) if failure else ()
    return frozenset(name for name in names if name)


def _failure_text(status: ReportStatus) -> str:
    """Return the texts of the leading failure that may name a changed value, clipped because each value is sought."""
    failure = status.failures[0] if status.failures else None
    texts = (failure.log_line, failure.message) if failure else ()
    return "\n".join(text[:_SOUGHT_CHARACTERS] for text in texts if text)


def _is_named(value: str, text: str) -> bool:
    """Return whether a text has a value as a word of its own, where it has it first."""
    if not _SHORTEST_NAMED <= len(value) <= _LONGEST_NAMED or value.lower() in _COMMON_VALUES:
        return False
    start = text.find(value)
    around = text[max(0, start - 1) : start] + text[start + len(value) : start + len(value) + 1]
    return start >= 0 and not any(char.isalnum() or char == "_" for char in around)


def _concerns(change: Difference, names: Set[str]) -> bool:
    if change.what in {ChangedThing.PARAMETER, ChangedThing.SPEC}:
        return False
    if change.what not in _JOINED:
        return change.name in names
    return not names.isdisjoint(change.templates)


def _joined(changes: Iterable[Difference]) -> list[Difference]:
    """Join equal changes of the images and resources of several templates into one."""
    found: dict[object, Difference] = {}
    for change in changes:
        if change.what not in _JOINED:
            found[len(found)] = change
            continue
        key = (change.what, change.part, change.before, change.after)
        earlier = found.get(key)
        if earlier:
            name = name_of_part((*earlier.templates, *change.templates), change.part)
            found[key] = change.model_copy(update={"name": _line(name)})
        else:
            found[key] = change
    return list(found.values())


def _changed_parameters(before: ComparedRun, after: ComparedRun) -> tuple[list[Difference], list[Difference]]:
    """Return the parameters that differ, and those that differ in nothing but times and ids."""
    old, new = _parameters(before), _parameters(after)
    old_definition, new_definition = comparable_definitions(before, after)
    old_long, new_long = _long_parameters(old_definition), _long_parameters(new_definition)
    changed: list[Difference] = []
    volatile: list[Difference] = []
    renamed = _named_by_value((*old, *old_long), (*new, *new_long))
    old, old_long = ({renamed.get(name, name): value for name, value in each.items()} for each in (old, old_long))
    old_names, new_names = before.own_names, after.own_names
    has_all_old = has_all_parameters(before.status, old_definition)
    has_all_new = has_all_parameters(after.status, new_definition)
    searched = 0
    equal = {name for name, value in old.items() if new.get(name) == value} - old_long.keys()
    for name in (each for each in dict.fromkeys((*new, *new_long, *old, *old_long)) if each not in equal):
        was, now = old.get(name), new.get(name)
        kind = None
        if name in old_long and name in new_long:
            differs, is_stable = _compared(old_long[name], new_long[name])
        elif was is not None and now is not None:
            searched += len(was) + len(now)
            differs, is_stable = _compared_values(was, now, old_names, new_names, finds_times=searched <= _MAX_SEARCHED)
        elif was is None and name not in old_long:
            differs, is_stable, kind = has_all_old, False, ChangeKind.ADDED
        elif now is None and name not in new_long:
            differs, is_stable, kind = has_all_new, False, ChangeKind.REMOVED
        elif now is None:
            differs, is_stable = _compared_to_digest(was, new_long[name], old_names)
        else:
            differs, is_stable = _compared_to_digest(now, old_long[name], new_names)
        if differs:
            (volatile if is_stable else changed).append(_parameter(name, was, now, kind))
    return changed, volatile


def _named_by_value(before: Iterable[str], after: Iterable[str]) -> Mapping[str, str]:
    """Return the later names of parameters that are named after a digest of their value, by the earlier ones."""
    old_names, new_names = set(before), set(after)
    old, new = _undigested(old_names - new_names), _undigested(new_names - old_names)
    return {old[stem]: new[stem] for stem in old.keys() & new.keys()}


def _undigested(names: Iterable[str]) -> dict[str, str]:
    """Return names that end in a digest by the rest of them, without a rest that several have."""
    digested = [name for name in names if len(name) > _DIGEST_LENGTH and _DIGEST.search(name)]
    stems = Counter(name[:-_DIGEST_LENGTH] for name in digested)
    return {name[:-_DIGEST_LENGTH]: name for name in digested if stems[name[:-_DIGEST_LENGTH]] == 1}


def has_all_parameters(status: ReportStatus, definition: RunDefinition | None) -> bool:
    """Return whether a report has each parameter of its run, at least as a digest.

    Args:
        status: the report's status. One that would be too large lists no parameters.
        definition: its definition, if its digests can be compared.
    """
    if not status.parameters:
        return status.definition is not None and status.definition.parameters_digest == _NO_PARAMETERS
    if len(status.parameters) < MAX_VALUES:
        return True
    is_whole = definition is not None and (definition.templates is not None or not definition.truncated)
    return is_whole and len(_long_parameters(definition)) < MAX_PARTS


def _parameter(name: str, before: str | None, after: str | None, kind: ChangeKind | None) -> Difference:
    if kind is None and (before == after or before is None or after is None):  # reports do not show what differs
        return Difference(what=ChangedThing.PARAMETER, name=name)
    return Difference(what=ChangedThing.PARAMETER, name=name, change=kind, before=_line(before), after=_line(after))


def _compared(before: str, after: str) -> tuple[bool, bool]:
    """Return whether two digests differ, and whether they do in times and ids alone."""
    return before != after, without_volatile(before) == without_volatile(after)


def _compared_to_digest(value: str | None, other: str, own_names: Sequence[str]) -> tuple[bool, bool]:
    """Compare a value that one report lists with one of which the other has the digest. A redacted one is unknown."""
    if not value or MASK in value:
        return False, True
    return _compared(digest_part(without_names(value, own_names)), other)


def _compared_values(
    before: str, after: str, old_names: Sequence[str], new_names: Sequence[str], *, finds_times: bool
) -> tuple[bool, bool]:
    """Return whether two values differ, and whether they do in times and ids alone, if these are to be found."""
    before, after = without_names(before, old_names), without_names(after, new_names)
    if before == after:
        return False, True
    return True, finds_times and stable_text(before) == stable_text(after)


def _parameters(run: ComparedRun) -> dict[str, str]:
    return {each.name: each.value or "" for each in run.status.parameters or ()}


def _long_parameters(definition: RunDefinition | None) -> Mapping[str, str]:
    return (definition.parameters if definition else None) or {}


def _changed_circumstances(before: ComparedRun, after: ComparedRun) -> Iterator[Difference]:
    """Yield differences in who ran it, by which Argo, and on which machines."""
    sources = [run.status.workflow_source for run in (before, after)]
    creators = [source.creator if source else None for source in sources]
    yield from _changed_name(ChangedThing.CREATOR, creators)
    old, new = before.status.definition, after.status.definition
    if old and new:
        yield from _changed_name(ChangedThing.ARGO_VERSION, (old.argo_version, new.argo_version))
        yield from _changed_machines(old.machines or (), new.machines or ())


def _changed_name(what: ChangedThing, pair: Iterable[str | None]) -> Iterator[Difference]:
    was, now = pair
    if was and now and was != now:
        yield Difference(what=what, before=was, after=now)


def _changed_machines(before: Sequence[str], after: Sequence[str]) -> Iterator[Difference]:
    """Yield a change if a machine is new. Fewer machines are no news: a run that failed did not get to all."""
    new = [name for name in after if name not in before]
    if before and new:
        gone = [name for name in before if name not in after]
        yield Difference(
            what=ChangedThing.MACHINE, before=_line(", ".join(gone or before)), after=_line(", ".join(new))
        )


def _line(text: str | None) -> str | None:
    return cut(text, LINE) if text is not None else None
