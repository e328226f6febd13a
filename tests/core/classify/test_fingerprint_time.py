"""The time of a fingerprint is linear in the length of the text, whatever a program writes."""

from __future__ import annotations

from functools import partial

import pytest
from tests.core.hostile import UNITS, cpu_seconds, repeated
from tests.examples import batches

from wfreport.core.classify.fingerprint import normalise
from wfreport.core.classify.telling_line import last_informative_line


@pytest.mark.parametrize("units", batches(UNITS, name=repr))
def test_normalising_a_line_of_1024_characters_takes_milliseconds(units: list[str]) -> None:
    for unit in units:
        texts = [repeated(unit, 1024, end) for end in ("", "!", "x", "0")]
        normalise.cache_clear()
        assert cpu_seconds(partial(_normalise, texts)) < 4 * 0.005, unit


def _normalise(texts: list[str]) -> None:
    for text in texts:
        normalise.__wrapped__(text)


@pytest.mark.parametrize("units", batches(UNITS, name=repr))
def test_finding_the_last_informative_line_takes_milliseconds(units: list[str]) -> None:
    for unit in units:
        text = repeated(unit, 10_000_000)
        assert cpu_seconds(partial(last_informative_line, text)) < 0.01, unit
