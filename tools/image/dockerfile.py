"""Reads the Dockerfile, so that its steps are stated once."""

from __future__ import annotations

import re
import shlex
from typing import Final

from controlplane.paths import REPO_ROOT

BUILD: Final = 1
"""The stage that installs; 0 only has uv."""
RESULT: Final = 2
"""The stage that becomes the image."""


def stage(number: int) -> str:
    """Return the text of a stage, a line for each instruction."""
    text = (REPO_ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return text.split("\nFROM ")[number + 1]


def variables_of(text: str) -> dict[str, str]:
    """Return the environment that a stage sets."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("ENV "):
            found |= dict(part.split("=", 1) for part in shlex.split(line.removeprefix("ENV ")))
    return found


def steps_of(text: str) -> list[tuple[str, str]]:
    """Return what a stage does, in order: ``COPY`` from the repository with its paths, ``RUN`` with its command."""
    steps = []
    for line in text.splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "RUN" or (instruction == "COPY" and "--from=" not in rest):
            steps.append((instruction, re.sub(r"--mount=\S+", "", rest).strip()))
    return steps
