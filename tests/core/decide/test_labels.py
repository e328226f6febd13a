"""The labels of a run, as selectors ask for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wfreport.core.decide.labels import LabelSet

TEXTS = st.sampled_from(["", "a", "b", "team", "data"])


@given(labels=st.dictionaries(TEXTS, TEXTS), key=TEXTS, value=TEXTS)
def test_a_set_answers_as_the_labels_do(labels: dict[str, str], key: str, value: str) -> None:
    kept = LabelSet.of(labels)

    assert (hash(key) in kept.hashes()) == (key in labels)
    assert (hash((key, value)) in kept.hashes()) == (labels.get(key) == value)


@given(labels=st.dictionaries(TEXTS, TEXTS), others=st.dictionaries(TEXTS, TEXTS))
def test_equal_labels_are_equal_sets_in_any_order(labels: dict[str, str], others: dict[str, str]) -> None:
    assert LabelSet.of(labels) == LabelSet.of(dict(reversed(labels.items())))
    assert (LabelSet.of(labels) == LabelSet.of(others)) == (labels == others)
