"""Objects as JSON and YAML: their text is printed as it is, unless a terminal would obey it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from wfreport.cli.render.output import print_object

LOAD: dict[str, Any] = {"json": json.loads, "yaml": yaml.safe_load}


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize(
    "unsafe", ["\x1b[31m", "\x9b2J", "\u202e", "\u2066", "\u200b", "\u200e", "\x07", "\x7f", "\u2028"], ids=ascii
)
def test_what_a_terminal_would_obey_is_printed_as_an_escape(
    capfdbinary: pytest.CaptureFixture[bytes], output: str, unsafe: str
) -> None:
    value = {"name": "größe", "message": f"a{unsafe}b", "text": f"one\ntwo{unsafe}\n", f"key{unsafe}": ["🚀"]}
    print_object(value, output)
    printed = capfdbinary.readouterr().out.decode()
    assert printed.replace("\n", "").isprintable()
    assert LOAD[output](printed) == value


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_other_text_is_printed_as_it_is(capfdbinary: pytest.CaptureFixture[bytes], output: str) -> None:
    value = {"name": "größe 👩‍💻 می‌روم", "tabs": "a\tb"}
    print_object(value, output)
    printed = capfdbinary.readouterr().out.decode()
    assert value["name"] in printed
    assert LOAD[output](printed) == value
