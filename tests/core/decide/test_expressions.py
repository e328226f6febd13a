"""Users' regular expressions cannot stop the operator."""

from __future__ import annotations

import pytest

from wfreport.core.decide.expressions import BadExpressionError, compiled, is_found


def test_an_expression_with_catastrophic_backtracking_is_fast() -> None:
    assert not is_found(r"(a+)+$", "a" * 5000 + "b")


def test_an_expression_is_searched_anywhere_unless_anchored() -> None:
    assert is_found("refused", "connection refused")
    assert not is_found("^refused", "connection refused")
    assert is_found("(?i)REFUSED$", "connection refused")
    assert is_found("größe", "die größe")


@pytest.mark.parametrize("expression", ["(", "a{1001}", r"(a)\1", "(?=a)", "(((a{100}){100}){100})"])
def test_an_invalid_expression_has_an_explanation(expression: str) -> None:
    with pytest.raises(BadExpressionError, match=r"\w+"):
        compiled(expression)
    assert not is_found(expression, "aa")


@pytest.mark.parametrize("text", [None, ""])
def test_an_empty_text_has_no_match(text: str | None) -> None:
    assert not is_found("a*", text)
