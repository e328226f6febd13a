"""The tutorial's page is read as a reader reads it, and an output that differs is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tutorial.page import Step, differences, steps

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"


def test_a_page_is_commands_with_their_output() -> None:
    page = (
        'Text.\n\n```console title="Terminal 1"\n$ make cluster\nready\n\nend\n$ true\n```\n\n```sh\nnot a step\n```\n'
    )
    assert steps(page) == [
        Step("Terminal 1", "make cluster", ("ready", "", "end")),
        Step("Terminal 1", "true", ()),
    ]


def test_output_before_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="output before the first command: ready"):
        steps('```console title="Terminal 1"\nready\n```\n')


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        ("training-49543c2bde   Failed   0   3s   1s", "training-0123456789 Failed 0 12s 2m3s"),
        ("  created    2026-11-29 01:16:06Z · 5s ago", "  created    2027-01-01 00:00:00Z · 1m10s ago"),
        ("Created:  Sun Nov 29 01:16:06 +0000 (4 seconds ago)", "Created: Mon Dec  1 01:16:06 +0000 (1 second ago)"),
        ("train: main OOMKilled …", "train: main OOMKilled at 4Gi (exit 137)"),
        ("  train        1s", "  train     ░░██   2s  waited 1s (Backoff)"),
        ("├─✖ train  1s  training-train-3619892267", "├─✖ train  1s  training-train-396129908"),
    ],
)
def test_names_times_and_widths_may_differ(shown: str, seen: str) -> None:
    assert differences((shown,), seen) == ""


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        ("limits memory 4Gi", "limits memory 6Gi"),
        ("training Failed", "training Succeeded"),
        ("exit code 1", ""),
        ("exit code 1", "exit code 1\nand more"),
        ("train: main OOMKilled …", "train: main failed at 4Gi"),
    ],
)
def test_another_output_is_noticed(shown: str, seen: str) -> None:
    assert differences((shown,), seen)


def test_an_ellipsis_alone_ends_the_comparison() -> None:
    assert differences(("first", "…"), "first\nsecond\nthird") == ""
    assert differences(("first", "…"), "other\nsecond")


def test_no_block_of_the_page_is_left_out() -> None:
    page = PAGE.read_text()
    assert page.count("```console") == page.count('```console title="Terminal ')
    assert len(steps(page)) > 12
    assert "```sh" not in page
