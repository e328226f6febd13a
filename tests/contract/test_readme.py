"""What the README quotes is what the tutorial shows, which a test runs (test_pages.py checks its commands)."""

from __future__ import annotations

import re
from pathlib import Path

from tutorial.page import normal

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_what_is_quoted_beside_argo_is_in_the_tutorial() -> None:
    shown = [normal(line) for line in (ROOT / "docs" / "tutorial.md").read_text().splitlines()]
    table = README.partition("## Beside `argo get`")[2].partition("\n## ")[0]
    quotes = re.findall(r"`([^`]+)`", table.partition("| --- |")[2])
    assert len(quotes) > 5
    assert [quote for quote in quotes if not any(normal(quote) in line for line in shown)] == []
