"""The generated pages of rights and columns are complete."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from generate import rights
from generate.columns import columns_page
from generate.kinds import KINDS
from generate.markdown import UndocumentedError

ROOT = Path(__file__).resolve().parents[2]


def test_each_right_of_the_base_and_of_each_component_is_a_row_with_a_reason() -> None:
    (role,) = yaml.safe_load_all((ROOT / "manifests" / "base" / "role.yaml").read_text())
    rows = [line.split(" | ") for line in rights.rights_page().splitlines() if line.startswith("| ")]
    assert sum(row[0] == "| base" for row in rows) == len(role["rules"])
    components = {row[0].strip("| `") for row in rows if row[0].startswith("| `")}
    assert components >= {path.name for path in (ROOT / "manifests" / "components").glob("remediate-*")}
    assert all(len(row) in (4, 5) and row[-1].strip(" |") for row in rows)


def test_a_rule_without_a_reason_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("role.yaml", "leader-election.yaml"):
        text = (ROOT / "manifests" / "base" / name).read_text()
        (tmp_path / name).write_text(text.replace("# Evidence of failed pods.\n", ""))
    monkeypatch.setattr(rights, "_BASE", tmp_path)
    monkeypatch.setattr(rights, "ROOT", tmp_path)
    with pytest.raises(UndocumentedError, match=r"role\.yaml: rule 2 has no comment"):
        rights.rights_page()


def test_each_column_of_each_kind_is_described() -> None:
    page = columns_page()
    for kind in KINDS:
        part = page.partition(f"## {kind.name}\n")[2]
        for name, *_ in (*kind.columns, *kind.wide_columns):
            assert f"| {name.upper()}" in part, (kind.name, name)
