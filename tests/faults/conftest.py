"""The long fault suite: `make faults` and `make soak`. `make test` has a short form in tests/live."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.faults.experiment import Table
from tests.live.operator import harness

from controlplane import ControlPlane
from faults.proxy import FaultProxy

ASKED_FOR = "WFREPORT_FAULTS"
TABLE = harness.ROOT / ".cache" / "faults.md"
_table = Table()

# Minutes each: nobody meets them in `make test`.
collect_ignore_glob = [] if os.environ.get(ASKED_FOR) else ["test_*.py"]


@pytest.fixture
def table() -> Iterator[Table]:
    """The table to which each test adds its row; it is written after each, in case the session is ended early."""
    yield _table
    _table.write(TABLE)


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A control plane whose audit log counts the requests of the operator."""
    with harness.audited_plane() as started:
        yield started


@pytest.fixture
def proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    """A proxy in front of that plane, without a fault."""
    with FaultProxy(plane.server, ca=plane.ca) as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and write it to a file."""
    if _table.rows or _table.notes:
        _table.write(TABLE)
        terminalreporter.write_sep("=", f"what was seen (also in {TABLE})")
        terminalreporter.write_line(str(_table))
