"""Collects the pages of the site: those of ``docs``, and the files outside of it that pages link to.

Pages link to files of the repository by relative paths, so that the links work in a checkout as well. On the site such
a file is a page below ``source/``: a Markdown file as it is, any other text as code, a folder as a list.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
SOURCE: Final = "source"
NAVIGATION: Final = "nav.yml"
_LINK: Final = re.compile(r"(!?\[[^\]]*\]\()(?!\w+:|#|/)([^)\s#]+)(#[^)\s]*)?(?=[)\s])")
_FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LANGUAGES: Final = {".yaml": "yaml", ".yml": "yaml", ".py": "python", ".json": "json", ".toml": "toml", ".lua": "lua"}
_AS_THEY_ARE: Final = (".md", ".svg")
_OUTSIDE: Final = "../"

NavItem = Any
"""A page, or a section: a mapping of its title to its pages."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site before it is built.

    Attributes:
        pages: Markdown by the path below the site's ``docs``.
        nav: the navigation.
    """

    pages: dict[str, str]
    nav: list[NavItem]


def collect() -> Site:
    """Return the site of this repository."""
    nav = yaml.safe_load((DOCS / NAVIGATION).read_text())
    pages = {path.relative_to(DOCS).as_posix(): path.read_text() for path in sorted(DOCS.rglob("*.md"))}
    outside = [posixpath.normpath(f"docs/{entry}") for entry in _leaves(nav) if entry.startswith(_OUTSIDE)]
    queue = [*pages, *_added(pages, outside)]
    while queue:
        uri = queue.pop()
        queue += _added(pages, _linked_outside(uri, pages[uri]))
    return Site({uri: rewrite_links(text, uri) for uri, text in pages.items()}, expand(nav, sorted(pages)))


def write(site: Site, folder: Path) -> None:
    """Write the site's sources into a folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns("*.md", NAVIGATION))
    for uri, text in site.pages.items():
        path = folder / "docs" / uri
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    nav = yaml.safe_dump({"nav": site.nav}, sort_keys=False, allow_unicode=True)
    (folder / "mkdocs.yml").write_text(f"{(ROOT / 'mkdocs.yml').read_text()}\n{nav}")


def rewrite_links(markdown: str, uri: str) -> str:
    """Return the page with its links as they are on the site."""

    def replaced(match: re.Match[str]) -> str:
        target = _site_uri(_target(uri, match[2]))
        return f"{match[1]}{posixpath.relpath(target, posixpath.dirname(uri) or '.')}{match[3] or ''}"

    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(replaced, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(replaced, markdown[end:])])


def expand(nav: Iterable[NavItem], uris: list[str]) -> list[NavItem]:
    """Return the navigation with each pattern replaced by the pages that match it and have no place yet.

    A page that is named has that place; otherwise the first pattern that matches it decides.
    """
    entries = list(nav)
    named = {entry for entry in _leaves(entries) if "*" not in entry}
    unplaced = [uri for uri in uris if uri not in named and not uri.startswith(f"{SOURCE}/")]
    return [one for entry in entries for one in _items(entry, unplaced)]


def _items(entry: NavItem, unplaced: list[str]) -> Iterator[NavItem]:
    if isinstance(entry, str):
        yield from _matching(entry, unplaced) if "*" in entry else [_nav_uri(entry)]
        return
    ((title, value),) = entry.items()
    below = _nav_uri(value) if isinstance(value, str) else [one for part in value for one in _items(part, unplaced)]
    if below:
        yield {title: below}


def _matching(pattern: str, unplaced: list[str]) -> list[str]:
    """Take the pages that match out of those without a place."""
    found = fnmatch.filter(unplaced, pattern)
    unplaced[:] = [uri for uri in unplaced if uri not in found]
    return found


def _nav_uri(entry: str) -> str:
    return _site_uri(posixpath.normpath(f"docs/{entry}")) if entry.startswith(_OUTSIDE) else entry


def _leaves(nav: Iterable[NavItem]) -> Iterator[str]:
    for entry in nav:
        for value in [entry] if isinstance(entry, str) else entry.values():
            yield from [value] if isinstance(value, str) else _leaves(value)


def _linked_outside(uri: str, markdown: str) -> Iterator[str]:
    for match in _LINK.finditer(_FENCE.sub("", markdown)):
        target = _target(uri, match[2])
        if not f"{target}/".startswith(("docs/", _OUTSIDE)) and (ROOT / target).exists():
            yield target


def _target(uri: str, link: str) -> str:
    """Return the path in the repository to which a link of a page leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(_repository_path(uri)), link))


def _repository_path(uri: str) -> str:
    if not uri.startswith(f"{SOURCE}/"):
        return f"docs/{uri}"
    path = uri.removeprefix(f"{SOURCE}/")
    return path if (ROOT / path).exists() else path.removesuffix(".md")


def _site_uri(path: str) -> str:
    """Return the page of the site for a path of the repository."""
    is_folder = (ROOT / path).is_dir()
    if path.startswith("docs/"):
        return f"{path.removeprefix('docs/')}{'/README.md' if is_folder else ''}"
    if is_folder:
        return f"{SOURCE}/{path}/index.md"
    return f"{SOURCE}/{path}" if path.endswith(_AS_THEY_ARE) else f"{SOURCE}/{path}.md"


def _added(pages: dict[str, str], paths: Iterable[str]) -> list[str]:
    """Add files, and folders with their files, unless they are there. Return the pages that are new."""
    new = []
    for path in paths:
        uri, source = _site_uri(path), ROOT / path
        if uri not in pages:
            pages[uri] = _page(source, path)
            new += [uri, *_added(pages, [file.relative_to(ROOT).as_posix() for file in _files(source)])]
    return new


def _page(source: Path, path: str) -> str:
    if source.is_dir():
        names = [file.relative_to(source).as_posix() for file in _files(source)]
        return "\n".join([f"# {path}", "", *(f"* [{name}]({name})" for name in names)])
    text = source.read_text(errors="replace")
    if source.suffix in _AS_THEY_ARE:
        return text
    return f"# {path}\n\n````{_LANGUAGES.get(source.suffix, 'text')}\n{text}\n````\n"


def _files(folder: Path) -> list[Path]:
    """Return the files below a folder; none of a file."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
