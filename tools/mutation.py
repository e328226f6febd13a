"""Runs mutation tests: changes the code in thousands of small ways and counts the changes that no test detects.

    uv run --group mutation python tools/mutation.py decide

mutmut finds the tests of a function by its module's name, so it runs on a copy of the tree with the package at
the root. Property tests run on a few fixed examples, so that the result does not depend on luck.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SCRATCH: Final = ROOT / ".cache" / "mutation"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the code and the tests that must detect its mutants.

    Attributes:
        code: patterns of its modules, relative to the package's parent.
        tests: files and folders with the tests that must detect mutants.
        left_out: tests that are too slow to run thousands of times, or that other code concerns.
        needed: data that the tests read. The modules of ``tests`` that they import are found by themselves.
    """

    code: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()


RULES: Final = (
    *(f"classify/{name}" for name in ("rules", "argo_rules", "pod_rules", "verdicts", "symptom", "kubelet_messages")),
    *("snapshot/messages", "classify/roles", "snapshot/tree", "classify/fingerprint"),
)
"""The modules that find role, class and fingerprint of a failed leaf."""

PARTS: Final = {
    "decide": Part(
        code=("wfreport/core/decide/*",),
        tests=("tests/core/decide",),
        left_out=("tests/core/decide/test_laws.py",),
    ),
    "rules": Part(
        code=tuple(f"wfreport/core/{name}.py" for name in RULES),
        tests=(
            *("tests/core/classify", "tests/core/snapshot/test_messages.py", "tests/core/snapshot/test_tree.py"),
            "tests/core/test_recordings.py",
        ),
        left_out=(
            *("tests/core/classify/test_argo_literals.py", "tests/core/classify/test_fingerprint_time.py"),
            *("tests/core/classify/test_message_patterns.py", "tests/core/classify/test_telling_line.py"),
            "tests/core/classify/test_failure_reasons.py",  # reads the source, which has all mutants
        ),
        needed=("tests/recordings", "tests/field"),
    ),
}

_IMPORT: Final = re.compile(r"^from (tests[\w.]*) import \(?([\w, ]*)", re.MULTILINE)

SETTINGS: Final = """\
[project]
name = "mutated"
version = "0"

[tool.pytest.ini_options]
pythonpath = ["."]
addopts = "--import-mode=importlib -p no:cacheprovider"

[tool.mutmut]
source_paths = ["wfreport"]
only_mutate = {code}
pytest_add_cli_args_test_selection = {tests}
also_copy = ["wfreport", "tests", "tools"]
"""

FEW_EXAMPLES: Final = """\
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutation", max_examples=8, deadline=None, phases=[Phase.generate], derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutation")
"""


def prepare(name: str, part: Part) -> Path:
    """Create the copy to mutate and return its folder."""
    folder = SCRATCH / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "operator" / "wfreport", folder / "wfreport")
    shutil.copytree(ROOT / "tools" / "controlplane", folder / "tools" / "controlplane")
    for path in (*part.tests, *part.needed):
        _copy(path, folder)
    for path in part.left_out:
        (folder / path).unlink()
    _copy_imported_modules(folder)
    (folder / "tests" / "conftest.py").write_text(FEW_EXAMPLES)
    settings = SETTINGS.format(code=list(part.code), tests=[*part.tests, "-q", "-x"])
    (folder / "pyproject.toml").write_text(settings)
    return folder


def _copy(path: str, folder: Path) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / path).is_dir():
        shutil.copytree(ROOT / path, folder / path)
    else:
        shutil.copy(ROOT / path, folder / path)


def _copy_imported_modules(folder: Path) -> None:
    """Copy the modules of ``tests`` that the copied ones import, until none is missing."""
    pending = list((folder / "tests").rglob("*.py"))
    while pending:
        for path in _imported_modules(pending.pop()):
            if not (folder / path).exists():
                _copy(path, folder)
                pending.append(folder / path)


def _imported_modules(file: Path) -> Iterator[str]:
    for module, names in _IMPORT.findall(file.read_text()):
        for name in (module, *(f"{module}.{name.strip()}" for name in names.split(","))):
            path = f"{name.replace('.', '/')}.py"
            if (ROOT / path).is_file():
                yield path


def main() -> int:
    """Mutate a part and print the surviving mutants."""
    parser = argparse.ArgumentParser(
        description="Changes a part of the code and counts the changes that no test detects."
    )
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    folder = prepare(arguments.part, PARTS[arguments.part])
    mutmut = [sys.executable, "-m", "mutmut"]
    ended = subprocess.run([*mutmut, "run", "--max-children", str(arguments.processes)], cwd=folder, check=False)
    subprocess.run([*mutmut, "results"], cwd=folder, check=False)
    print(f"`mutmut show NAME` in {folder.relative_to(ROOT)} shows the change", file=sys.stderr)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
