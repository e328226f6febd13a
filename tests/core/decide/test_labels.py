"""The labels of a run, as selectors ask for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wfreport.core.decide.labels import LabelSet

TEXTS = st.sampled_from(["", "a", "b", "team", "data"])


@given(labels=st.dictionaries(TEXTS, TEXTS), key=TEXTS, values=st.lists(TEXTS, max_size=3))
def test_a_set_answers_as_the_labels_do(labels: dict[str, str], key: str, values: list[str]) -> None:
    kept = LabelSet.of(labels)

    assert kept.has(key) == (key in labels)
    assert kept.has_value(key, values) == (labels.get(key) in values)


@given(labels=st.dictionaries(TEXTS, TEXTS), others=st.dictionaries(TEXTS, TEXTS))
def test_equal_labels_are_equal_sets_in_any_order(labels: dict[str, str], others: dict[str, str]) -> None:
    assert LabelSet.of(labels) == LabelSet.of(dict(reversed(labels.items())))
    assert (LabelSet.of(labels) == LabelSet.of(others)) == (labels == others)
