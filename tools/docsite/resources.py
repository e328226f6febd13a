"""Finds what a browser would request from other servers to show a built site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LOADING_TAGS: Final = ("script", "img", "iframe", "link")


def external_resources(site: Path) -> list[str]:
    """Return each script, picture, frame or style of another server, as ``page: tag``."""
    return sorted(
        f"{path.relative_to(site)}: {tag}" for path in site.rglob("*.html") for tag in _external_tags(path.read_text())
    )


def _external_tags(html: str) -> Iterator[str]:
    for part in html.split("<")[1:]:
        tag = part.partition(">")[0]
        if tag.startswith(_LOADING_TAGS) and ('="http' in tag or '="//' in tag):
            yield tag
