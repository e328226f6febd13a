"""The labels of a run, kept for the questions that selectors ask."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import chain

from msgspec import Struct


class LabelSet(Struct, frozen=True):
    """Labels of which 64-bit hashes are kept: one of each key, and one of each pair.

    A run has up to 64 labels of 380 characters, and a namespace has thousands of runs, all of which are kept: as text,
    the labels of one tenant could take more memory than the operator has. Python's hashes have a key that is new in
    each process, so nobody can choose labels that have the same ones.
    """

    _hashes: "array[int]"

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> "LabelSet":
        """Return the set of these labels."""
        return cls(array("q", sorted(chain(map(hash, labels), map(hash, labels.items())))))

    def has(self, key: str) -> bool:
        """Return whether there is a label with this key."""
        return self._contains(hash(key))

    def has_value(self, key: str, values: Iterable[str]) -> bool:
        """Return whether the label with this key has one of the values."""
        return any(self._contains(hash((key, value))) for value in values)

    def _contains(self, hashed: int) -> bool:
        index = bisect_left(self._hashes, hashed)
        return index < len(self._hashes) and self._hashes[index] == hashed


NO_LABELS = LabelSet.of({})
