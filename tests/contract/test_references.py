"""The repository explains itself: its texts refer to nothing outside of it, and its citations of Argo resolve."""

import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARGO_PAGE = ROOT / "docs" / "explanation" / "argo-behaviour.md"

NO_TEXT = (".gz", ".lock", ".png", ".sum")
THIS_FILE = "tests/contract/test_references.py"

OUTSIDE_DOCUMENTS = r"design|house|on-call-findings|(?<!examples/)real-node|argo-workflows"

OUTSIDE = {
    "a document that is not in the repository": rf"\b(?:{OUTSIDE_DOCUMENTS})\.md\b",
    "a folder beside the repository": r"\.\./shared\b",
    "a path of one machine": r"(?<![\w.])/(?:work|root|home|Users)/\w",
    "an issue without its repository": r"\b[Ii]ssues? #?\d|(?<![\w&/])#\d{2,6}\b",
    "a criterion of an issue": r"\bdone-criteri",
}
ALLOWED = {
    ("Dockerfile", "/root/.cache/uv"),  # a path in the image
    ("tests/core/redact/test_redact.py", "/home/app"),  # a sample of an environment
    ("docs/examples/README.md", "](real-node.md)"),
}


@functools.cache
def texts() -> list[tuple[str, str]]:
    """Return the path and the text of each tracked text file."""
    listed = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [(name, ROOT / name) for name in listed.rstrip("\0").split("\0") if name != THIS_FILE]
    return [(name, path.read_text()) for name, path in paths if path.is_file() and path.suffix not in NO_TEXT]


def is_allowed(name: str, line: str) -> bool:
    return any(name == path and text in line for path, text in ALLOWED)


@pytest.mark.parametrize("kind", OUTSIDE)
def test_no_text_refers_to(kind: str) -> None:
    pattern = re.compile(OUTSIDE[kind])
    references = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line) and not is_allowed(name, line)
    ]
    assert not references, f"{kind}:\n" + "\n".join(references)


def test_every_relative_link_of_a_page_leads_to_a_file() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in texts()
        if name.endswith(".md")
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)\s#]+)", text)
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_every_page_of_the_documentation_that_the_code_names_exists() -> None:
    missing = [
        f"{name}: {page}"
        for name, text in texts()
        if name.endswith((".py", ".toml", ".yaml"))
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", text)
        if not (ROOT / page).exists()
    ]
    assert not missing, "\n".join(missing)


def test_the_index_of_decisions_has_each_page_with_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    titles = {page.name: page.read_text().splitlines()[0] for page in folder.glob("0*.md")}
    rows = {row for row in (folder / "README.md").read_text().splitlines() if row.startswith("| 0")}
    assert rows == {
        f"| {title[2:6]} | [{title[7:]}]({name}) |" for name, title in titles.items() if name.startswith(title[2:6])
    }
    assert len(rows) == len(titles)


class TestCitationsOfArgo:
    """A file of Argo's source is cited by its name, and a line by its number at the one tag that the page names."""

    def cited_files(self) -> Iterator[tuple[str, str]]:
        for name, text in texts():
            if name.startswith(("operator/", "tests/core/")) and name.endswith(".py"):
                for cited in re.findall(r"(?:^|[\s(`,/])([a-z]\w*\.go)\b(?!\()", text):
                    yield name, cited

    def test_every_cited_file_is_in_the_table_of_the_page(self) -> None:
        table = set(re.findall(r"`(\w+\.go)`", ARGO_PAGE.read_text()))
        unknown = sorted({(name, cited) for name, cited in self.cited_files() if cited not in table})
        assert not unknown, unknown

    def test_the_page_names_the_tag_once(self) -> None:
        tags = re.findall(r"cited at tag v\d+\.\d+\.\d+\b", ARGO_PAGE.read_text())
        assert len(tags) == 1, tags

    def test_no_citation_names_a_tag_of_its_own(self) -> None:
        version = re.compile(r"\.go\b.*\bv\d+\.\d+\.\d+|\bv\d+\.\d+\.\d+\b.*\.go\b")
        own = [
            f"{name}:{number}"
            for name, text in texts()
            if name.startswith(("operator/", "tests/core/"))
            for number, line in enumerate(text.splitlines(), start=1)
            if version.search(line)
        ]
        assert not own, own
