"""What a stream has listed, page by page, to find objects that were deleted while nobody watched.

A watch announces no deletion that happened before it began: between the initial load and the first list, or between a
watch that broke and the list after it. client-go compares its store with each list for the same reason (DeltaFIFO).
"""

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from wfreport.kube.objects import ListMeta, NamespacedName, version_of


class Listing(Struct, frozen=True):
    """The objects of a collection at one version.

    Attributes:
        plural: the kind's plural name.
        namespace: the namespace; None for all.
        version: the resourceVersion of the list's first page.
        names: what was listed.
    """

    plural: str
    namespace: str | None
    version: int
    names: set[NamespacedName] = field(default_factory=set)

    def lacks(self, name: NamespacedName, resource_version: str) -> bool:
        """Return whether an object that was cached at this version is older than the list, and not in it."""
        return (
            self.namespace in {None, name[0]}
            and name not in self.names
            and version_of(resource_version) <= self.version
        )


OnListed = Mapping[str, Callable[[Listing], None]]
"""Handles a complete list, by the kind's plural name. The lists of other kinds are not collected."""


class ListingCollector:
    """Collects the pages of each list that has a handler."""

    def __init__(self, on_listed: OnListed) -> None:
        self._on_listed = on_listed
        self._unfinished: dict[tuple[str, str | None], Listing] = {}

    def collects(self, plural: str) -> bool:
        """Return whether the lists of a kind are collected."""
        return plural in self._on_listed

    def page(
        self, plural: str, namespace: str | None, meta: ListMeta, names: set[NamespacedName], *, is_first: bool
    ) -> None:
        """Add a page. If it is the last one, hand over the list; a list whose first page was not seen is none."""
        key = (plural, namespace)
        if is_first:
            self._unfinished[key] = Listing(plural, namespace, version_of(meta.resource_version))
        listing = self._unfinished.pop(key, None)
        if listing is None:
            return
        listing.names.update(names)
        if meta.continue_token:
            self._unfinished[key] = listing
        else:
            self._on_listed[plural](listing)
