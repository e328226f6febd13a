"""Finds what differs between the definitions of two runs: templates, the steps that they call, and the spec."""

import functools
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, NamedTuple

from wfreport.api.comparison import (
    MAX_CONTAINERS,
    MAX_PARTS,
    ChangedThing,
    ChangeKind,
    Difference,
    RunDefinition,
    TemplateDefinition,
    name_of_part,
)
from wfreport.api.report import Step
from wfreport.api.wire import LINE
from wfreport.core.compare.loops import split_item
from wfreport.core.redact.bounds import cut
from wfreport.core.snapshot.definition import (
    TEMPLATE_REF,
    called_in,
    digest_call_of,
    fields_of_call,
    references_of_call,
)
from wfreport.core.snapshot.digests import VALUE, digest_name, digested_names, without_volatile
from wfreport.core.snapshot.normalized import normalized_image
from wfreport.core.snapshot.quantity import format_bytes, plain_quantity

_CONTAINER_LISTS: Final = frozenset({"initContainers", "sidecars", "containerSet"})
_NAMES_A_TEMPLATE: Final = frozenset({"entrypoint", "onExit"})
_AMOUNTS: Final = "podResources."
_SCOPE: Final = "/"
"""Part of the name of a referenced template, which is known only if the run got to it."""

Changes = tuple[list[Difference], list[Difference]]
"""Differences, and those that are of times and ids alone."""


ListedSteps = tuple[Sequence[Step], Sequence[Step]]
"""The steps that the earlier and the later run list."""

_StepNames = Callable[[], tuple[Mapping[bytes, str], Mapping[bytes, str]]]
"""Returns the names of these steps by their digests. Few definitions need them."""


class _Context(NamedTuple):
    """What the comparison of one template needs of the others.

    Attributes:
        renamed: first groups of the digests of steps that call renamed templates, the later ones by the earlier ones.
        names: returns the names of the listed steps.
        references: returns the digests of the parameters that all steps of the earlier and the later run refer to.
    """

    renamed: Mapping[str, str]
    names: _StepNames
    references: Callable[[], tuple[Set[str], Set[str]]]


def changed_templates(before: RunDefinition, after: RunDefinition, listed: ListedSteps = ((), ())) -> Changes:
    """Return the differences between the templates of two runs, in the order of the later definition.

    Args:
        before: the earlier definition.
        after: the later one.
        listed: the steps that the runs list; they have the names of which a large definition has digests.
    """
    old, new = _by_name(before), _by_name(after)
    came_and_went = list(_came_and_went(before, after, old, new))
    context = _Context(
        {
            digest_call_of(each.before or ""): digest_call_of(each.after or "")
            for each in came_and_went
            if each.change is ChangeKind.RENAMED
        },
        functools.cache(lambda: (_names_by_digest(listed[0]), _names_by_digest(listed[1]))),
        functools.cache(lambda: (_references(old.values()), _references(new.values()))),
    )
    found: list[Difference] = []
    volatile: list[Difference] = []
    for name, template in new.items():
        earlier = old.get(name)
        own = name.rpartition(_SCOPE)[2] if _SCOPE in name else ""
        if own in old and own in new and (old[own], new[own]) == (_named(earlier, own), _named(template, own)):
            continue  # Argo stores templates of a workflowTemplateRef twice
        if earlier and earlier.digest != template.digest:
            found += _changed_template(earlier, template, context)
        elif earlier and earlier.steps != template.steps:
            found += _changed_steps(earlier.steps, template.steps, context)
        elif earlier and earlier.parts and template.parts and earlier.parts != template.parts:
            fields = _changed_parts(earlier.parts, template.parts, lambda part: part)
            volatile.append(Difference(what=ChangedThing.TEMPLATE, name=name, fields=fields))
    if not (found or came_and_went or volatile) and _differ_in_unlisted_templates(before, after):
        found.append(Difference(what=ChangedThing.TEMPLATE))
    return [*found, *came_and_went], volatile


def _differ_in_unlisted_templates(before: RunDefinition, after: RunDefinition) -> bool:
    """Return whether two definitions differ only in what was left out of equally many templates."""
    spec = before.spec or {}
    has_all_else = spec == (after.spec or {}) and len(spec) < MAX_PARTS and bool(before.templates)
    is_as_long = before.templates_total is not None and before.templates_total == after.templates_total
    return has_all_else and is_as_long and before.digest != after.digest


def _by_name(definition: RunDefinition) -> dict[str, TemplateDefinition]:
    """Return the templates; the content of those that Argo stores twice is recorded once."""
    templates = {template.name: template for template in definition.templates or ()}
    for name, template in templates.items():
        own = templates.get(name.rpartition(_SCOPE)[2]) if _SCOPE in name else None
        if own and own.digest == template.digest:
            templates[name] = own.model_copy(update={"name": name})
    return templates


def _named(template: TemplateDefinition | None, name: str) -> TemplateDefinition | None:
    return template.model_copy(update={"name": name}) if template else None


def changed_spec(before: RunDefinition, after: RunDefinition, came_and_went: Iterable[Difference]) -> Changes:
    """Return the differences between the other fields of two specs.

    Args:
        before: the earlier definition.
        after: the later one.
        came_and_went: the templates that did. The entrypoint may have another name only for that.
    """
    renamed = {(each.before, each.after) for each in came_and_went if each.change is ChangeKind.RENAMED}
    old, new = before.spec or {}, after.spec or {}
    found: list[Difference] = []
    volatile: list[Difference] = []
    for field in _without_inner(_different(old, new, MAX_PARTS)):
        change = Difference(
            what=ChangedThing.SPEC,
            name=_line(field),
            before=_value(field, old.get(field)),
            after=_value(field, new.get(field)),
        )
        is_known = field != TEMPLATE_REF or (field in old and field in new)  # else their content is compared
        if is_known and not (field in _NAMES_A_TEMPLATE and (change.before, change.after) in renamed):
            same = without_volatile(old.get(field)) == without_volatile(new.get(field))
            (volatile if same else found).append(change)
    return found, volatile


def _without_inner(fields: Sequence[str]) -> list[str]:
    """Return the fields without those within another one: one run has its digest, the other one its inner fields."""
    known = set(fields)
    return [each for each in fields if not any(each[:dot] in known for dot, sign in enumerate(each) if sign == ".")]


def _came_and_went(
    before: RunDefinition,
    after: RunDefinition,
    old: Mapping[str, TemplateDefinition],
    new: Mapping[str, TemplateDefinition],
) -> Iterator[Difference]:
    # one that is not listed was perhaps left out
    gone = {} if after.templates_total else _not_in(new, old)
    came = {} if before.templates_total else _not_in(old, new)
    yield from _named_changes(ChangedThing.TEMPLATE, gone, came)


def _not_in(others: Mapping[str, TemplateDefinition], templates: Mapping[str, TemplateDefinition]) -> dict[str, str]:
    return {name: each.digest for name, each in templates.items() if name not in others and _SCOPE not in name}


def _named_changes(what: ChangedThing, gone: Mapping[str, str], came: Mapping[str, str]) -> Iterator[Difference]:
    """Yield what came, went, or has another name: the only one that went, and the only one that came, with a digest."""
    old_names, new_names = _only_names(gone), _only_names(came)
    renamed = {old_names[each]: new_names[each] for each in old_names if each in new_names}
    new = set(renamed.values())
    for name in came:
        if name not in new:
            yield Difference(what=what, name=_line(name), change=ChangeKind.ADDED)
    for name in gone:
        if name in renamed:
            yield Difference(
                what=what, name=_line(renamed[name]), change=ChangeKind.RENAMED,
                before=_line(name), after=_line(renamed[name]),
            )  # fmt: skip
        else:
            yield Difference(what=what, name=_line(name), change=ChangeKind.REMOVED)


def _only_names(digests: Mapping[str, str]) -> dict[str, str]:
    """Return names by their digest, without digests that several have."""
    counts = Counter(digests.values())
    return {each: name for name, each in digests.items() if counts[each] == 1}


def _changed_template(before: TemplateDefinition, after: TemplateDefinition, context: _Context) -> list[Difference]:
    has_amounts = not (_is_digest_alone(before) or _is_digest_alone(after))
    images = (before.images or {}, after.images or {}) if has_amounts else ({}, {})
    containers = _different(*images, MAX_CONTAINERS)
    others = {each for each in containers if (each in images[0]) != (each in images[1])}
    steps = list(_changed_steps(before.steps, after.steps, context))
    steps = steps or list(_changed_names(before, after, context.names))
    explained = {"order"} if any(step.change for step in steps) else set[str]()
    explained |= _CONTAINER_LISTS if others - {"main"} else set()
    resources = (before.resources or {}, after.resources or {}) if has_amounts else ({}, {})
    # those of a container that came or went came or went with it
    amounts = [each for each in _different(*resources, MAX_PARTS) if each.partition(".")[0] not in others]
    found = [
        *_changed_values(ChangedThing.IMAGE, after.name, containers, images, normalized_image),
        *_changed_values(ChangedThing.RESOURCES, after.name, amounts, resources, plain_quantity),
        *steps,
    ]
    is_known = before.parts is not None and after.parts is not None
    parts = _changed_parts(before.parts or {}, after.parts or {}, _stable) if is_known else []
    fields = [field for field in parts if field not in explained]
    calls_renamed = bool(context.renamed) and is_known and before.steps is not None
    if fields or not (found or calls_renamed):
        found.append(Difference(what=ChangedThing.TEMPLATE, name=after.name, fields=fields or None))
    return found


def _is_digest_alone(template: TemplateDefinition) -> bool:
    """Return whether the rest of a template was left out, or may have been."""
    return template.parts is None and template.images is None and template.resources is None


def _changed_names(before: TemplateDefinition, after: TemplateDefinition, names: _StepNames) -> Iterator[Difference]:
    """Yield the steps that came or went, if a definition has the digests of their names alone.

    Steps of these names are among those that the runs list, unless they never ran.
    """
    if not (before.step_names or after.step_names):
        return
    old, new = _digested_steps(before), _digested_steps(after)
    came, went = (new - old, old - new) if old and new else ((), ())
    if came or went:
        old_names, new_names = names()
        yield from _named_steps(ChangeKind.ADDED, came, new_names)
        yield from _named_steps(ChangeKind.REMOVED, went, old_names)


def _named_steps(kind: ChangeKind, digests: Container[bytes], names: Mapping[bytes, str]) -> Iterator[Difference]:
    for digest, name in names.items():
        if digest in digests:
            yield Difference(what=ChangedThing.STEP, name=name, change=kind)


def _names_by_digest(steps: Iterable[Step]) -> dict[bytes, str]:
    names = {name if name[-1:] != ")" else split_item(name)[0]: None for name in (step.display_name for step in steps)}
    return {digest_name(name): name for name in names}


def _digested_steps(template: TemplateDefinition) -> Set[bytes]:
    if template.step_names:
        return digested_names(template.step_names)
    return {digest_name(name) for name in template.steps or ()}


def _changed_parts(
    before: Mapping[str, str], after: Mapping[str, str], known: Callable[[str | None], str | None]
) -> list[str]:
    """Return the fields that differ; short values with what they were and are."""
    fields = [key for key in _different(before, after, MAX_PARTS) if known(before.get(key)) != known(after.get(key))]
    return [_field(key, before.get(key), after.get(key)) for key in fields if not _ancestors(key) & set(fields)]


def _stable(part: str | None) -> str | None:
    """Return a part without times and uuids; None if it is of nothing else."""
    return without_volatile(part) or None


def _ancestors(field: str) -> Set[str]:
    parts = field.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def _field(key: str, before: str | None, after: str | None) -> str:
    old, new = _value(key, before), _value(key, after)
    is_digest = (before is not None and old is None) or (after is not None and new is None)
    return cut(key if is_digest else f"{key} {old or '(none)'} → {new or '(none)'}", LINE)


def _changed_values(
    what: ChangedThing,
    template: str,
    keys: Iterable[str],
    values: tuple[Mapping[str, str], Mapping[str, str]],
    normal: Callable[[str], str],
) -> Iterator[Difference]:
    """Yield the images or resources of these keys that differ; that of ``main`` has the template's name alone."""
    for key in keys:
        was, now = (each.get(key) for each in values)
        if was is not None and now is not None and normal(was) == normal(now):
            continue
        name = name_of_part([template], "" if key == "main" else key.removeprefix("main."))
        kind = ChangeKind.ADDED if was is None else ChangeKind.REMOVED if now is None else None
        yield Difference(what=what, name=_line(name), change=kind, before=_line(was), after=_line(now))


def _changed_steps(
    before: Mapping[str, str] | None, after: Mapping[str, str] | None, context: _Context
) -> Iterator[Difference]:
    if before is None or after is None:
        return
    gone = {name: each for name, each in before.items() if name not in after}
    came = {name: each for name, each in after.items() if name not in before}
    for name in after:
        was, now = before.get(name, after[name]), after[name]
        fields = _changed_fields(was, now, context) if was != now else []
        if fields:
            yield Difference(what=ChangedThing.STEP, name=_line(name), fields=fields)
    yield from _named_changes(ChangedThing.STEP, gone, came)


def _changed_fields(before: str, after: str, context: _Context) -> list[str]:
    """Return which fields of a step differ. A template that has another name is none of them."""
    fields = fields_of_call(before, after)
    if fields == ["template"] and context.renamed.get(called_in(before)) == called_in(after):
        return []
    return fields or (["arguments"] if _refers_to_another(before, after, context) else [])


def _refers_to_another(before: str, after: str, context: _Context) -> bool:
    """Return whether a step refers to the parameter of another step.

    The name of a parameter that is named after its value changes with it. Then no step refers to its earlier name any
    more, and none did to its later one.
    """
    pairs = zip(references_of_call(before), references_of_call(after), strict=False)
    old, new = context.references()
    return any(was != now and (was in new or now in old) for was, now in pairs)


def _references(templates: Iterable[TemplateDefinition]) -> Set[str]:
    calls = (call for template in templates for call in (template.steps or {}).values())
    return {reference for call in calls for reference in references_of_call(call)}


def _different(before: Mapping[str, str], after: Mapping[str, str], limit: int) -> list[str]:
    """Return the keys whose values differ, those of ``after`` first.

    A key that is missing beside ``limit`` others may have been left out: whether it came or went is unknown.
    """
    if before == after:
        return []
    keys = [key for key, value in after.items() if before.get(key) != value]
    keys += [key for key in before if key not in after]
    full = [each for each in (before, after) if len(each) >= limit]
    return [key for key in keys if all(key in each for each in full)] if full else keys


def _value(field: str, part: str | None) -> str | None:
    """Return a short value as people write it; None for a digest. Amounts are recorded without units."""
    if part is None or not part.startswith(VALUE):
        return None
    value = part.removeprefix(VALUE)
    return format_bytes(int(value)) if field.startswith(_AMOUNTS) and value.isdecimal() else _line(value)


def _line(text: str | None) -> str | None:
    return cut(text, LINE) if text is not None else None
