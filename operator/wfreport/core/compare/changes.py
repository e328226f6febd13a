"""Finds what differs between two runs, from their reports alone.

A part that a report does not have is unknown, and never counts as changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from msgspec import Struct

from wfreport.api.comparison import ChangedThing, Difference, RunDefinition, TemplateDefinition
from wfreport.api.report import ReportStatus
from wfreport.api.wire import LINE
from wfreport.core.compare.parameters import stable_value, without_names
from wfreport.core.redact.bounds import cut


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
    """Return all differences between two runs, most telling first. The order does not depend on anything else."""
    old, new = before.status.definition, after.status.definition
    parameters, volatile = _changed_parameters(before, after)
    changes = [*(_changed_definitions(old, new) if old and new else ()), *parameters]
    changes.sort(key=lambda change: _ORDER[change.what])  # stable: within a kind, in the order of the definition
    return [*changes, *_changed_circumstances(before, after), *volatile]


_CONTAINER_LISTS = {"initContainers", "sidecars", "containerSet"}
_ORDER = {what: position for position, what in enumerate(ChangedThing)}


def _changed_definitions(before: RunDefinition, after: RunDefinition) -> Iterator[Difference]:
    old = {template.name: template for template in before.templates or ()}
    for template in after.templates or ():
        earlier = old.get(template.name)
        if earlier and earlier.digest != template.digest:
            yield from _changed_template(earlier, template)
    for field in _different(before.spec or {}, after.spec or {}):
        yield Difference(what=ChangedThing.SPEC, name=_line(field))


def _changed_template(before: TemplateDefinition, after: TemplateDefinition) -> Iterator[Difference]:
    others = (before.images or {}).keys() ^ (after.images or {}).keys()
    steps = list(_changed_steps(before.steps, after.steps))
    found = [
        *_changed_values(ChangedThing.IMAGE, after.name, before.images, after.images),
        *_changed_values(
            ChangedThing.RESOURCES, after.name, _without(before.resources, others), _without(after.resources, others)
        ),
        *steps,
    ]
    explained = {"order"} if any(change.before is None or change.after is None for change in steps) else set[str]()
    explained |= _CONTAINER_LISTS if others - {"main"} else set()
    is_known = before.parts is not None and after.parts is not None
    parts = _different(before.parts or {}, after.parts or {}) if is_known else []
    fields = [field for field in parts if field not in explained]
    if fields or not found:
        found.append(Difference(what=ChangedThing.TEMPLATE, name=after.name, after=_line(", ".join(fields)) or None))
    yield from found


def _without(resources: Mapping[str, str] | None, containers: Set[str]) -> dict[str, str]:
    """Return the resources of the other containers: those of a container that came or went came or went with it."""
    return {key: value for key, value in (resources or {}).items() if key.partition(".")[0] not in containers}


def _changed_values(
    what: ChangedThing, template: str, before: Mapping[str, str] | None, after: Mapping[str, str] | None
) -> Iterator[Difference]:
    """Yield the images or resources that differ; that of ``main`` has the template's name alone."""
    old, new = before or {}, after or {}
    for key in _different(old, new):
        name = template if key == "main" else f"{template}: {key.removeprefix('main.')}"
        yield Difference(what=what, name=_line(name), before=_line(old.get(key)), after=_line(new.get(key)))


def _changed_steps(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Iterator[Difference]:
    if before is None or after is None:
        return
    for name in _different(before, after):
        yield Difference(what=ChangedThing.STEP, name=_line(name), before=before.get(name), after=after.get(name))


def _different(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the keys whose values differ, those of ``after`` first."""
    keys = dict.fromkeys((*after, *before))
    return [key for key in keys if before.get(key) != after.get(key)]


def _changed_parameters(before: ComparedRun, after: ComparedRun) -> tuple[list[Difference], list[Difference]]:
    """Return the parameters that differ, and those that differ in nothing but times and ids."""
    old, new = _parameters(before), _parameters(after)
    old_names, new_names = before.own_names, after.own_names
    changed: list[Difference] = []
    volatile: list[Difference] = []
    for name in dict.fromkeys((*new, *old)):
        was, now = old.get(name), new.get(name)
        if without_names(was or "", old_names) == without_names(now or "", new_names):
            continue
        change = Difference(what=ChangedThing.PARAMETER, name=name, before=_line(was), after=_line(now))
        same = stable_value(was or "", old_names) == stable_value(now or "", new_names)
        (volatile if same else changed).append(change)
    return changed, volatile


def _parameters(run: ComparedRun) -> dict[str, str]:
    return {each.name: each.value or "" for each in run.status.parameters or ()}


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
