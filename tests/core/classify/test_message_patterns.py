"""A widened pattern is only a cheap test before the pattern itself: it never hides a match."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.hostile import UNITS, repeated
from tests.examples import examples, steps

from wfreport.core import classify
from wfreport.core.classify.message_patterns import MessagePattern, PatternList, message_pattern
from wfreport.core.classify.refusals import RefusalMessage
from wfreport.core.redact.bounds import ascii_bytes


def _patterns_in(value: Any) -> Iterator[MessagePattern]:
    if isinstance(value, MessagePattern):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _patterns_in(part)
    elif isinstance(value, RefusalMessage):
        yield value.pattern


PATTERNS = [
    pattern
    for found in iter_modules(classify.__path__)
    for module in [import_module(f"{classify.__name__}.{found.name}")]
    for value in vars(module).values()
    for pattern in _patterns_in(value)
]


def test_the_patterns_of_all_modules_are_found() -> None:
    assert len(PATTERNS) > 50


@settings(max_examples=examples(500), deadline=None)
@given(data=st.data(), pattern=st.sampled_from(PATTERNS), after=st.sampled_from(["", "\n", *UNITS]))
def test_a_widened_pattern_matches_every_text_that_the_exact_one_matches(
    data: st.DataObject, pattern: MessagePattern, after: str
) -> None:
    text = data.draw(st.from_regex(re.compile(pattern.pattern, pattern.exact.flags))) + after * 100
    if pattern.exact.search(text):
        assert pattern.widened.search(ascii_bytes(text)) is not None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"exec: /[\w/]{1,9}/argoexec", "exec: /var/run/argoexec"),
        (r"a[^\d]b", "a\nb"),
        (r"a[^\w\]]b", "a\nb"),
        (r"a[\].\d]b", "a]b"),
        (r"a\[\d\]b", "a[7]b"),
        (r"[a-z]\db[c]", "x7bc"),
    ],
)
def test_a_set_with_letters_or_digits_is_found_in_a_long_text(pattern: str, text: str) -> None:
    found = message_pattern(pattern).search(text + " " * 300)
    assert found is not None
    assert found.group() == text


def test_only_the_set_itself_is_widened() -> None:
    widened = message_pattern(r"a[\d]b[c]\[e").widened
    assert [text for text in (b"aXbc[e", b"aXbX[e", b"aXXc[e", b"aXbcXe") if widened.search(text)] == [b"aXbc[e"]


@pytest.mark.parametrize(
    "end", ["", "\n", " not found", "\n\nError from server (NotFound): x", "é5/5 nodes are available"]
)
def test_a_long_text_has_the_same_match_as_a_short_one(end: str) -> None:
    for unit in steps(UNITS, thinned_to=4):
        text = repeated(unit, 1_000) + end
        for pattern in PATTERNS:
            found, exact = pattern.search(text), pattern.exact.search(text)
            assert (found and found.span()) == (exact and exact.span())


def first_by_itself(patterns: list[MessagePattern], text: str) -> int | None:
    return next((index for index, pattern in enumerate(patterns) if pattern.exact.search(text)), None)


ALL = PatternList(PATTERNS)


@settings(max_examples=examples(500), deadline=None)
@given(data=st.data(), pattern=st.sampled_from(PATTERNS), after=st.sampled_from(["", "\n", *UNITS]))
def test_the_first_of_many_patterns_is_found_in_one_pass(
    data: st.DataObject, pattern: MessagePattern, after: str
) -> None:
    text = data.draw(st.from_regex(re.compile(pattern.pattern, pattern.exact.flags))) + after * 100
    assert ALL.first(text) == first_by_itself(PATTERNS, text)


def test_a_list_of_patterns_keeps_their_order_and_flags() -> None:
    patterns = [
        message_pattern("a lock"),
        message_pattern("BUG", re.IGNORECASE),
        message_pattern("b.c", re.DOTALL),
        message_pattern("b.?c"),
        message_pattern("Bug"),
    ]
    texts = ("Bug", "b\nc", "bc", "b-c Bug", "none")
    for text in (*texts, *(text + " " * 300 for text in texts)):
        assert PatternList(patterns).first(text) == first_by_itself(patterns, text)


def test_what_re2_lacks_is_dropped_before_a_long_text_is_searched() -> None:
    pattern = message_pattern(r"(?<![a-z])lock\b.{0,3} (?!is (?:not )?)(?:gone)$")
    assert pattern.search("x" * 300 + " lock a gone\n") is not None
    assert pattern.search("x" * 300 + "lock abcdef gone") is None
    assert pattern.search("x" * 300) is None
