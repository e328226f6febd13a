"""Counts agree with their noun."""

import pytest

from wfreport.core.plurals import plural


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (0, "run", "0 runs"),
        (1, "run", "1 run"),
        (1200, "run", "1,200 runs"),
        (2, "success", "2 successes"),
        (2, "stretch", "2 stretches"),
        (0, "retry", "0 retries"),
        (1, "retry", "1 retry"),
    ],
)
def test_a_count_agrees_with_its_noun(number: int, noun: str, expected: str) -> None:
    assert plural(number, noun) == expected
