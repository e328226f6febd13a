"""Describes a difference between two runs in words."""

from typing import Final

from wfreport.api.comparison import ChangedThing, ChangeKind, Difference

_SUBJECTS: Final = {
    ChangedThing.IMAGE: "image",
    ChangedThing.RESOURCES: "resources of",
    ChangedThing.PARAMETER: "parameter",
    ChangedThing.TEMPLATE: "template",
    ChangedThing.STEP: "step",
    ChangedThing.SPEC: "spec field",
    ChangedThing.CREATOR: "creator",
    ChangedThing.ARGO_VERSION: "Argo",
    ChangedThing.MACHINE: "machine",
}
_NONE: Final = "(none)"


def in_words(change: Difference) -> str:
    """Return a change in a few words, such as ``image etl:1.8 → 1.9``."""
    subject = _SUBJECTS[change.what]
    if change.change is ChangeKind.RENAMED:
        return f"{subject} {change.before} is now called {change.after}"
    named = f"{subject} {change.name}" if change.name and change.what is not ChangedThing.IMAGE else subject
    if change.what is ChangedThing.IMAGE and change.before and change.after:
        return f"{named} {_images(change.before, change.after)}"
    if change.before or change.after:
        return f"{named} {change.before or _NONE} → {change.after or _NONE}"
    if change.change:
        return f"{named} {'is new' if change.change is ChangeKind.ADDED else 'is gone'}"
    return f"{named} changed{_fields(change)}"


def then_and_now(change: Difference) -> tuple[str, str]:
    """Return what was and what is, for two columns of a table."""
    if change.before or change.after:
        return change.before or _NONE, change.after or _NONE
    if change.change:
        return (_NONE, "new") if change.change is ChangeKind.ADDED else ("was there", "gone")
    return "", f"changed{_fields(change)}"


def _fields(change: Difference) -> str:
    return f" ({', '.join(change.fields)})" if change.fields else ""


def _images(before: str, after: str) -> str:
    """Return two images; if they are in the same repository, its last part and the two tags or digests."""
    (old, old_sign, old_tag), (new, new_sign, new_tag) = _split_image(before), _split_image(after)
    if old == new and old_sign and new_sign:
        return f"{old.rpartition('/')[2]}{old_sign}{old_tag[:19]} → {new_tag[:19]}"
    return f"{before} → {after}"


def _split_image(image: str) -> tuple[str, str, str]:
    """Return repository, sign and tag or digest; a port of the registry is no tag."""
    if "@" in image:
        return image.partition("@")
    path, slash, last = image.rpartition("/")
    name, sign, tag = last.partition(":")
    return f"{path}{slash}{name}", sign, tag
