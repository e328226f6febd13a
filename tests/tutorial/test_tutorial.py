"""docs/tutorial.md as a reader does it: each command as it is printed, on a cluster of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml
from tests.eventually import eventually

from tutorial.page import Step, differences, normal, steps

pytestmark = [pytest.mark.cluster, pytest.mark.argo, pytest.mark.long]

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "tutorial.md"
CLUSTER: Final = ROOT / ".cache" / "cluster"
SERVERS: Final = ("make cluster", "make run")
READING: Final = (
    "argo get",
    "kubectl get",
    *(f"kubectl wfreport {command}" for command in ("list", "show", "simulate", "remediations")),
)
DEADLINE_SECONDS: Final = 240


class Reader:
    """Enters the commands of the page, and compares what appears with the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.exports: dict[str, list[str]] = {}
        self.servers: list[subprocess.Popen[bytes]] = []
        # Without what `make test` passes on to its children.
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
        }

    def enter(self, step: Step) -> None:
        if step.command.startswith("export "):
            self.exports.setdefault(step.terminal, []).append(step.command)
        elif step.command.startswith(SERVERS):
            self._start(step)
        elif step.command.startswith(READING):
            # A reader repeats a command until the cluster has come so far.
            eventually(lambda: self._difference(step), lambda text: not text, timeout_seconds=DEADLINE_SECONDS)
        else:
            text = self._difference(step)
            assert not text, f"$ {step.command}\n{text}"

    def stop(self) -> None:
        for server in reversed(self.servers):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                if server.poll() is None:
                    os.killpg(server.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    server.wait(timeout=20)

    def _script(self, step: Step) -> str:
        return "\n".join(["set -o pipefail", *self.exports.get(step.terminal, ()), step.command])

    def _difference(self, step: Step) -> str:
        return differences(step.output, self._run(step))

    def _run(self, step: Step) -> str:
        command = ["/bin/bash", "-c", self._script(step)]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"$ {step.command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _start(self, step: Step) -> None:
        log = self.folder / f"{step.terminal}.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                ["/bin/bash", "-c", self._script(step).replace(step.command, f"exec {step.command}")],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.servers.append(server)

        def has_shown_it() -> bool:
            assert server.poll() is None, log.read_text()
            return not differences((*step.output, "…"), _from_line(step.output[0], log.read_text()))

        eventually(has_shown_it, timeout_seconds=DEADLINE_SECONDS)


def _from_line(first: str, text: str) -> str:
    """Return the text from this line on: `make setup` may print lines before it that the page does not show."""
    lines = text.splitlines()
    begins = [number for number, line in enumerate(lines) if normal(line) == normal(first)]
    return "\n".join(lines[begins[0] :]) if begins else ""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    if CLUSTER.exists():
        pytest.fail(f"{CLUSTER} exists: a cluster of `make cluster` is running, or was killed. Stop it, or remove it.")
    with ExitStack() as stack:
        it = Reader(tmp_path)
        stack.callback(it.stop)
        yield it


def test_every_command_of_the_tutorial_gives_what_the_page_shows(reader: Reader) -> None:
    for step in steps(PAGE.read_text()):
        reader.enter(step)
    server = yaml.safe_load((CLUSTER / "kubeconfig").read_text())["clusters"][0]["cluster"]["server"]
    reader.stop()
    eventually(lambda: not CLUSTER.exists())
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", urlsplit(server).port or 0)):
        pass
