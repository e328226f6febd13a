"""The labels of a run, kept for the questions that selectors ask."""

from array import array
from collections.abc import Mapping
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

    def hashes(self) -> frozenset[int]:
        """Return the hashes. A set is quick to compare, and takes eight times the memory."""
        return frozenset(self._hashes)


NO_LABELS = LabelSet.of({})
