import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfreport.core.redact.bounds import cut, cut_label, tail

LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
"""The expression of Kubernetes itself (apimachinery, validation.go)."""


def test_a_text_that_fits_is_unchanged() -> None:
    assert cut("abc", 3) == "abc"


def test_a_cut_text_ends_with_the_number_of_missing_characters() -> None:
    assert cut("x" * 2000, 1024) == "x" * 1005 + "… (+995 characters)"
    assert cut("x" * 2019, 1024) == "x" * 1003 + "… (+1,016 characters)"
    assert cut("x" * 5000, 100) == "x" * 79 + "… (+4,921 characters)"
    assert cut("abc", 40, omitted=100) == "abc… (+100 characters)"


def test_without_room_for_the_note_a_cut_text_ends_with_an_ellipsis() -> None:
    assert [cut("abcdef", length) for length in (0, 1, 3)] == ["", "…", "ab…"]


@given(text=st.text(max_size=3000), max_length=st.integers(0, 1200))
def test_a_cut_text_fits_and_counts_the_missing_characters(text: str, max_length: int) -> None:
    shown = cut(text, max_length)
    assert len(shown) <= max_length
    assert cut(shown, max_length) == shown
    note = re.search(r"… \(\+([\d,]+) characters\)$", shown)
    if len(text) > max_length and note is not None:
        assert len(text) == note.start() + int(note[1].replace(",", ""))
        assert text.startswith(shown[: note.start()])


@pytest.mark.parametrize("value", ["", "a", "etl-daily.x_7", "a" * 63, "3f9c1b8e-0a1b-4c2d-9e3f-112233445566"])
def test_a_valid_label_value_is_unchanged(value: str) -> None:
    assert cut_label(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a" * 64, "a" * 54 + "-ffe054fe"),
        ("a" * 53 + ".-" + "b" * 40, "a" * 53 + "-"),
        ("user@example.com", "user-example.com-"),
        ("-x-", "x-"),
        ("///", ""),
        ("größe", "gr--e-"),
    ],
)
def test_an_invalid_label_value_is_cut_and_hashed(value: str, shown: str) -> None:
    assert cut_label(value).startswith(shown)
    assert re.fullmatch(r"[0-9a-f]{8}", cut_label(value)[-8:])


@given(value=st.text(alphabet=st.characters(categories=None), max_size=80), other=st.text(alphabet="a-./", max_size=70))
def test_different_values_become_different_valid_labels(value: str, other: str) -> None:
    assert len(cut_label(value)) <= 63
    assert LABEL_VALUE.fullmatch(cut_label(value))
    assert (cut_label(value) == cut_label(other)) == (value == other)


@pytest.mark.parametrize(
    ("text", "lines", "max_bytes", "expected"),
    [
        ("", 5, 100, ("", False)),
        ("\n", 5, 100, ("", False)),
        ("a\nb\nc\n", 2, 100, ("b\nc", True)),
        ("a\nb\nc", 3, 100, ("a\nb\nc", False)),
        ("a\nb\n", 0, 100, ("", True)),
        ("a", 5, 0, ("", True)),
        ("", 0, 0, ("", False)),
        ("aaaa\nbbbb", 5, 6, ("bbbb", True)),
        ("aaaa\nbbbb", 5, 4, ("bbbb", True)),
        ("aaaa\nbbbb", 5, 3, ("bbb", True)),
        ("aaaa\nbbbb", 5, 9, ("aaaa\nbbbb", False)),
        ("aa\nbb\ncc", 5, 5, ("bb\ncc", True)),
        ("aa\nbb\ncc", 5, 6, ("bb\ncc", True)),
        ("ünü", 5, 3, ("nü", True)),
        ("xüü", 5, 3, ("ü", True)),
        ("a\n\n", 1, 9, ("", True)),
        ("\ud800", 1, 9, ("?", False)),
    ],
)
def test_the_tail_consists_of_the_last_whole_lines(
    text: str, lines: int, max_bytes: int, expected: tuple[str, bool]
) -> None:
    assert tail(text, lines, max_bytes) == expected


@given(text=st.text(alphabet="aü🚀\n", max_size=60), lines=st.integers(0, 8), max_bytes=st.integers(0, 40))
def test_a_tail_is_an_end_of_the_text_within_its_limits(text: str, lines: int, max_bytes: int) -> None:
    shown, truncated = tail(text, lines, max_bytes)
    body = text.removesuffix("\n")
    assert body.endswith(shown)
    assert truncated == (shown != body)
    assert len(shown.encode()) <= max_bytes
    assert shown == "" or shown.count("\n") < lines
