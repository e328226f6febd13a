"""JSON that is nested too deeply is read without its deep values, in linear time and memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.hostile import UNITS, cpu_seconds, peak_bytes
from tests.examples import steps

from wfreport.api.nesting import MAX_LEVELS, decode_shallowly, split_list, without_deep_values

SMALL, LARGE = 20_000, 80_000
MAX_RATIO = 10

texts = st.text(st.sampled_from('a{}[]"\\:,\né\u2028 \x00'), max_size=12)
leaves = st.none() | st.booleans() | st.integers(-9, 9) | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=20
)


def nested(value: Any, levels: int, key: str) -> bytes:
    """Return a value within objects and arrays in turn, some of them with a neighbour on both sides."""
    text = json.dumps(value)
    for level in range(levels):
        text = f'{{"a":"[{{",{json.dumps(key)}:{text},"z":[]}}' if level % 2 else f"[{text} , 1]"
    return text.encode()


def cut(value: Any, levels: int) -> Any:
    """Return the value without objects and arrays below some levels: what the text scan is to leave."""
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return None
    if isinstance(value, dict):
        return {key: cut(inner, levels - 1) for key, inner in value.items()}
    return [cut(inner, levels - 1) for inner in value]


@given(value=values, levels=st.integers(0, MAX_LEVELS + 20), key=texts)
def test_a_text_loses_exactly_the_values_below_the_maximum(value: Any, levels: int, key: str) -> None:
    text = nested(value, levels, key)
    kept = without_deep_values(text)
    whole = msgspec.json.decode(text)
    assert msgspec.json.decode(kept) == cut(whole, MAX_LEVELS)
    assert without_deep_values(kept) == kept
    if cut(whole, MAX_LEVELS) == whole:
        assert kept == text, "nothing is deep, so nothing changes"
    assert decode_shallowly(msgspec.json.decode, text) == whole, "what can be decoded is decoded whole"


@given(value=values, levels=st.sampled_from([950, 1_500, 9_000]), key=texts)
def test_a_text_that_is_nested_too_deeply_is_decoded(value: Any, levels: int, key: str) -> None:
    text = b'{"first":1,"deep":' + nested(value, levels, key) + b',"last":2}'
    decoded = decode_shallowly(msgspec.json.decode, text)
    assert (decoded["first"], decoded["last"]) == (1, 2)


@given(items=st.lists(values.filter(lambda value: isinstance(value, dict | list)), max_size=4), key=texts)
def test_a_list_is_split_into_its_items_and_back(items: list[Any], key: str) -> None:
    bodies = [json.dumps(item).encode() for item in items]
    frame, found = split_list(b'{"items":[' + b" , ".join(bodies) + b"]," + json.dumps(key).encode() + b":1}")
    assert found == bodies
    assert msgspec.json.decode(frame)["items"] == list(range(len(items)))


@given(text=st.binary(max_size=60) | st.text(st.sampled_from('[]{}",:\\a1 '), max_size=60).map(str.encode))
def test_a_text_that_is_no_json_is_never_worse_than_that(text: bytes) -> None:
    def outcome(raw: bytes) -> str:
        try:
            msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "refused"
        return "decoded"

    assert without_deep_values(text) == text or outcome(text) == "refused"
    split_list(text)


def of_unit(unit: str, size: int) -> bytes:
    return (unit * (size // len(unit))).encode()


SHAPES: dict[str, Callable[[int], bytes]] = {
    "arrays": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "objects": lambda size: b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6),
    "objects with odd keys": lambda size: b'{"a\\"}":' * (size // 9) + b"1" + b"}" * (size // 9),
    "arrays that do not end": lambda size: b"[" * size,
    "ends without a beginning": lambda size: b"]" * size,
    "quotes": lambda size: b'"' * size,
    "backslashes": lambda size: b'"' + b"\\" * size,
    "escaped quotes": lambda size: b'["' + b'\\"' * (size // 2) + b'"]',
    "a string that does not end": lambda size: b'["' + b"a\\\\" * (size // 3),
    "empty strings": lambda size: b"[" + b'"",' * (size // 3) + b'""]',
    "keys": lambda size: b"{" + b'"a":1,' * (size // 6) + b'"a":1}',
    "many deep values": lambda size: b"[" + (b"[" * 1_500 + b"]" * 1_500 + b",") * (size // 3_000) + b"1]",
    "values at the maximum": lambda size: b"[" * MAX_LEVELS + b"[]," * (size // 3) + b"1" + b"]" * MAX_LEVELS,
} | {f"a text of {unit!r}": partial(of_unit, unit) for unit in UNITS}


@pytest.mark.long
@pytest.mark.parametrize("name", steps(list(SHAPES), thinned_to=8))
@pytest.mark.parametrize("scan", [without_deep_values, split_list])
def test_a_text_is_scanned_in_linear_time_and_memory(scan: Callable[[bytes], object], name: str) -> None:
    small, large = SHAPES[name](SMALL), SHAPES[name](LARGE)

    def seconds(text: bytes) -> float:
        return cpu_seconds(lambda: scan(text))

    assert seconds(large) <= MAX_RATIO * max(seconds(small), 0.01)
    # A page of the smallest objects is split into bytes objects of their own, which take 33 bytes each.
    assert peak_bytes(lambda: scan(large)) <= 60 * len(large) + (1 << 16)
