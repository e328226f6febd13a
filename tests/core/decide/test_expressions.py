"""Users' regular expressions cannot stop the operator."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest
from tests.core.hostile import cpu_seconds

from wfreport.core.decide.expressions import BadExpressionError, compiled, instructions_of, is_compiled, is_found


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


@pytest.mark.parametrize("expression", ["(.?){500}(.?){400}y", ".{0,1000}x", r"(\pL*\d?){40}", r"\pL{60}"])
def test_an_expression_that_would_search_for_seconds_is_too_large(expression: str) -> None:
    with pytest.raises(BadExpressionError, match=r"too large.*numbers of repetitions multiply"):
        compiled(expression)
    assert instructions_of(expression) == 0


@pytest.mark.parametrize(
    "expression",
    [
        r"(?i)(connection (reset|refused|timed ?out)|no route to host|temporary failure in name resolution)",
        r"^\s*(?:[\w.]+\.)+\w*(?:Exception|Error): .{0,100}$",
        "|".join(f"error E{number}" for number in range(22)),
    ],
)
def test_an_ordinary_expression_is_small(expression: str) -> None:
    assert 0 < instructions_of(expression) < 1_000


NOISE = "".join(random.Random(7).choices("ab", k=4_096))  # noqa: S311  (reproducible)


@pytest.mark.parametrize("text", ["ab" * 2_048, "a" * 4_096, NOISE])
def test_the_largest_expression_searches_four_thousand_characters_in_less_than_a_second(text: str) -> None:
    expression = r"\b(a|b)*a(a|b){600}\b!"
    assert instructions_of(expression) > 1_500
    assert cpu_seconds(lambda: is_found(expression, text), tries=1) < 1


def test_no_expression_has_no_instructions() -> None:
    assert instructions_of(None) == 0


def test_the_expressions_used_last_stay_compiled() -> None:
    used = uuid4().hex  # another one each time that the test runs in a process
    assert not is_compiled(used)
    for number in range(300):
        assert is_found(used, used)
        compiled(f"{used} once {number}")
    assert is_compiled(used)
    assert is_compiled(f"{used} once 299")
    assert not is_compiled(f"{used} once 0")
