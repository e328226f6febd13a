"""Parsing and formatting of durations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfreport.core.timing.durations import parse_duration, short_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("45", 45), ("1d", 86400), (" 5M ", 300)],
)
def test_a_duration_is_parsed(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5m", "1.5h", "5x", "m5", "٣m", "9" * 30 + "d"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration; write 90s|too long"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (34, "34s"), (760, "12m40s"), (3720, "1h02m"), (273600, "3d04h"), (-3, "0s")]
)
def test_a_duration_is_shown_by_its_two_largest_units(seconds: float, shown: str) -> None:
    assert short_duration(seconds) == shown


@given(st.integers(0, 86_399))
def test_a_formatted_duration_can_be_parsed(seconds: int) -> None:
    assert abs(parse_duration(short_duration(seconds)).total_seconds() - seconds) < 60
