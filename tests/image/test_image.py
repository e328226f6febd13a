"""The Dockerfile's steps are read as they are, and a layer has a digest that only its content determines."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from image.dockerfile import BUILD, RESULT, stage, steps_of, variables_of
from image.layer import difference, layer_of

EPOCH = 1_700_000_000


def test_the_steps_of_the_dockerfile_are_those_of_the_build() -> None:
    first, copied, sources, second = steps_of(stage(BUILD))
    assert first == ("RUN", "uv sync --locked --no-dev --no-install-project")
    assert copied == ("COPY", "pyproject.toml uv.lock README.md LICENSE ./")
    assert sources == ("COPY", "operator operator")
    assert second[1].startswith("uv sync --locked --no-dev --no-editable")


def test_the_variables_of_a_stage_are_read_over_several_lines() -> None:
    assert variables_of(stage(BUILD))["PYC_INVALIDATION_MODE"] == "UNCHECKED_HASH"
    assert variables_of(stage(RESULT))["PATH"] == "/app/.venv/bin:${PATH}"


def a_root(folder: Path) -> Path:
    (folder / "app" / "bin").mkdir(parents=True)
    (folder / "app" / "bin" / "tool").write_text("content")
    (folder / "app" / "tool").symlink_to("bin/tool")
    return folder


def test_when_and_in_which_order_files_were_written_makes_no_difference(tmp_path: Path) -> None:
    one = layer_of(a_root(tmp_path / "one"), "app", epoch=EPOCH)
    other_root = a_root(tmp_path / "other")
    os.utime(other_root / "app" / "bin" / "tool", (EPOCH + 9, EPOCH + 9))
    os.link(other_root / "app" / "bin" / "tool", other_root / "linked")
    other = layer_of(other_root, "app", epoch=EPOCH)
    assert one.digest == other.digest
    assert difference(one, other) == ""
    assert set(one.entries) == {"app", "app/bin", "app/bin/tool", "app/tool"}


def test_content_mode_and_earlier_times_make_a_difference_that_is_named(tmp_path: Path) -> None:
    root = a_root(tmp_path / "one")
    whole = layer_of(root, "app", epoch=EPOCH)
    tool = root / "app" / "bin" / "tool"
    tool.write_text("changed")
    changed = layer_of(root, "app", epoch=EPOCH)
    tool.write_text("content")
    tool.chmod(0o755)
    executable = layer_of(root, "app", epoch=EPOCH)
    tool.chmod(0o644)
    os.utime(tool, (EPOCH - 9, EPOCH - 9))
    older = layer_of(root, "app", epoch=EPOCH)
    assert len({layer.digest for layer in (whole, changed, executable, older)}) == 4
    assert {difference(whole, layer) for layer in (changed, executable, older)} == {"app/bin/tool"}


def test_a_file_that_one_build_lacks_is_named(tmp_path: Path) -> None:
    root = a_root(tmp_path / "one")
    whole = layer_of(root, "app", epoch=EPOCH)
    shutil.rmtree(root / "app" / "bin")
    assert difference(whole, layer_of(root, "app", epoch=EPOCH)) == "app/bin, app/bin/tool"
