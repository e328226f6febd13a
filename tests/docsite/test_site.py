"""The documentation as a site: it builds without warnings, and each page has its place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docsite.__main__ import build
from docsite.resources import external_resources
from docsite.staging import ROOT, Site, collect, expand, rewrite_links, write

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.site
def test_the_site_of_this_repository_builds_without_warnings(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    exit_code = build(tmp_path / "all")
    shown = COLOURS.sub("", "".join(capfd.readouterr()))
    assert exit_code == 0, shown
    assert "No issues found" in shown
    site = tmp_path / "all" / "site"
    for page in ("index.html", "howto/install.html", "reference/settings.html", "source/CHANGELOG.html"):
        assert (site / page).is_file(), page
    assert 'href="../source/gitops/argocd/argocd-cm.yaml.html"' in (site / "howto" / "argo-cd.html").read_text()


@pytest.mark.site
def test_a_broken_link_and_a_missing_anchor_fail_the_build(tmp_path: Path) -> None:
    pages = {
        "README.md": "# Home\n\n[page](page.md) [nowhere](nowhere.md) [anchor](page.md#nowhere)\n",
        "page.md": "# Page\n\n## A part\n\n[good](README.md#home) [own](#a-part)\n",
    }
    folder = tmp_path / "small"
    write(Site(pages, ["README.md", "page.md"]), folder)
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run(
        [zensical, "build", "--strict", "-f", "mkdocs.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    shown = COLOURS.sub("", done.stdout + done.stderr)
    assert done.returncode
    assert "2 issues found" in shown
    assert "page does not exist" in shown
    assert "anchor does not exist" in shown


def test_every_page_of_the_documentation_is_in_the_navigation_once() -> None:
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    shown = [uri for uri in _uris(collect().nav) if not uri.startswith("source/")]
    assert sorted(shown) == sorted(pages)


def test_a_new_page_of_a_folder_comes_into_its_section() -> None:
    nav = [{"How-to": ["howto/a.md", {"Runbooks": ["runbooks/*"]}, "howto/*"]}, "README.md"]
    assert expand(nav, ["README.md", "howto/a.md", "howto/b.md"]) == [
        {"How-to": ["howto/a.md", "howto/b.md"]},
        "README.md",
    ]
    assert expand(nav, ["runbooks/X.md"]) == [
        {"How-to": ["howto/a.md", {"Runbooks": ["runbooks/X.md"]}]},
        "README.md",
    ]


def test_a_page_of_a_new_folder_has_a_place_too() -> None:
    assert expand(["README.md", {"More": ["*"]}], ["README.md", "new/a.md", "source/CHANGELOG.md"]) == [
        "README.md",
        {"More": ["new/a.md"]},
    ]
    assert expand(["README.md", {"More": ["*"]}], ["README.md"]) == ["README.md"]


def test_the_first_pattern_that_matches_a_page_decides() -> None:
    assert expand([{"Operate": ["howto/alert*"]}, {"More": ["howto/*"]}], ["howto/alerts.md", "howto/x.md"]) == [
        {"Operate": ["howto/alerts.md"]},
        {"More": ["howto/x.md"]},
    ]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("../../CHANGELOG.md", "../source/CHANGELOG.md"),
        ("../../manifests/samples/oom-ladder.yaml", "../source/manifests/samples/oom-ladder.yaml.md"),
        ("../../gitops", "../source/gitops/index.md"),
        ("../decisions/", "../decisions/README.md"),
        ("upgrade.md#back-again", "upgrade.md#back-again"),
        ("https://example.com/a.md", "https://example.com/a.md"),
        ("#health", "#health"),
    ],
)
def test_links_lead_to_the_pages_of_the_site(link: str, expected: str) -> None:
    assert rewrite_links(f"See [it]({link}).", "howto/gitops.md") == f"See [it]({expected})."


def test_code_is_not_searched_for_links() -> None:
    page = "```sh\necho [a](../../CHANGELOG.md)\n```\n"
    assert rewrite_links(page, "howto/gitops.md") == page


def test_a_page_of_the_repository_links_back() -> None:
    assert rewrite_links("[map](docs/explanation/architecture.md)", "source/CONTRIBUTING.md") == (
        "[map](../explanation/architecture.md)"
    )


def test_resources_of_other_servers_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<img src="https://example.com/a.png"><a href="https://example.com">x</a>')
    assert external_resources(tmp_path) == ['a.html: img src="https://example.com/a.png"']


def _uris(nav: list[Any]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        values = entry.values() if isinstance(entry, dict) else [entry]
        for value in values:
            found += [value] if isinstance(value, str) else _uris(value)
    return found
