"""What must stay true of the tree itself."""

import ast
import itertools
import re
import statistics
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.contract.source import OPERATOR, ROOT, definitions_in
from tests.recorded import recordings

from wfreport.setting_types import setting_variables
from wfreport.settings import Settings

VARIABLES = set(setting_variables(Settings.model_fields))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_operator_is_a_source_root_and_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), "it would shadow the standard library's operator"
    shown = run(sys.executable, "-c", "import operator; print(operator.__file__)")
    assert "wfreport" not in shown.stdout
    assert str(ROOT / "operator") not in shown.stdout


@pytest.mark.parametrize("tool", ["crds", "docs"])
def test_generated_files_are_as_the_code_makes_them(tool: str) -> None:
    checked = run(sys.executable, "-m", f"generate.{tool}", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_imports_keep_the_layers() -> None:
    checked = run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")
    assert checked.returncode == 0, checked.stdout


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert version("wfreport") == project["version"]
    assert (
        f"[{project['version']}]" in (ROOT / "CHANGELOG.md").read_text()
        or "[Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
    )


def test_every_dependency_is_justified() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    start = lines.index("dependencies = [")
    listed = lines[start + 1 : lines.index("]", start)]
    for above, line in itertools.pairwise(listed):
        assert line.lstrip().startswith("#") or above.lstrip().startswith("#"), f"{line.strip()} needs one line of why"


def test_setup_does_not_list_a_hundred_packages() -> None:
    syncs = re.findall(r"\$\(UV\) sync .*", (ROOT / "Makefile").read_text())
    assert syncs
    assert all(" --quiet " in command for command in syncs)


def test_the_operator_is_not_refused_for_variables_of_the_tools() -> None:
    read = {
        variable
        for path in (ROOT / "tools").rglob("*.py")
        for variable in re.findall(r"environ(?:\.get\(|\[)\"(WFREPORT_\w+)\"", path.read_text())
    }
    (unset,) = re.findall(r"^WITHOUT_TOOLS := env (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert read - VARIABLES == set(unset.split()) - {"-u"}


def test_there_are_recordings_to_hold_the_core_to() -> None:
    assert len(recordings()) >= 200


def test_functions_are_short() -> None:
    lines = {
        f"{path.relative_to(ROOT)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, node in definitions_in(OPERATOR)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {name: count for name, count in lines.items() if count > 60}
    assert statistics.median(lines.values()) <= 10


def test_constructors_take_few_collaborators() -> None:
    """Seven, not counting numbers; nine for the reconciler of Remediations, which joins three caches and four parts."""
    taken = {
        node.name: sum(
            argument.annotation is not None and ast.unparse(argument.annotation) not in {"int", "float", "bool"}
            for argument in (*part.args.args, *part.args.kwonlyargs)
        )
        for _, node in definitions_in(OPERATOR)
        if isinstance(node, ast.ClassDef)
        for part in node.body
        if isinstance(part, ast.FunctionDef) and part.name == "__init__"
    }
    limits = {"RemediationReconciler": 9}
    assert not {name: count for name, count in taken.items() if count > limits.get(name, 7)}


def test_values_are_structs_since_a_dataclass_takes_a_millisecond_of_each_start() -> None:
    dataclasses = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path, node in definitions_in(OPERATOR)
        if isinstance(node, ast.ClassDef)
        and any("dataclass" in ast.unparse(each).partition("(")[0].split(".") for each in node.decorator_list)
    ]
    assert not dataclasses, "derive from msgspec.Struct (docs/decisions/0048)"


def test_no_source_file_is_too_long_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("operator", "tools")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
