"""The rules about reconciles that may have killed a leader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfreport.runtime.suspects import (
    DEATHS_TO_ABANDON,
    MAX_MARKS,
    LeaseRecord,
    Mark,
    MarkReason,
    after_takeover,
    bounded_marks,
    decode_record,
    encode_record,
    without,
)

MARKS = st.lists(
    st.builds(
        Mark,
        controller=st.sampled_from(["report", "capture"]),
        namespace=st.sampled_from(["a", "b"]),
        name=st.text(max_size=5),
        reason=st.sampled_from(MarkReason),
        deaths=st.integers(0, 3),
    ),
    max_size=40,
).map(bounded_marks)
RECORDS = st.builds(LeaseRecord, in_work=MARKS, suspects=MARKS, abandoned=MARKS, unexplained_deaths=st.integers(0, 5))


def mark(name: str, deaths: int = 0) -> Mark:
    return Mark(controller="report", namespace="team", name=name, reason="BlockedEventLoop", deaths=deaths)


@given(RECORDS)
def test_a_record_survives_the_lease(record: LeaseRecord) -> None:
    assert decode_record(encode_record(record)) == record


@given(RECORDS, st.booleans())
def test_the_record_stays_small_over_any_number_of_deaths(record: LeaseRecord, was_released: bool) -> None:
    successor = after_takeover(record, was_released=was_released)
    assert len(successor.suspects) <= MAX_MARKS
    assert successor.in_work == ()
    assert decode_record(encode_record(successor)) == successor


def test_an_ordinary_lease_has_no_annotation() -> None:
    assert encode_record(LeaseRecord()) == ""


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"inWork": 7}', '{"suspects": [{"deaths": "many"}]}'])
def test_what_is_not_a_record_counts_as_none(text: str) -> None:
    assert decode_record(text) == LeaseRecord()


def test_a_mark_of_a_leader_that_died_becomes_a_suspect_with_one_more_death() -> None:
    first = after_takeover(LeaseRecord(in_work=(mark("bomb"),)), was_released=False)
    assert first.suspects == (mark("bomb", 1),)
    trial = LeaseRecord(in_work=first.suspects)
    assert after_takeover(trial, was_released=False).suspects == (mark("bomb", DEATHS_TO_ABANDON),)


def test_a_suspect_that_was_not_in_work_has_no_more_deaths_than_before() -> None:
    record = LeaseRecord(in_work=(mark("bomb", 1),), suspects=(mark("slow", 1),))
    assert after_takeover(record, was_released=False).suspects == (mark("bomb", 2), mark("slow", 1))


def test_a_leader_that_stopped_killed_nothing() -> None:
    record = LeaseRecord(in_work=(mark("slow"),), suspects=(mark("bomb", 1),), unexplained_deaths=1)
    assert after_takeover(record, was_released=True) == LeaseRecord(suspects=(mark("bomb", 1),))


def test_deaths_without_a_mark_are_counted_until_one_has_a_mark() -> None:
    record = LeaseRecord()
    for deaths in (1, 2, 3):
        record = after_takeover(record, was_released=False)
        assert record.unexplained_deaths == deaths
    explained = LeaseRecord(in_work=(mark("bomb"),), unexplained_deaths=3)
    assert after_takeover(explained, was_released=False).unexplained_deaths == 0


def test_a_key_has_one_mark_the_one_with_the_most_deaths() -> None:
    assert bounded_marks([mark("a"), mark("a", 2), mark("a", 1), mark("b")]) == (mark("a", 2), mark("b"))
    assert without([mark("a"), mark("b")], mark("a").key) == (mark("b"),)
