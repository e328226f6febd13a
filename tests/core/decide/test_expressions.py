"""Users' regular expressions cannot stop the operator."""

from __future__ import annotations

import pytest

from wfreport.core.decide.expressions import BadExpressionError, compiled, is_found


def test_an_expression_that_would_take_python_for_ever_takes_no_time() -> None:
    assert not is_found(r"(a+)+$", "a" * 5000 + "b")


def test_an_expression_is_found_anywhere_unless_it_says_where() -> None:
    assert is_found("refused", "connection refused")
    assert not is_found("^refused", "connection refused")
    assert is_found("(?i)REFUSED$", "connection refused")
    assert is_found("größe", "die größe")


@pytest.mark.parametrize("expression", ["(", "a{1001}", r"(a)\1", "(?=a)", "(((a{100}){100}){100})"])
def test_a_bad_expression_says_why(expression: str) -> None:
    with pytest.raises(BadExpressionError, match=r"\w+"):
        compiled(expression)
    assert not is_found(expression, "aa")


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_is_found_in_nothing(text: str | None) -> None:
    assert not is_found("a*", text)
