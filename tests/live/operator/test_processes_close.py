"""A test that fails leaves no process and no open socket behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from tests.eventually import eventually
from tests.forked import start_python


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_a_process_that_nobody_waited_for_ends_when_it_is_closed(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        process = start_python("import time\ntime.sleep(600)", os.environ, out)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0)
    process.close()
    pid = process.pid
    eventually(lambda: not is_alive(pid))
    del process  # an open socket would be a ResourceWarning here, and that is an error
